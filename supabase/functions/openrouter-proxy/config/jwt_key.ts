/**
 * The key that signs the tokens of `POST /api/v1/token`, as the environment has it: a private ES256
 * JWK, as `supabase gen signing-key --algorithm ES256` prints it.
 */
import { decodeBase64url, parseJsonObject, utf8 } from "../bytes/encodings.ts";
import { Unusable } from "./readings.ts";

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

export function jwtKey(text: string): JwtKey | Unusable {
  return readJwtKey(text) ?? new Unusable(
    "must be a private ES256 JWK with a kid; make one with: supabase gen signing-key --algorithm ES256",
  );
}

/** @returns null where the text is no such key */
function readJwtKey(text: string): JwtKey | null {
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
