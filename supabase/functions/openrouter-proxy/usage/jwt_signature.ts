/** Signatures of JWTs with ES256. */
import { type Bytes, utf8 } from "../bytes/encodings.ts";
import type { JwtKey } from "../config/jwt_key.ts";

/** Makes signatures of RFC 7518 section 3.4: r and s, 32 bytes each. */
export type Sign = (message: Bytes) => Promise<Bytes>;

/** @throws {Error} where the public half is not that of the private one */
export async function signerOf({ kty, crv, x, y, d }: JwtKey): Promise<Sign> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey("jwk", { kty, crv, x, y, d }, algorithm, false, ["sign"]),
    crypto.subtle.importKey("jwk", { kty, crv, x, y }, algorithm, false, ["verify"]),
  ]);
  const sign: Sign = async (message) =>
    new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, message));
  const probe = utf8("llm-gateway");
  if (!await crypto.subtle.verify(algorithm, publicKey, await sign(probe), probe)) {
    throw new Error("x and y of the key are not the public half of d");
  }
  return sign;
}
