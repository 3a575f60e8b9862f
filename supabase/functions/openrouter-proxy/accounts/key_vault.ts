/**
 * Encryption of the DIDs' OpenRouter keys at rest.
 *
 * AES-256-GCM (NIST SP 800-38D) under a data key that HKDF-SHA-256 (RFC 5869) derives from
 * API_KEY_ENCRYPTION_KEY for this one purpose. The DID is associated data: a ciphertext that was
 * moved to another row does not open. An envelope names its version and the key that sealed it:
 *
 *     v1.<key id, 16 hex>.<nonce, 96 bits base64url>.<ciphertext and tag, base64url>
 */
import { base64urlnopad, hex } from "@scure/base";
import { BoundedCache } from "../bytes/bounded_cache.ts";
import { type Bytes, utf8 } from "../bytes/encodings.ts";

const VERSION = "v1";
const PURPOSE = "llm-gateway:openrouter-api-key:v1";
const MAX_CACHED_KEYS = 5_000;

/** Ids of encryption keys, 16 hex digits each, which tell nothing of the keys. */
export interface KeyIds {
  /** Of the one that seals. */
  current: string;
  /** Of the one that it replaced, which still opens. */
  previous: string | null;
}

export interface KeyVault {
  keyIds(): Promise<KeyIds>;
  /** Encrypts a DID's plaintext key with the current encryption key. */
  seal(did: string, plaintext: string): Promise<string>;
  /** Whether an envelope was sealed with the current encryption key. */
  isCurrent(envelope: string): Promise<boolean>;
  /** @throws {VaultError} when the envelope is not of this DID, these keys or this format */
  open(did: string, envelope: string): Promise<string>;
}

/** An envelope that cannot be opened; the message holds neither key nor ciphertext. */
export class VaultError extends Error {
  override readonly name = "VaultError";
}

interface DataKey {
  id: string;
  key: CryptoKey;
}

/** The id of the encryption key that sealed an envelope; null when it names none. */
export function keyIdOf(envelope: string): string | null {
  return /^v1\.([0-9a-f]{16})\./.exec(envelope)?.[1] ?? null;
}

/**
 * @param encryptionKey at least 32 random bytes: seals and opens
 * @param previousEncryptionKey the key it replaced, while rotation runs: opens only
 */
export function createKeyVault(
  encryptionKey: Bytes,
  previousEncryptionKey: Bytes | null,
): KeyVault {
  // Derived when they are first needed, and once.
  let derived: Promise<DataKey> | undefined;
  let derivedPrevious: Promise<DataKey> | undefined;
  const current = () => derived ??= deriveDataKey(encryptionKey);
  const previous = () =>
    previousEncryptionKey && (derivedPrevious ??= deriveDataKey(previousEncryptionKey));
  // Of each DID, what was opened last: an entry is good for that ciphertext alone.
  const opened = new BoundedCache<{ envelope: string; plaintext: string }>(MAX_CACHED_KEYS);

  async function seal(did: string, plaintext: string): Promise<string> {
    const { id, key } = await current();
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const ciphertext = await crypto.subtle.encrypt(
      gcm(did, nonce),
      key,
      utf8(plaintext),
    );
    return [
      VERSION,
      id,
      base64urlnopad.encode(nonce),
      base64urlnopad.encode(new Uint8Array(ciphertext)),
    ].join(".");
  }

  async function keyIds(): Promise<KeyIds> {
    return { current: (await current()).id, previous: (await previous())?.id ?? null };
  }

  async function isCurrent(envelope: string): Promise<boolean> {
    return keyIdOf(envelope) === (await current()).id;
  }

  async function open(did: string, envelope: string): Promise<string> {
    const last = opened.get(did);
    if (last?.envelope === envelope) return last.plaintext;
    const plaintext = await decrypt(did, envelope);
    opened.set(did, { envelope, plaintext });
    return plaintext;
  }

  async function decrypt(did: string, envelope: string): Promise<string> {
    const [version, keyId, nonce, ciphertext, ...rest] = envelope.split(".");
    if (version !== VERSION || !nonce || !ciphertext || rest.length > 0) {
      throw new VaultError(`the stored key of ${did} is no ${VERSION} envelope`);
    }
    const dataKey = [await current(), await previous()].find((candidate) =>
      candidate?.id === keyId
    );
    if (!dataKey) {
      throw new VaultError(
        `the stored key of ${did} was sealed with key ${keyId}, which is neither ` +
          "API_KEY_ENCRYPTION_KEY nor API_KEY_ENCRYPTION_KEY_PREVIOUS",
      );
    }
    try {
      const plaintext = await crypto.subtle.decrypt(
        gcm(did, new Uint8Array(base64urlnopad.decode(nonce))),
        dataKey.key,
        new Uint8Array(base64urlnopad.decode(ciphertext)),
      );
      return new TextDecoder().decode(plaintext);
    } catch (cause) {
      throw new VaultError(`the stored key of ${did} was altered, or belongs to another DID`, {
        cause,
      });
    }
  }

  return { keyIds, seal, isCurrent, open };
}

function gcm(did: string, iv: Bytes): AesGcmParams {
  return { name: "AES-GCM", iv, additionalData: utf8(`${PURPOSE} ${did}`) };
}

/** The data key, and an id that tells nothing of it: 64 bits derived for that purpose. */
async function deriveDataKey(encryptionKey: Bytes): Promise<DataKey> {
  const material = await crypto.subtle.importKey("raw", encryptionKey, "HKDF", false, [
    "deriveKey",
    "deriveBits",
  ]);
  const hkdf = (info: string) => ({
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: utf8(info),
  });
  const id = await crypto.subtle.deriveBits(hkdf(`${PURPOSE}:key-id`), material, 64);
  const key = await crypto.subtle.deriveKey(
    hkdf(PURPOSE),
    material,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
  return {
    id: hex.encode(new Uint8Array(id)),
    key,
  };
}
