/**
 * Every kind of public key that a DID may name: the one table of them, and the two encodings that
 * keys come in. Nothing else enumerates key types.
 */
import { base58 } from "@scure/base";
import { importP256, importSecp256k1 } from "./ecdsa.ts";
import { importEd25519 } from "./ed25519.ts";
import { type Bytes, concat, decodeBase64url } from "../bytes/encodings.ts";
import { type ImportKey, invalidDid, type VerificationKey } from "./verification_key.ts";

interface KeyType {
  readonly name: string;
  /** The multicodec code as a varint, and the length of the key that follows it, in bytes. */
  readonly multicodec: readonly [number, number];
  readonly multicodecKeyBytes: number;
  readonly jwk: { readonly kty: string; readonly crv: string };
  /** The JWK members, 32 bytes each, that make up the key after `pointPrefix`. */
  readonly coordinates: readonly string[];
  readonly pointPrefix: readonly number[];
  /** What a JWK's own `alg` may say (RFC 7518, 8037, 8812, 9864). */
  readonly jwkAlgs: readonly string[];
  /** @throws {GatewayError} invalid_did for keys that must not be used */
  importKey(publicKey: Bytes): Promise<VerificationKey>;
}

const KEY_TYPES: readonly KeyType[] = [
  {
    name: "Ed25519",
    multicodec: [0xed, 0x01],
    multicodecKeyBytes: 32,
    jwk: { kty: "OKP", crv: "Ed25519" },
    coordinates: ["x"],
    pointPrefix: [],
    jwkAlgs: ["EdDSA", "Ed25519"],
    importKey: importEd25519,
  },
  {
    name: "P-256",
    multicodec: [0x80, 0x24],
    multicodecKeyBytes: 33,
    jwk: { kty: "EC", crv: "P-256" },
    coordinates: ["x", "y"],
    pointPrefix: [0x04],
    jwkAlgs: ["ES256"],
    importKey: importP256,
  },
  {
    name: "secp256k1",
    multicodec: [0xe7, 0x01],
    multicodecKeyBytes: 33,
    jwk: { kty: "EC", crv: "secp256k1" },
    coordinates: ["x", "y"],
    pointPrefix: [0x04],
    jwkAlgs: ["ES256K"],
    importKey: importSecp256k1,
  },
];

const SUPPORTED = KEY_TYPES.map((type) => type.name).join(", ");

/**
 * A Multikey: `z`, then base58btc of the multicodec prefix and the key, curve points compressed.
 *
 * @throws {GatewayError} invalid_did
 */
export function readMultikey(text: string): ImportKey {
  const bytes = decodeBase58btc(text);
  const type = KEY_TYPES.find(({ multicodec: [first, second] }) =>
    bytes[0] === first && bytes[1] === second
  );
  if (!type) throw invalidDid(`the multicodec prefix is none of ${SUPPORTED}`);
  if (bytes.length !== 2 + type.multicodecKeyBytes) {
    throw invalidDid(
      `${type.name} keys have ${type.multicodecKeyBytes} bytes, this one ${bytes.length - 2}`,
    );
  }
  return () => type.importKey(bytes.slice(2));
}

/**
 * A public JWK (RFC 7517).
 *
 * @throws {GatewayError} invalid_did for private keys and keys that are not for signatures, too
 */
export function readJwk(jwk: Record<string, unknown>): ImportKey {
  const type = KEY_TYPES.find(({ jwk: { kty, crv } }) => jwk.kty === kty && jwk.crv === crv);
  if (!type) throw invalidDid(`the JWK's kty and crv are none of ${SUPPORTED}`);
  if ("d" in jwk) throw invalidDid("the JWK holds a private key, which is public now");
  if (jwk.use !== undefined && jwk.use !== "sig") throw invalidDid("the JWK's use is not sig");
  const operations = jwk.key_ops;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    throw invalidDid("the JWK's key_ops do not include verify");
  }
  if (jwk.alg !== undefined && !type.jwkAlgs.includes(jwk.alg as string)) {
    throw invalidDid(`the JWK's alg is not that of ${type.name}`);
  }
  const coordinates = type.coordinates.map((name) => {
    const value = jwk[name];
    const bytes = typeof value === "string" ? decodeBase64url(value) : null;
    if (bytes?.length !== 32) {
      throw invalidDid(`the JWK's ${name} is not 32 bytes in unpadded base64url`);
    }
    return bytes;
  });
  return () => type.importKey(concat(type.pointPrefix, ...coordinates));
}

/** Decoding takes the square of the length, and the longest key has 48 characters. */
const MAX_MULTIKEY_LENGTH = 512;

function decodeBase58btc(text: string): Bytes {
  if (text.length > MAX_MULTIKEY_LENGTH) throw invalidDid("the key is longer than any key can be");
  try {
    const bytes = new Uint8Array(base58.decode(text.slice(1)));
    if (text === `z${base58.encode(bytes)}`) return bytes;
  } catch {
    // refused below, like any other spelling
  }
  throw invalidDid("the key is not z and base58btc");
}
