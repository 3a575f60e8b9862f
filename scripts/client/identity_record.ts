/**
 * Identities that can be stored: a DID and its private key, of every type that the gateway takes.
 * Identity files hold the JSON of one.
 *
 * Source: docs/protocol.md, "DID methods"; RFC 7517, 8037 and 8812 (JWK).
 */
import { base64url, utf8 } from "./encodings.ts";
import type { Identity } from "./identity.ts";
import { createIdentity, importIdentity } from "./web_crypto_identity.ts";

export type KeyType = "ed25519" | "p256" | "secp256k1";

/** The DID methods whose DIDs follow from a key alone. */
export type KeyMethod = "key" | "jwk" | "pkh";

/** The members that make a key, base64url, in this order: did:jwk is the public ones' JSON. */
export interface PrivateJwk {
  kty: "OKP" | "EC";
  crv: "Ed25519" | "P-256" | "secp256k1";
  x: string;
  y?: string;
  d: string;
}

/** What an identity file holds. Whoever has it spends as this DID. */
export interface IdentityRecord {
  did: string;
  privateKeyJwk: PrivateJwk;
}

export interface NewIdentity {
  /** Ed25519 unless given; secp256k1 where the method is pkh. */
  type?: KeyType | undefined;
  /** did:key unless given. */
  method?: KeyMethod | undefined;
  /** A did:web whose document will list the key; then there is no method to choose. */
  did?: string | undefined;
}

/**
 * Makes a new key and its DID, to be stored.
 *
 * @throws {TypeError} when the method is pkh and the key is not secp256k1
 */
export async function createIdentityRecord(
  { method = "key", type = method === "pkh" ? "secp256k1" : "ed25519", did }: NewIdentity = {},
): Promise<IdentityRecord> {
  const privateKeyJwk = await generateKey(type);
  return { did: did ?? await didOf(privateKeyJwk, method), privateKeyJwk };
}

/** A fresh private key. */
export async function generateKey(type: KeyType): Promise<PrivateJwk> {
  if (type === "secp256k1") return (await import("./secp256k1.ts")).generateSecp256k1Key();
  const { keyPair } = await createIdentity(type, true);
  const { x, y, d } = await crypto.subtle.exportKey("jwk", keyPair.privateKey);
  return type === "ed25519"
    ? { kty: "OKP", crv: "Ed25519", x: x!, d: d! }
    : { kty: "EC", crv: "P-256", x: x!, y: y!, d: d! };
}

/**
 * The key's DID under a method; did:pkh on chain 1, whose account is the same on every EVM chain.
 *
 * @throws {TypeError} when the method is pkh and the key is not secp256k1
 */
export async function didOf(key: PrivateJwk, method: KeyMethod): Promise<string> {
  if (method === "pkh") return `did:pkh:eip155:1:${await accountOf(key)}`;
  if (method === "jwk") {
    const { kty, crv, x, y } = key;
    const publicJwk = y === undefined ? { kty, crv, x } : { kty, crv, x, y };
    return `did:jwk:${base64url(utf8(JSON.stringify(publicJwk)))}`;
  }
  if (key.crv !== "secp256k1") return (await importIdentity(key)).did;
  return (await import("./secp256k1.ts")).secp256k1DidKey(key);
}

/**
 * The identity that signs for a record's DID. A did:jwk or did:web is taken at its word: what the
 * gateway resolves it to decides.
 *
 * @throws {TypeError} when the DID is a did:key or did:pkh of another key, or the JWK is no key
 */
export async function identityOf({ did, privateKeyJwk }: IdentityRecord): Promise<Identity> {
  const secp256k1 = privateKeyJwk.crv === "secp256k1" ? await import("./secp256k1.ts") : null;
  // First of all: what follows reads the public part.
  secp256k1?.checkSecp256k1Key(privateKeyJwk);
  const isPkh = did.startsWith("did:pkh:");
  const isOwn = isPkh
    ? did.toLowerCase().endsWith(`:${await accountOf(privateKeyJwk)}`)
    : !did.startsWith("did:key:") || did === await didOf(privateKeyJwk, "key");
  if (!isOwn) throw new TypeError(`the private key is not that of ${did}`);
  if (secp256k1 === null) return await importIdentity(privateKeyJwk, did);
  const { eip191Identity, es256kIdentity } = secp256k1;
  return (isPkh ? eip191Identity : es256kIdentity)(privateKeyJwk, did);
}

async function accountOf(key: PrivateJwk): Promise<string> {
  if (key.crv !== "secp256k1") throw new TypeError("did:pkh needs a secp256k1 key");
  return (await import("./secp256k1.ts")).ethereumAddress(key);
}
