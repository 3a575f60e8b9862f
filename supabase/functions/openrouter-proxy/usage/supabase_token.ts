/** Supabase JWTs for DIDs: with one, supabase-js reads what row level security shows that DID. */
import { base64urlnopad, hex } from "@scure/base";
import { type Bytes, concat, utf8 } from "../bytes/encodings.ts";
import type { JwtKey } from "../config/jwt_key.ts";
import { type Sign, signerOf } from "./jwt_signature.ts";

const LIFETIME_S = 3600;
/** RFC 9562, section 6.6: the namespace of URLs, which DIDs are a kind of (DID Core, section 3.1). */
const URL_NAMESPACE = hex.decode("6ba7b8119dad11d180b400c04fd430c8");

export interface SupabaseToken {
  /** A JWT, signed with ES256. */
  token: string;
  expiresAt: Date;
}

/**
 * Makes the function that signs a DID's token, valid for an hour.
 *
 * Claims: `role` and `aud` `authenticated`, as Supabase Auth writes them; `sub` as subjectOf makes it;
 * `did`, which the policies of supabase/migrations go by.
 *
 * @param issuer goes into `iss`: the gateway's audience
 * @param now milliseconds since the epoch
 * @throws {Error} where the key's two halves do not belong together
 */
export function createTokenSigner(
  key: JwtKey,
  issuer: string,
  now: () => number,
): (did: string) => Promise<SupabaseToken> {
  let signing: Promise<Sign> | undefined;

  return async (did) => {
    const sign = await (signing ??= signerOf(key));
    const iat = Math.floor(now() / 1000);
    const exp = iat + LIFETIME_S;
    const header = { alg: "ES256", kid: key.kid, typ: "JWT" };
    const claims = {
      iss: issuer,
      aud: "authenticated",
      role: "authenticated",
      sub: await subjectOf(did),
      did,
      iat,
      exp,
    };
    const signed = `${encoded(utf8(JSON.stringify(header)))}.${
      encoded(utf8(JSON.stringify(claims)))
    }`;
    const token = `${signed}.${encoded(await sign(utf8(signed)))}`;
    return { token, expiresAt: new Date(exp * 1000) };
  };
}

/**
 * The UUID of a DID: version 5 (RFC 9562, section 5.5) of its URI in the namespace of URLs, which
 * Postgres makes as `uuid_generate_v5(uuid_ns_url(), did)`.
 */
export async function subjectOf(did: string): Promise<string> {
  const input = concat(URL_NAMESPACE, utf8(did));
  const uuid = new Uint8Array(await crypto.subtle.digest("SHA-1", input)).slice(0, 16);
  uuid[6] = (uuid[6]! & 0x0f) | 0x50;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return hex.encode(uuid).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function encoded(bytes: Bytes): string {
  return base64urlnopad.encode(bytes);
}
