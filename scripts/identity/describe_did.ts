/**
 * What the gateway makes of a DID: told by the gateway's own resolver, so that the two agree.
 */
import { base58 } from "@scure/base";
import { Buffer } from "node:buffer";
import {
  createDidResolver,
  type Did,
  parseDid,
} from "../../supabase/functions/openrouter-proxy/auth/did.ts";
import {
  decodePoint,
  P256,
  SECP256K1,
} from "../../supabase/functions/openrouter-proxy/auth/weierstrass.ts";

/** One key, or one account, of a DID. */
export interface DescribedKey {
  id: string;
  key_type: string;
  /** How requests are signed. */
  request_signature: string;
  /** The JWS algorithm of DID tokens; null where the key signs none. */
  token_alg: string | null;
  /** Null where the DID holds no key (did:pkh) or is not itself the key (did:web). */
  public_key_jwk: Record<string, unknown> | null;
}

export interface DescribedDid {
  /** In the one spelling that an account has. */
  did: string;
  method: string;
  verification_methods: DescribedKey[];
}

const KEY_TYPE_OF_ALG: Record<string, string> = {
  EdDSA: "Ed25519",
  ES256: "P-256",
  ES256K: "secp256k1",
};

/**
 * Resolves a DID. A did:web is fetched from its host, whether or not a gateway lists that host.
 *
 * @throws {GatewayError} as the gateway refuses it
 */
export async function describeDid(text: string): Promise<DescribedDid> {
  const did = parseDid(text);
  const didWebHosts = did.method === "web" ? [did.id.split(":")[0]!] : [];
  const resolve = createDidResolver({ didWebHosts, fetch, now: Date.now });
  const methods = await resolve(did)();
  return {
    did: did.uri,
    method: `did:${did.method}`,
    verification_methods: methods.map(({ id, key: { alg } }) => ({
      id,
      key_type: alg === null ? "secp256k1 (Ethereum account)" : KEY_TYPE_OF_ALG[alg] ?? alg,
      request_signature: alg ?? "EIP-191",
      token_alg: alg,
      public_key_jwk: publicKeyJwk(did),
    })),
  };
}

/** Of a DID that the resolver has accepted. */
function publicKeyJwk({ method, id }: Did): Record<string, unknown> | null {
  if (method === "jwk") return JSON.parse(Buffer.from(id, "base64url").toString());
  if (method !== "key") return null;
  const bytes = new Uint8Array(base58.decode(id.slice(1)));
  const key = bytes.slice(2);
  if (bytes[0] === 0xed) return { kty: "OKP", crv: "Ed25519", x: base64url(key) };
  const [crv, curve] = bytes[0] === 0xe7
    ? ["secp256k1", SECP256K1] as const
    : ["P-256", P256] as const;
  const point = decodePoint(curve, key);
  return { kty: "EC", crv, x: base64url(point.slice(1, 33)), y: base64url(point.slice(33)) };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
