/**
 * One call of OpenRouter that the gateway makes for itself: with the management key, which proxied calls
 * never carry; about a job, with its DID's own.
 *
 * Source: openrouter.md, "Keys".
 */
import { parseKeepingDecimals } from "../bytes/decimal.ts";
import { isObject } from "../bytes/encodings.ts";

/** What OpenRouter's management API answered instead of doing what was asked. */
export class ManagementError extends Error {
  override readonly name = "ManagementError";

  /**
   * @param status OpenRouter's HTTP status; null when no usable answer came
   * @param retryAfter OpenRouter's Retry-After, verbatim
   */
  constructor(
    message: string,
    readonly status: number | null,
    readonly retryAfter: string | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface CallOptions {
  /** JSON. */
  body?: string;
  /** What errors call the path: without ids, and fit for an operator to act on. */
  route: string;
  /** Members of the answer whose digits matter: they come as the strings that they were written as. */
  exact?: ReadonlySet<string>;
}

/**
 * @param path below OpenRouter's API, with the query
 * @returns the parsed answer
 * @throws {ManagementError}
 */
export type ManagementCall = (
  method: string,
  path: string,
  options: CallOptions,
) => Promise<unknown>;

/** How long one call may take. Shorter than the lease under which keys are created. */
const CALL_TIMEOUT_MS = 20_000;
const NONE: ReadonlySet<string> = new Set();

/** @param openrouterUrl OpenRouter's API without a trailing slash */
export function createManagementCall(
  openrouterUrl: string,
  apiKey: string,
  fetch: typeof globalThis.fetch,
): ManagementCall {
  return async (method, path, { body, route, exact = NONE }) => {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${openrouterUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body }),
        redirect: "error",
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      text = await response.text();
    } catch (cause) {
      const message = `OpenRouter did not answer ${method} ${route}`;
      throw new ManagementError(message, null, null, { cause });
    }
    if (!response.ok) {
      throw new ManagementError(
        `OpenRouter answered ${method} ${route} with status ${response.status}`,
        response.status,
        response.headers.get("retry-after"),
      );
    }
    try {
      return parseKeepingDecimals(text, exact);
    } catch {
      // No cause: a parser's message quotes the text, which may hold a plaintext key.
      throw new ManagementError(`OpenRouter answered ${method} ${route} with no JSON`, null);
    }
  };
}

/**
 * The member `data` of what a path answers; null: 404.
 *
 * @throws {ManagementError}
 */
export async function dataOf(
  call: ManagementCall,
  path: string,
  options: CallOptions,
): Promise<Record<string, unknown> | null> {
  try {
    const answer = await call("GET", path, options);
    if (isObject(answer) && isObject(answer.data)) return answer.data;
  } catch (error) {
    if (error instanceof ManagementError && error.status === 404) return null;
    throw error;
  }
  throw new ManagementError(`OpenRouter's answer to GET ${options.route} lacks its data`, null);
}
