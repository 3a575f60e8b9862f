/**
 * Identities whose keys WebCrypto holds: Ed25519 and P-256.
 *
 * Source: RFC 8037 and RFC 7518, section 6.2 (JWK); the specification of did:key.
 */
import { type Bytes, fromBase64url, utf8 } from "./encodings.ts";
import { didKeyOf, type Identity } from "./identity.ts";

/** `CryptoKey`, `CryptoKeyPair` and, below, `JsonWebKey`, none of which Node's types name for everybody. */
type Key = Parameters<typeof crypto.subtle.exportKey>[1];
export interface KeyPair {
  privateKey: Key;
  publicKey: Key;
}

/** A JWK of an elliptic curve's key. */
export interface EllipticKey {
  kty?: string;
  crv?: string;
  x?: string;
  y?: string;
  d?: string;
  alg?: string;
  use?: string;
  key_ops?: string[];
  ext?: boolean;
}

/** An identity whose key WebCrypto holds; store `keyPair` in IndexedDB or export it as a JWK. */
export interface WebCryptoIdentity extends Identity {
  readonly keyPair: KeyPair;
}

/** The key types that every WebCrypto has. */
export type WebCryptoKeyType = "ed25519" | "p256";

const KEY_TYPES = {
  ed25519: {
    kty: "OKP",
    curve: "Ed25519",
    algorithm: "EdDSA",
    key: { name: "Ed25519" },
    signature: { name: "Ed25519" },
    multicodec: [0xed, 0x01],
  },
  p256: {
    kty: "EC",
    curve: "P-256",
    algorithm: "ES256",
    key: { name: "ECDSA", namedCurve: "P-256" },
    signature: { name: "ECDSA", hash: "SHA-256" },
    multicodec: [0x80, 0x24],
  },
} as const;

type KeyTypeEntry = typeof KEY_TYPES[WebCryptoKeyType];

/**
 * Makes a new key and its did:key.
 *
 * @param extractable whether the private key can be exported; leave it false where the key stays
 */
export async function createIdentity(
  type: WebCryptoKeyType = "ed25519",
  extractable = false,
): Promise<WebCryptoIdentity> {
  const { key } = KEY_TYPES[type];
  // Both algorithms make pairs; the overloads cannot tell for a union of them.
  const keyPair = await crypto.subtle.generateKey(key, extractable, ["sign", "verify"]);
  return await identityFromKeyPair(keyPair as KeyPair);
}

/**
 * Takes an identity from a private JWK (OKP Ed25519 or EC P-256, RFC 7517 and 8037).
 *
 * @param did for a did:jwk or did:web of this key; its did:key unless given
 * @throws {TypeError} when the JWK is no such key, its halves do not match, or a did:key is another's
 */
export async function importIdentity(jwk: EllipticKey, did?: string): Promise<WebCryptoIdentity> {
  const type = Object.values(KEY_TYPES).find((t) => t.kty === jwk.kty && t.curve === jwk.crv);
  if (type === undefined || !jwk.d || !jwk.x) {
    throw new TypeError("expected a private JWK of type OKP Ed25519 or EC P-256");
  }
  // Only what makes the key: members such as `use` or `key_ops` can forbid the import.
  const publicJwk: EllipticKey = { kty: type.kty, crv: type.curve, x: jwk.x };
  if (jwk.y) publicJwk.y = jwk.y;
  const privateJwk = { ...publicJwk, d: jwk.d };
  try {
    const keyPair = {
      privateKey: await crypto.subtle.importKey("jwk", privateJwk, type.key, false, ["sign"]),
      publicKey: await crypto.subtle.importKey("jwk", publicJwk, type.key, true, ["verify"]),
    };
    const identity = await identityFromKeyPair(keyPair, did);
    const probe = utf8("llm-gateway: do the halves of this key match?");
    const signature = await identity.sign(probe);
    if (await crypto.subtle.verify(type.signature, keyPair.publicKey, signature, probe)) {
      return identity;
    }
  } catch (cause) {
    // WebCrypto throws DOMExceptions, each runtime's at another step; Node's for two halves, too.
    if (cause instanceof TypeError) throw cause;
    const message = `the JWK is no key of ${type.curve}, or its parts are not of the same key`;
    throw new TypeError(message, { cause });
  }
  throw new TypeError("the JWK's private and public parts are not of the same key");
}

/**
 * Takes an identity from a WebCrypto key pair, e.g. a non-extractable one kept in IndexedDB.
 *
 * @param did for a did:jwk or did:web of this key; its did:key unless given
 * @throws {TypeError} when the pair is neither Ed25519 nor P-256, or a given did:key is another's
 */
export async function identityFromKeyPair(
  keyPair: KeyPair,
  did?: string,
): Promise<WebCryptoIdentity> {
  const publicJwk = await crypto.subtle.exportKey("jwk", keyPair.publicKey);
  const type = Object.values(KEY_TYPES).find((t) => t.curve === publicJwk.crv);
  if (type === undefined) throw new TypeError("expected an Ed25519 or P-256 key pair");
  const didKey = didKeyOf(publicKeyBytes(type, publicJwk), type.multicodec);
  if (did?.startsWith("did:key:") && did !== didKey) {
    throw new TypeError(`the key belongs to ${didKey}, not to ${did}`);
  }
  return {
    did: did ?? didKey,
    algorithm: type.algorithm,
    keyPair,
    sign: async (message) =>
      new Uint8Array(await crypto.subtle.sign(type.signature, keyPair.privateKey, message)),
  };
}

/** The 32 bytes of an Ed25519 key, the 33 of a compressed P-256 point (SEC 1, 2.3.3). */
function publicKeyBytes(type: KeyTypeEntry, jwk: EllipticKey): Bytes {
  const x = fromBase64url(jwk.x ?? "");
  if (type.kty === "OKP") return x;
  const odd = (fromBase64url(jwk.y ?? "").at(-1) ?? 0) & 1;
  return Uint8Array.of(2 + odd, ...x);
}
