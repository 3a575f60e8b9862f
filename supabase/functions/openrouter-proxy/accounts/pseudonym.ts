/**
 * What a DID is called at the providers, who must tell callers apart and need not know them.
 *
 * HMAC-SHA-256 (RFC 2104) of the DID, under a key that HKDF-SHA-256 (RFC 5869) derives from
 * API_KEY_ENCRYPTION_KEY for this one purpose: one secret fewer to keep. While a rotation runs, the
 * previous key still gives the pseudonyms; they change once, when it is taken out.
 *
 * Source: docs/protocol.md, "Headers".
 */
import { hex } from "@scure/base";
import { BoundedCache } from "../bytes/bounded_cache.ts";
import { type Bytes, utf8 } from "../bytes/encodings.ts";

const PURPOSE = "llm-gateway:did-pseudonym:v1";
const PSEUDONYM_BYTES = 16;
const MAX_CACHED = 5_000;

/**
 * Makes the function from a DID to its pseudonym, 32 hex digits.
 *
 * @param encryptionKey at least 32 random bytes
 * @param previousEncryptionKey the key that it replaced, while rotation runs
 */
export function createPseudonyms(
  encryptionKey: Bytes,
  previousEncryptionKey: Bytes | null,
): (did: string) => Promise<string> {
  let derived: Promise<CryptoKey> | undefined;
  const cache = new BoundedCache<Promise<string>>(MAX_CACHED);

  async function pseudonymOf(did: string): Promise<string> {
    const key = await (derived ??= deriveKey(previousEncryptionKey ?? encryptionKey));
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(did)));
    return hex.encode(mac.subarray(0, PSEUDONYM_BYTES));
  }

  return (did) => {
    const cached = cache.get(did);
    if (cached !== undefined) return cached;
    const pseudonym = pseudonymOf(did);
    cache.set(did, pseudonym);
    return pseudonym;
  };
}

async function deriveKey(encryptionKey: Bytes): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", encryptionKey, "HKDF", false, [
    "deriveKey",
  ]);
  return await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8(PURPOSE) },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign"],
  );
}
