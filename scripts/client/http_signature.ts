/**
 * Requests that a DID's key signs as RFC 9421 (HTTP Message Signatures) has it.
 *
 * Source: docs/protocol.md, "Authentication"; RFC 9421, sections 2.5 and 4; RFC 9530 (Content-Digest).
 */
import { base64, utf8 } from "./encodings.ts";
import type { Identity } from "./identity.ts";
import type { RequestToSign } from "./signed_request.ts";

/** The headers that carry an HTTP message signature; a request without a body has no digest. */
export type HttpSignatureHeaders =
  & Record<"signature-input" | "signature", string>
  & Partial<Record<"content-digest", string>>;

/**
 * Signs one request: its method, its target below the audience, and its body's digest. The DID is
 * the `keyid`. Each result is accepted once (but for GET and HEAD) and for 300 s.
 *
 * @throws {TypeError} for did:pkh, whose keys sign what is meant for people
 */
export async function signHttpMessage(
  identity: Identity,
  request: RequestToSign,
): Promise<HttpSignatureHeaders> {
  if (identity.algorithm === "EIP-191") {
    throw new TypeError("a did:pkh identity signs no HTTP messages; use signedFetch or a token");
  }
  const { audience, method, path, body = "" } = request;
  const bytes = typeof body === "string" ? utf8(body) : body;
  const components: [name: string, value: string][] = [
    ["@method", method.toUpperCase()],
    ["@target-uri", audience + path],
  ];
  const digest: Partial<Record<"content-digest", string>> = {};
  if (bytes.length > 0) {
    const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    digest["content-digest"] = `sha-256=:${base64(sha256)}:`;
    components.push(["content-digest", digest["content-digest"]]);
  }
  const timestamp = request.timestamp ?? Date.now();
  // Seconds, where a signed request may have milliseconds (13 digits).
  const created = timestamp >= 1e12 ? Math.floor(timestamp / 1000) : timestamp;
  const nonce = request.nonce ?? crypto.randomUUID();
  const names = components.map(([name]) => `"${name}"`).join(" ");
  const parameters = `(${names});created=${created};nonce="${nonce}";keyid="${identity.did}"`;
  const base = [...components, ["@signature-params", parameters]]
    .map(([name, value]) => `"${name}": ${value}`).join("\n");
  return {
    ...digest,
    "signature-input": `did=${parameters}`,
    signature: `did=:${base64(await identity.sign(utf8(base)))}:`,
  };
}
