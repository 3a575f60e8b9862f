/**
 * Private keys as JWKs, whatever they came as: a JWK, PEM, or a seed.
 *
 * Source: RFC 7517 (JWK), RFC 8037 (OKP), RFC 5958 (PKCS#8), RFC 5915 ("EC PRIVATE KEY"), RFC 7468 (PEM).
 */
import { Buffer } from "node:buffer";
import { createECDH, createPrivateKey } from "node:crypto";
import type { KeyType, PrivateJwk } from "../client/identity_record.ts";
import { IdentityError } from "./identity_error.ts";
import { isOpensshKey, opensshKeyError } from "./openssh_key.ts";

const CURVES = {
  ed25519: "Ed25519",
  p256: "P-256",
  secp256k1: "secp256k1",
} as const;

/** PKCS#8 of an Ed25519 seed is this, then its 32 bytes (RFC 8410, section 7). */
const ED25519_PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** A private key's block: text, certificates and parameters may stand around it (RFC 7468, section 2). */
const PEM_KEY = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----.*?-----END \1-----/gs;

/**
 * Reads a private key from text: a JWK, an identity file, PEM, or 32 bytes in hex or base64.
 *
 * @param seedType what a bare seed is the key of; the other forms say it themselves
 * @throws {IdentityError} saying what the text is not, and never holding any of it
 */
export function readPrivateKey(text: string, seedType: KeyType): PrivateJwk {
  const trimmed = text.trim();
  if (trimmed.startsWith("{")) return fromJson(trimmed);
  if (isOpensshKey(trimmed)) throw opensshKeyError(trimmed);
  if (trimmed.includes("-----BEGIN")) return fromPem(trimmed);
  const seed = /^(?:0x)?[0-9a-f]{64}$/i.test(trimmed)
    ? Buffer.from(trimmed.replace(/^0x/i, ""), "hex")
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)
    ? Buffer.from(trimmed, "base64")
    : null;
  if (seed === null) {
    throw new IdentityError(
      "expected a private JWK, a PEM private key, or a seed of 32 bytes in hex or base64",
    );
  }
  return keyFromSeed(seedType, seed);
}

/**
 * Checks a private JWK by computing its public part anew.
 *
 * @throws {IdentityError} when it is of no supported type, or its halves do not match
 */
export function checkedJwk(value: unknown): PrivateJwk {
  const jwk = (value ?? {}) as Record<string, unknown>;
  const type = (Object.keys(CURVES) as KeyType[]).find((name) => CURVES[name] === jwk.crv);
  if (type === undefined || typeof jwk.d !== "string") {
    throw new IdentityError("expected a private JWK with crv Ed25519, P-256 or secp256k1");
  }
  const key = keyFromSeed(type, Buffer.from(jwk.d, "base64url"));
  if (key.kty !== jwk.kty || key.x !== jwk.x || key.y !== jwk.y || key.d !== jwk.d) {
    throw new IdentityError("the JWK's private and public parts are not of the same key");
  }
  return key;
}

function fromJson(text: string): PrivateJwk {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new IdentityError("the key looks like a JWK, but it is no valid JSON");
  }
  return checkedJwk((value as Record<string, unknown>).privateKeyJwk ?? value);
}

function fromPem(text: string): PrivateJwk {
  if (text.includes("ENCRYPTED")) {
    throw new IdentityError("the PEM key is encrypted; decrypt it first: openssl pkey -in FILE");
  }
  const keys = text.match(PEM_KEY) ?? [];
  if (keys.length > 1) {
    throw new IdentityError(
      `the PEM holds ${keys.length} private keys: leave the one that is meant`,
    );
  }
  let jwk: unknown;
  try {
    jwk = createPrivateKey(keys[0] ?? text).export({ format: "jwk" });
  } catch {
    throw new IdentityError("the PEM holds no private key of type Ed25519, P-256 or secp256k1");
  }
  return checkedJwk(jwk);
}

function keyFromSeed(type: KeyType, seed: Buffer): PrivateJwk {
  const d = seed.toString("base64url");
  try {
    if (seed.length !== 32) throw new RangeError("not 32 bytes");
    if (type === "ed25519") {
      const key = Buffer.concat([ED25519_PKCS8_PREFIX, seed]);
      const jwk = createPrivateKey({ key, format: "der", type: "pkcs8" }).export({ format: "jwk" });
      return { kty: "OKP", crv: "Ed25519", x: jwk.x!, d };
    }
    const ecdh = createECDH(type === "p256" ? "prime256v1" : "secp256k1");
    ecdh.setPrivateKey(seed);
    const point = ecdh.getPublicKey();
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((n) => n.toString("base64url"));
    return { kty: "EC", crv: CURVES[type], x: x!, y: y!, d };
  } catch {
    throw new IdentityError(`the bytes are no private key of type ${type}`);
  }
}
