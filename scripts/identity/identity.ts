/**
 * A private key and a DID method → an identity that signs.
 */
import { Buffer } from "node:buffer";
import { type Identity, importIdentity } from "../client/llm_gateway.ts";
import { IdentityError } from "./identity_error.ts";
import { type PrivateJwk, publicJwkOf } from "./private_key.ts";
import { eip191Identity, es256kIdentity, ethereumAddress, secp256k1DidKey } from "./secp256k1.ts";

/** The DID methods whose DIDs follow from a key alone. */
export type KeyMethod = "key" | "jwk" | "pkh";

/** What an identity file holds. */
export interface IdentityRecord {
  did: string;
  privateKeyJwk: PrivateJwk;
}

/**
 * The key's DID under a method; did:pkh on chain 1, whose account is the same on every EVM chain.
 *
 * @throws {IdentityError} when the method is pkh and the key is not secp256k1
 */
export async function didOf(key: PrivateJwk, method: KeyMethod): Promise<string> {
  switch (method) {
    case "jwk":
      return `did:jwk:${Buffer.from(JSON.stringify(publicJwkOf(key))).toString("base64url")}`;
    case "pkh":
      return `did:pkh:eip155:1:${ethereumAddress(key)}`;
    case "key":
      return key.crv === "secp256k1" ? secp256k1DidKey(key) : (await importIdentity(key)).did;
  }
}

/**
 * The identity that signs for a record's DID. A did:jwk or did:web is taken at its word: what the
 * gateway resolves it to decides.
 *
 * @throws {IdentityError} when the DID is a did:key or did:pkh of another key
 */
export async function identityOf({ did, privateKeyJwk }: IdentityRecord): Promise<Identity> {
  const isOwn = did.startsWith("did:pkh:")
    ? did.toLowerCase().endsWith(`:${ethereumAddress(privateKeyJwk)}`)
    : !did.startsWith("did:key:") || did === await didOf(privateKeyJwk, "key");
  if (!isOwn) throw new IdentityError(`the private key is not that of ${did}`);
  if (did.startsWith("did:pkh:")) return eip191Identity(privateKeyJwk, did);
  if (privateKeyJwk.crv === "secp256k1") return es256kIdentity(privateKeyJwk, did);
  return await importIdentity(privateKeyJwk, did);
}
