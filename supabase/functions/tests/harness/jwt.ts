/** JWTs as a Supabase project signs them for its users. */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

/** @param claims added to `iat` and an `exp` an hour later */
export function supabaseJwt(jwtSecret: string, claims: Record<string, unknown>): string {
  const iat = Math.floor(Date.now() / 1000);
  const input = [{ alg: "HS256", typ: "JWT" }, { iat, exp: iat + 3600, ...claims }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${input}.${createHmac("sha256", jwtSecret).update(input).digest("base64url")}`;
}
