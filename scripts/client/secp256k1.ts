/**
 * Signing with secp256k1, which WebCrypto lacks: ES256K (RFC 8812) and Ethereum's EIP-191. Loaded
 * only when it is used: it brings libraries along.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { getPublicKey, signAsync, utils } from "@noble/secp256k1";
import { base64url, type Bytes, fromBase64url, hex, utf8 } from "./encodings.ts";
import { didKeyOf, type Identity } from "./identity.ts";
import type { PrivateJwk } from "./identity_record.ts";

const MULTICODEC = [0xe7, 0x01];

/** A fresh key. */
export function generateSecp256k1Key(): PrivateJwk {
  return jwkOf(new Uint8Array(utils.randomSecretKey()));
}

/**
 * @throws {TypeError} when the JWK's private part is no key, or its public part is not of the same key
 */
export function checkSecp256k1Key(key: PrivateJwk): void {
  const { x, y } = jwkOf(secretOf(key));
  if (key.x !== x || key.y !== y) {
    throw new TypeError("the JWK's private and public parts are not of the same key");
  }
}

function secretOf({ d }: PrivateJwk): Bytes {
  try {
    const secret = fromBase64url(d);
    if (utils.isValidSecretKey(secret)) return secret;
  } catch {
    // It is no base64url, and no key either.
  }
  throw new TypeError("the JWK is no key of secp256k1");
}

/** did:key of a secp256k1 key. */
export function secp256k1DidKey(key: PrivateJwk): string {
  const { x, y } = pointOf(key);
  return didKeyOf(Uint8Array.of(2 + (y[31]! & 1), ...x), MULTICODEC);
}

/** The key's Ethereum account, `0x` and 40 lower-case hex digits. */
export function ethereumAddress(key: PrivateJwk): string {
  const { x, y } = pointOf(key);
  return `0x${keccakHex(Uint8Array.of(...x, ...y)).slice(24)}`;
}

/**
 * An address in the mixed case that is its checksum (EIP-55).
 *
 * @param address `0x` and 40 hex digits of any case
 */
export function checksummedAddress(address: string): string {
  const digits = address.slice(2).toLowerCase();
  const hash = keccakHex(utf8(digits));
  return `0x${
    digits.replace(
      /[a-f]/g,
      (digit, index: number) => parseInt(hash.charAt(index), 16) >= 8 ? digit.toUpperCase() : digit,
    )
  }`;
}

/** ES256K: SHA-256, then ECDSA with low S; r ‖ s. */
export function es256kIdentity(key: PrivateJwk, did: string): Identity {
  return {
    did,
    algorithm: "ES256K",
    sign: async (message) => new Uint8Array(await signAsync(message, fromBase64url(key.d))),
  };
}

/** EIP-191 version 0x45 (`personal_sign`): r ‖ s ‖ v, v being 27 or 28. */
export function eip191Identity(key: PrivateJwk, did: string): Identity {
  return {
    did,
    algorithm: "EIP-191",
    sign: async (message) => {
      const prefix = utf8(`\x19Ethereum Signed Message:\n${message.length}`);
      const [recovery, ...rs] = await signAsync(
        keccak_256.create().update(prefix).update(message).digest(),
        fromBase64url(key.d),
        { prehash: false, format: "recovered" },
      );
      return Uint8Array.of(...rs, 27 + recovery!);
    },
  };
}

function jwkOf(secret: Bytes): PrivateJwk {
  const point = new Uint8Array(getPublicKey(secret, false));
  const [x, y] = [base64url(point.slice(1, 33)), base64url(point.slice(33))];
  return { kty: "EC", crv: "secp256k1", x, y, d: base64url(secret) };
}

function pointOf(key: PrivateJwk): { x: Bytes; y: Bytes } {
  return { x: fromBase64url(key.x), y: fromBase64url(key.y ?? "") };
}

function keccakHex(bytes: Bytes): string {
  return hex(new Uint8Array(keccak_256(bytes)));
}
