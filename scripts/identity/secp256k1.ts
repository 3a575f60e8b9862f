/**
 * Signing with secp256k1, which WebCrypto lacks: ES256K (RFC 8812) and Ethereum's EIP-191.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { signAsync } from "@noble/secp256k1";
import { Buffer } from "node:buffer";
import { didKeyOf, type Identity } from "../client/llm_gateway.ts";
import { IdentityError } from "./identity_error.ts";
import type { PrivateJwk } from "./private_key.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const SECP256K1_MULTICODEC = [0xe7, 0x01];

/** did:key of a secp256k1 key. */
export function secp256k1DidKey(key: PrivateJwk): string {
  const { x, y } = pointOf(key);
  return didKeyOf(Uint8Array.of(2 + (y[31]! & 1), ...x), SECP256K1_MULTICODEC);
}

/**
 * The key's Ethereum account, `0x` and 40 lower-case hex digits.
 *
 * @throws {IdentityError} when the key is not secp256k1
 */
export function ethereumAddress(key: PrivateJwk): string {
  if (key.crv !== "secp256k1") throw new IdentityError("did:pkh needs a secp256k1 key");
  const { x, y } = pointOf(key);
  return `0x${bytesToHex(keccak_256(concatBytes(x, y)).subarray(12))}`;
}

/** ES256K: SHA-256, then ECDSA with low S; r ‖ s. */
export function es256kIdentity(key: PrivateJwk, did: string): Identity {
  return {
    did,
    algorithm: "ES256K",
    sign: async (message) => new Uint8Array(await signAsync(message, decode(key.d))),
  };
}

/** EIP-191 version 0x45 (`personal_sign`): r ‖ s ‖ v, v being 27 or 28. */
export function eip191Identity(key: PrivateJwk, did: string): Identity {
  return {
    did,
    algorithm: "EIP-191",
    sign: async (message) => {
      const prefix = utf8ToBytes(`\x19Ethereum Signed Message:\n${message.length}`);
      const [recovery, ...rs] = await signAsync(
        keccak_256(concatBytes(prefix, message)),
        decode(key.d),
        { prehash: false, format: "recovered" },
      );
      return Uint8Array.of(...rs, 27 + recovery!);
    },
  };
}

function pointOf(key: PrivateJwk): { x: Bytes; y: Bytes } {
  return { x: decode(key.x), y: decode(key.y ?? "") };
}

function decode(base64url: string): Bytes {
  return new Uint8Array(Buffer.from(base64url, "base64url"));
}
