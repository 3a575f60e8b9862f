/** Signers of every kind, and requests and tokens made with them, for the tests of this folder. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import * as secp256k1 from "@noble/secp256k1";
import { base58, base64urlnopad, hex } from "@scure/base";
import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import {
  type AuthenticatorOptions,
  createAuthenticator,
  type Identity,
  type RequestHead,
} from "../auth/authenticate.ts";
import { type Bytes, concat, sha256, sha256Hex, utf8 } from "../bytes/encodings.ts";

export const AUDIENCE = "https://gateway.example/functions/v1/openrouter-proxy";
/** Seconds. */
export const NOW = 1795370400;

/** A request with the body that a signature covers. */
export interface SignedParts extends RequestHead {
  readonly body: Bytes;
}

/**
 * An authenticator at the instant {@linkcode NOW} that fetches nothing, and takes its two steps one
 * after the other.
 */
export function authenticatorWith(
  options: Partial<AuthenticatorOptions> = {},
): (request: SignedParts) => Promise<Identity> {
  const authenticate = createAuthenticator({
    audience: AUDIENCE,
    maxTokenLifetimeSeconds: 3600,
    maxWalletSessionSeconds: 86_400,
    didWebHosts: [],
    now: () => NOW * 1000,
    fetch: () => Promise.reject(new Error("no request was expected")),
    ...options,
  });
  return async ({ body, ...head }) => await (await authenticate(head)).verify(body);
}

export interface Signer {
  did: string;
  /** The key as a public JWK; null for accounts. */
  jwk: Record<string, unknown> | null;
  /** The key as a Multikey; null for accounts. */
  multikey: string | null;
  alg: string;
  sign(message: Bytes): Promise<Bytes>;
}

export type SignerKind = keyof typeof SIGNERS;

const SIGNERS = {
  "did:key Ed25519": async () => didKey(await ed25519()),
  "did:key P-256": async () => didKey(await p256()),
  "did:key secp256k1": () => didKey(k256()),
  "did:jwk Ed25519": async () => didJwk(await ed25519()),
  "did:jwk P-256": async () => didJwk(await p256()),
  "did:jwk secp256k1": () => didJwk(k256()),
  "did:pkh": () => account(),
};
export const SIGNER_KINDS = Object.keys(SIGNERS) as SignerKind[];

/** A signer with a new random key. */
export async function newSigner(kind: SignerKind): Promise<Signer> {
  return await SIGNERS[kind]();
}

export function multikey(prefix: readonly number[], key: Uint8Array): string {
  return `z${base58.encode(concat(prefix, key))}`;
}

export function didOfJwk(jwk: unknown): string {
  return `did:jwk:${base64urlnopad.encode(utf8(JSON.stringify(jwk)))}`;
}

type Key = Omit<Signer, "did"> & { jwk: Record<string, unknown>; multikey: string };

function didKey(key: Key): Signer {
  return { ...key, did: `did:key:${key.multikey}` };
}

function didJwk(key: Key): Signer {
  return { ...key, did: didOfJwk(key.jwk) };
}

async function ed25519(): Promise<Key> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return {
    jwk: { kty: "OKP", crv: "Ed25519", x: base64urlnopad.encode(raw) },
    multikey: multikey([0xed, 0x01], raw),
    alg: "EdDSA",
    sign: async (message) =>
      new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, message)),
  };
}

async function p256(): Promise<Key> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return {
    jwk: ecJwk("P-256", raw),
    multikey: multikey([0x80, 0x24], compress(raw)),
    alg: "ES256",
    sign: async (message) =>
      new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, message)),
  };
}

function k256(): Key {
  const secret = secp256k1.utils.randomSecretKey();
  return {
    jwk: ecJwk("secp256k1", secp256k1.getPublicKey(secret, false)),
    multikey: multikey([0xe7, 0x01], secp256k1.getPublicKey(secret, true)),
    alg: "ES256K",
    sign: async (message) =>
      new Uint8Array(
        await secp256k1.signAsync(await sha256(message), secret, { prehash: false }),
      ),
  };
}

function account(): Signer {
  const secret = secp256k1.utils.randomSecretKey();
  const address = hex.encode(
    keccak_256(secp256k1.getPublicKey(secret, false).slice(1)).slice(12),
  );
  return {
    did: `did:pkh:eip155:1:0x${address}`,
    jwk: null,
    multikey: null,
    alg: "ES256K",
    sign: async (message) => {
      const prefix = utf8(`\x19Ethereum Signed Message:\n${message.length}`);
      const signature = await secp256k1.signAsync(keccak_256(concat(prefix, message)), secret, {
        prehash: false,
        format: "recovered",
      });
      return concat(signature.slice(1), [27 + signature[0]!]);
    },
  };
}

function ecJwk(crv: string, uncompressed: Uint8Array) {
  const [x, y] = [uncompressed.slice(1, 33), uncompressed.slice(33)].map(base64urlnopad.encode);
  return { kty: "EC", crv, x, y };
}

function compress(uncompressed: Uint8Array): Bytes {
  return concat([2 + (uncompressed[64]! & 1)], uncompressed.slice(1, 33));
}

/** The parts of a request that a signature covers, as text. */
export interface Parts {
  audience: string;
  did: string;
  timestamp: string;
  nonce: string;
  method: string;
  path: string;
  body: string;
}

export function partsOf(signer: Signer, parts: Partial<Parts> = {}): Parts {
  return {
    audience: AUDIENCE,
    did: signer.did,
    timestamp: String(NOW),
    nonce: "n-1",
    method: "POST",
    path: "/api/v1/openrouter/chat/completions?x=1",
    body: '{"model":"m"}',
    ...parts,
  };
}

/** Protocol.md's eight lines, written a second time so that the gateway's are compared with them. */
export async function messageOf(parts: Parts): Promise<Bytes> {
  const { audience, did, timestamp, nonce, method, path, body } = parts;
  const digest = await sha256Hex(utf8(body));
  return utf8(
    `llm-gateway:v1\n${audience}\n${did}\n${timestamp}\n${nonce}\n${method}\n${path}\n${digest}`,
  );
}

export function signatureText(signature: Bytes): string {
  return signature.length === 64 ? base64urlnopad.encode(signature) : `0x${hex.encode(signature)}`;
}

/** A request that carries these parts and this signature, whether or not they match. */
export function requestOf(
  parts: Parts,
  signature: string,
  headers: Record<string, string> = {},
): SignedParts {
  return {
    method: parts.method,
    pathAndQuery: parts.path,
    body: utf8(parts.body),
    headers: new Headers({
      "x-did": parts.did,
      "x-did-timestamp": parts.timestamp,
      "x-did-nonce": parts.nonce,
      "x-did-signature": signature,
      ...headers,
    }),
  };
}

/** A correctly signed request. */
export async function signedRequest(
  signer: Signer,
  changes: Partial<Parts> = {},
  headers: Record<string, string> = {},
): Promise<SignedParts> {
  const parts = partsOf(signer, changes);
  return requestOf(parts, signatureText(await signer.sign(await messageOf(parts))), headers);
}

/** A token with these changes to header and claims, signed after them; undefined removes one. */
export async function signedToken(
  signer: Signer,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const part = (value: unknown) => base64urlnopad.encode(utf8(JSON.stringify(value)));
  const signed = [
    part({ alg: signer.alg, typ: "JWT", ...header }),
    part({ iss: signer.did, aud: AUDIENCE, iat: NOW, exp: NOW + 600, ...claims }),
  ].join(".");
  return `${signed}.${base64urlnopad.encode(await signer.sign(utf8(signed)))}`;
}

/** A request that carries headers alone. */
export function requestWith(headers: HeadersInit): SignedParts {
  return {
    method: "GET",
    pathAndQuery: "/api/v1/usage",
    headers: new Headers(headers),
    body: new Uint8Array(),
  };
}

export function bearer(token: string): SignedParts {
  return requestWith({ authorization: `Bearer ${token}` });
}

/** Asserts a refusal of this type, and returns it. */
export async function assertRefused(
  result: Promise<unknown>,
  type: GatewayError["type"],
  message?: RegExp,
): Promise<GatewayError> {
  let refusal: unknown;
  await assert.rejects(result, (error) => {
    refusal = error;
    return true;
  });
  assert.ok(refusal instanceof GatewayError, `not a refusal: ${refusal}`);
  assert.equal(refusal.type, type, refusal.message);
  if (message) assert.match(refusal.message, message);
  return refusal;
}
