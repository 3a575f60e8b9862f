/** Who sends a request, and its body, which a signature covers. */
import type { Context } from "hono";
import type { Authenticate, Identity } from "../auth/authenticate.ts";
import type { Bytes } from "../bytes/encodings.ts";
import type { MemoryShare } from "../bytes/memory_budget.ts";
import { pathAndQueryOf } from "../http/function_path.ts";
import { requestBytes } from "../http/request_bytes.ts";
import type { RequestEnv } from "../http/request_log.ts";

/** A request whose sender is known. Disposing of it gives its body's memory back. */
export interface Identified extends Disposable {
  identity: Identity;
  /** Empty when there is none. */
  body: Bytes;
}

/** The sender of a request that its headers alone do not refuse. */
export interface Sender {
  /** Whose token it is; null where a signature covers the body, so that nothing is proven yet. */
  identity: Identity | null;
  /**
   * Receives the body, and verifies the signature where there is one.
   *
   * @throws {GatewayError} what requestBytes and Authentication.verify throw
   */
  receive(): Promise<Identified>;
}

/** @throws {GatewayError} what Authenticate throws, before anything is received of the body */
export type Identify = (c: Context<RequestEnv>) => Promise<Sender>;

/**
 * @param openShare opens what one body's memory is counted in
 */
export function createIdentify(
  authenticate: Authenticate,
  maxRequestBytes: number,
  openShare: () => MemoryShare,
): Identify {
  return async (c) => {
    const { method, url, headers } = c.req.raw;
    const { identity, verify } = await authenticate({
      method,
      pathAndQuery: pathAndQueryOf(url),
      headers,
    });
    c.set("did", identity?.did);
    return {
      identity,
      async receive() {
        const share = openShare();
        try {
          const body = await requestBytes(c.req.raw, maxRequestBytes, share);
          const verified = await verify(body);
          c.set("did", verified.did);
          return { identity: verified, body, [Symbol.dispose]: () => share[Symbol.dispose]() };
        } catch (error) {
          share[Symbol.dispose]();
          throw error;
        }
      },
    };
  };
}
