/** Who sends a request, and its body, which the signature covers. */
import type { Context } from "hono";
import type { Identity, SignedParts } from "../auth/authenticate.ts";
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

/** @throws {GatewayError} what requestBytes and authenticate throw */
export type Identify = (c: Context<RequestEnv>) => Promise<Identified>;

/**
 * @param openShare opens what one body's memory is counted in
 */
export function createIdentify(
  authenticate: (request: SignedParts) => Promise<Identity>,
  maxRequestBytes: number,
  openShare: () => MemoryShare,
): Identify {
  return async (c) => {
    const { method, url, headers } = c.req.raw;
    const share = openShare();
    try {
      const body = await requestBytes(c.req.raw, maxRequestBytes, share);
      const pathAndQuery = pathAndQueryOf(url);
      const identity = await authenticate({ method, pathAndQuery, headers, body });
      c.set("did", identity.did);
      return { identity, body, [Symbol.dispose]: () => share[Symbol.dispose]() };
    } catch (error) {
      share[Symbol.dispose]();
      throw error;
    }
  };
}
