/**
 * One request to OpenRouter, up to its response's headers.
 */
import type { Bytes } from "../bytes.ts";
import { GatewayError } from "../errors.ts";

export interface OutgoingRequest {
  url: string;
  method: string;
  headers: Headers;
  body: Bytes | null;
}

export interface Upstream {
  response: Response;
  /** Ends the call at OpenRouter: the connection is closed at once. */
  abort(reason: unknown): void;
}

/** The client went away; nobody reads the response that is made of this. */
export class ClientDisconnected extends Error {
  override readonly name = "ClientDisconnected";
}

/**
 * Sends a request and waits for the headers of the answer. Redirects are answers like any other:
 * following one could carry the DID's key elsewhere.
 *
 * @param clientGone aborts when the client hangs up
 * @throws {GatewayError} upstream_timeout, upstream_unreachable
 * @throws {ClientDisconnected}
 */
export async function forward(
  request: OutgoingRequest,
  clientGone: AbortSignal,
  headersTimeoutMs: number,
  fetch: typeof globalThis.fetch,
): Promise<Upstream> {
  const controller = new AbortController();
  const timeout = new GatewayError(
    "upstream_timeout",
    `OpenRouter sent no response headers within ${headersTimeoutMs} ms`,
  );
  const timer = setTimeout(() => controller.abort(timeout), headersTimeoutMs);
  const hangUp = () => controller.abort(new ClientDisconnected());
  clientGone.addEventListener("abort", hangUp);
  if (clientGone.aborted) hangUp();
  try {
    const { url, ...init } = request;
    const response = await fetch(url, { ...init, redirect: "manual", signal: controller.signal });
    return { response, abort: (reason) => controller.abort(reason) };
  } catch (cause) {
    if (controller.signal.aborted) throw controller.signal.reason;
    throw new GatewayError(
      "upstream_unreachable",
      "OpenRouter could not be reached",
      {},
      {},
      { cause },
    );
  } finally {
    clearTimeout(timer);
    clientGone.removeEventListener("abort", hangUp);
  }
}
