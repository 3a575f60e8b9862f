/** What the proxy adds to a request so that the gateway knows the DID. */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { type GatewayLocation, locate } from "../client/signed_fetch.ts";
import type { Identity } from "../client/identity.ts";
import { signRequest } from "../client/signed_request.ts";
import { tokenSource } from "../client/token_source.ts";
import { Refusal } from "./refusal.ts";

/** The headers to add, and the body where it had to be read for them. */
export interface Credentials {
  headers: Record<string, string>;
  body: Buffer | null;
}

/** @param path path and query below the gateway's URL */
export type Authorize = (request: IncomingMessage, path: string) => Promise<Credentials>;

/** By a token that renews itself: bodies stream through. */
export function byToken(identity: Identity, gateway: Omit<GatewayLocation, "fetch">): Authorize {
  const tokens = tokenSource(identity, gateway);
  return async () => ({ headers: { authorization: `Bearer ${await tokens.get()}` }, body: null });
}

/** More than the gateway takes unless it is told otherwise (MAX_REQUEST_BYTES is 20 MiB). */
const MAX_SIGNED_BYTES = 64 * 1024 * 1024;

/** By a signature of each request: its body is read to the end first. */
export function bySignature(
  identity: Identity,
  gateway: Omit<GatewayLocation, "fetch">,
): Authorize {
  const { audience } = locate(gateway);
  return async (request, path) => {
    const chunks: Buffer[] = [];
    let length = 0;
    // Refused, it is still to be read to its end.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_SIGNED_BYTES) {
        throw new Refusal("request_too_large", `${MAX_SIGNED_BYTES} bytes can be signed at most`);
      }
    }
    const body = new Uint8Array(Buffer.concat(chunks));
    const { method = "GET" } = request;
    // Some clients send one with GET, where the gateway sees none.
    const signed = method === "GET" || method === "HEAD" ? "" : body;
    return {
      headers: await signRequest(identity, { audience, method, path, body: signed }),
      body: Buffer.from(body.buffer),
    };
  };
}
