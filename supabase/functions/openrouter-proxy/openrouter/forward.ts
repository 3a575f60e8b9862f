/**
 * One request to OpenRouter, up to its answer's headers; to the end of the answer when it is an error.
 */
import { type Bytes, isObject, parseJsonObject } from "../bytes/encodings.ts";
import { ClientDisconnected, GatewayError } from "../errors.ts";
import { wholeIfSmall } from "./small_body.ts";

export interface OutgoingRequest {
  url: string;
  method: string;
  headers: Headers;
  body: Bytes | null;
}

export interface Upstream {
  status: number;
  headers: Headers;
  /** An answer as it streams in, or the whole body of an error that is not huge; null: it has none. */
  body: ReadableStream<Uint8Array> | Bytes | null;
  /** Ends the call at OpenRouter: the connection is closed at once. */
  abort(reason: unknown): void;
}

/** Statuses whose answers have no body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([101, 204, 205, 304]);

/**
 * Sends a request. Redirects are answers like any other: following one could carry the DID's key
 * elsewhere.
 *
 * @param clientGone aborts when the client hangs up
 * @param timeoutMs until the headers are there, and for an error until its body is; one whose body
 *   takes longer, or breaks, comes with what there is of it
 * @param fetch must not send a body twice (http/send_once.ts)
 * @throws {GatewayError} upstream_timeout, upstream_unreachable
 * @throws {ClientDisconnected}
 */
export async function forward(
  request: OutgoingRequest,
  clientGone: AbortSignal,
  timeoutMs: number,
  fetch: typeof globalThis.fetch,
): Promise<Upstream> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const message = `OpenRouter sent no response headers within ${timeoutMs} ms`;
    controller.abort(new GatewayError("upstream_timeout", message));
  }, timeoutMs);
  const hangUp = () => controller.abort(new ClientDisconnected());
  clientGone.addEventListener("abort", hangUp);
  if (clientGone.aborted) hangUp();

  const { url, ...init } = request;
  const send = () => fetch(url, { ...init, redirect: "manual", signal: controller.signal });
  try {
    const response = await send().catch((error) => {
      if (!isUnconnected(error)) throw error;
      return send();
    });
    const { status, headers } = response;
    if (status > 599) {
      await response.body?.cancel();
      throw new RangeError(`${status} is no HTTP status`);
    }
    let body: Upstream["body"] = response.body;
    if (NULL_BODY.has(status)) {
      await response.body?.cancel();
      body = null;
    } else if (status >= 400 && body !== null) {
      body = await wholeIfSmall(body);
    }
    return { status, headers, body, abort: aborter(controller) };
  } catch (cause) {
    if (controller.signal.aborted) throw controller.signal.reason;
    throw new GatewayError("upstream_unreachable", "OpenRouter could not be reached", { cause });
  } finally {
    clearTimeout(timer);
    clientGone.removeEventListener("abort", hangUp);
  }
}

/** An answer that begins a job, read to its end; one that is late, breaks or is large stays a stream. */
export async function wholeJob(upstream: Upstream, timeoutMs: number): Promise<Upstream> {
  const { body, abort } = upstream;
  if (!(body instanceof ReadableStream)) return upstream;
  const timer = setTimeout(() => {
    abort(new GatewayError("upstream_timeout", `OpenRouter took over ${timeoutMs} ms to answer`));
  }, timeoutMs);
  try {
    return { ...upstream, body: await wholeIfSmall(body) };
  } finally {
    clearTimeout(timer);
  }
}

/** By itself: a closure above would hold the request's body for as long as its answer lasts. */
function aborter(controller: AbortController): Upstream["abort"] {
  return (reason) => controller.abort(reason);
}

/**
 * Whether an error, of fetch or of `forward`, means that no connection came about: not a byte was
 * sent. Deno says so only in the message that it takes from its HTTP client (hyper-util, "client error
 * (Connect)"): Deno 2.1.4 in fetch's error itself, newer ones in its cause.
 */
export function isUnconnected(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.message.includes("client error (Connect)")) return true;
  }
  return false;
}

/**
 * Whether OpenRouter does not have the path itself, or not for POST: then nothing was called.
 *
 * @param isKnown whether the path is one of OpenRouter's, whose 404 speaks of a model or a provider
 *   unless it is the one of unknown paths
 *
 * Source: docs/openrouter.md, "Endpoints".
 */
export function knowsNoSuchPath({ status, body }: Upstream, isKnown: boolean): boolean {
  if (status === 405) return true;
  if (status !== 404 || !isKnown) return status === 404;
  const error = body instanceof Uint8Array ? parseJsonObject(body)?.error : null;
  return isObject(error) && error.message === "Not Found";
}

/**
 * Whether OpenRouter refuses the DID's key itself: deleted, or disabled.
 *
 * Source: openrouter.md, "Errors".
 */
export function refusesKey({ status, body }: Upstream): boolean {
  return status === 401 && body instanceof Uint8Array &&
    new TextDecoder().decode(body).includes("User not found.");
}
