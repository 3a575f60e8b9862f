/**
 * Tokens that a DID's key signs.
 *
 * Source: docs/protocol.md, "DID token"; RFC 7519 (JWT).
 */
import { base64url, utf8 } from "./encodings.ts";
import type { Identity } from "./identity.ts";

/** What a token says. */
export interface TokenClaims {
  /** The gateway's `GATEWAY_AUDIENCE`; by default its public URL. */
  audience: string;
  /** Life of the token in seconds; gateways accept 3600 at most unless told otherwise. */
  ttlSeconds?: number | undefined;
  /** Unix time in seconds; now unless given. */
  issuedAt?: number | undefined;
}

/**
 * A JWT signed by the DID's own key, to be sent as `Authorization: Bearer` or `x-api-key`: the
 * `apiKey` of any SDK. Whoever holds it can spend until it expires; a signed request is the safer
 * carrier.
 *
 * @throws {TypeError} for did:pkh, whose keys sign no JWTs
 */
export async function createDidToken(identity: Identity, claims: TokenClaims): Promise<string> {
  if (identity.algorithm === "EIP-191") {
    throw new TypeError("a did:pkh identity cannot sign tokens; make a wallet session instead");
  }
  const { audience, ttlSeconds = 3600, issuedAt = Math.floor(Date.now() / 1000) } = claims;
  const parts = [
    { alg: identity.algorithm, typ: "JWT" },
    { iss: identity.did, aud: audience, iat: issuedAt, exp: issuedAt + ttlSeconds },
  ];
  const input = parts.map((part) => base64url(utf8(JSON.stringify(part)))).join(".");
  return `${input}.${base64url(await identity.sign(utf8(input)))}`;
}
