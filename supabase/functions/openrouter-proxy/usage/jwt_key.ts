/**
 * The key that signs the tokens of `POST /api/v1/token`: a private ES256 JWK, as
 * `supabase gen signing-key --algorithm ES256` prints it.
 */
import { type Bytes, decodeBase64url, parseJsonObject, utf8 } from "../bytes/encodings.ts";

/** An ES256 JWK (RFC 7517, RFC 7518 section 6.2) whose `kid` the project's verifiers know it by. */
export interface JwtKey {
  kty: "EC";
  crv: "P-256";
  kid: string;
  /** The point and the scalar, 32 bytes each in base64url. */
  x: string;
  y: string;
  d: string;
}

/** Completes a sentence that begins with the variable's name. */
export const JWT_KEY_RULE =
  "must be a private ES256 JWK with a kid; make one with: supabase gen signing-key --algorithm ES256";

/** @returns null where the text is no such key */
export function readJwtKey(text: string): JwtKey | null {
  const { kty, crv, kid, alg = "ES256", use = "sig", x, y, d } = parseJsonObject(utf8(text)) ?? {};
  if (kty !== "EC" || crv !== "P-256" || alg !== "ES256" || use !== "sig") return null;
  if (typeof kid !== "string" || !/^[\x21-\x7e]{1,256}$/.test(kid)) return null;
  if (!isNumber(x) || !isNumber(y) || !isNumber(d)) return null;
  return { kty, crv, kid, x, y, d };
}

/** 32 bytes in base64url. */
function isNumber(value: unknown): value is string {
  return typeof value === "string" && decodeBase64url(value)?.length === 32;
}

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
