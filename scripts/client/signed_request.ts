/**
 * Requests that a DID's key signs, in the gateway's own form.
 *
 * Source: docs/protocol.md, "Signed request".
 */
import { base64url, type Bytes, hex, utf8 } from "./encodings.ts";
import type { Identity } from "./identity.ts";

/** What a request's signature covers. */
export interface RequestToSign {
  /** The gateway's `GATEWAY_AUDIENCE`; by default its public URL. */
  audience: string;
  method: string;
  /** Path and query after the function's name, as sent: `/api/v1/usage?group_by=day`. */
  path: string;
  /** The raw body; none is the same as an empty one. GET and HEAD have none. */
  body?: Bytes | string | undefined;
  /** Unix time in seconds (10 digits) or milliseconds (13 digits); now unless given. */
  timestamp?: number | undefined;
  /** At most 64 characters of `[A-Za-z0-9_-]`; random unless given. */
  nonce?: string | undefined;
}

/** The headers that carry a signed request. */
export type SignedHeaders = Record<
  "x-did" | "x-did-timestamp" | "x-did-nonce" | "x-did-signature",
  string
>;

/** Signs one request. Each result is accepted once (but for GET and HEAD) and for 300 s. */
export async function signRequest(
  identity: Identity,
  request: RequestToSign,
): Promise<SignedHeaders> {
  const { audience, method, path, body = "" } = request;
  const timestamp = String(request.timestamp ?? Math.floor(Date.now() / 1000));
  const nonce = request.nonce ?? crypto.randomUUID();
  const bytes = typeof body === "string" ? utf8(body) : body;
  const message = [
    "llm-gateway:v1",
    audience,
    identity.did,
    timestamp,
    nonce,
    method.toUpperCase(),
    path,
    hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))),
  ].join("\n");
  const signature = await identity.sign(utf8(message));
  return {
    "x-did": identity.did,
    "x-did-timestamp": timestamp,
    "x-did-nonce": nonce,
    "x-did-signature": identity.algorithm === "EIP-191"
      ? `0x${hex(signature)}`
      : base64url(signature),
  };
}
