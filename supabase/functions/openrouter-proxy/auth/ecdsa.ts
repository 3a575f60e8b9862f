/** ECDSA with SHA-256: P-256 by WebCrypto, secp256k1 by @noble/secp256k1 (WebCrypto has none). */
import { base64urlnopad } from "@scure/base";
import { type Bytes, sha256 } from "../bytes/encodings.ts";
import type { PublicJwk, VerificationKey } from "./verification_key.ts";
import { decodePoint, P256, scalarsInRange, SECP256K1 } from "./weierstrass.ts";

const P256_SHA256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/**
 * @param publicKey a SEC 1 point
 * @throws {GatewayError} invalid_did for anything that is not a point of the curve
 */
export async function importP256(publicKey: Bytes): Promise<VerificationKey> {
  const point = decodePoint(P256, publicKey);
  const key = await crypto.subtle.importKey("raw", point, P256_SHA256, false, ["verify"]);
  return {
    alg: "ES256",
    jwk: jwkOf("P-256", point),
    signatureBytes: 64,
    native: true,
    // WebCrypto itself signs with high S half of the time.
    verify: (signature, message) =>
      scalarsInRange(P256, signature, false)
        ? crypto.subtle.verify(P256_SHA256, key, signature, message)
        : Promise.resolve(false),
  };
}

/**
 * @param publicKey a SEC 1 point
 * @throws {GatewayError} invalid_did for anything that is not a point of the curve
 */
export async function importSecp256k1(publicKey: Bytes): Promise<VerificationKey> {
  const point = decodePoint(SECP256K1, publicKey);
  const { verify } = await import("@noble/secp256k1");
  return {
    alg: "ES256K",
    jwk: jwkOf("secp256k1", point),
    signatureBytes: 64,
    native: false,
    verify: async (signature, message) =>
      scalarsInRange(SECP256K1, signature, false) &&
      // Node's crypto and PyJWT sign with high S half of the time.
      verify(signature, await sha256(message), point, { prehash: false, lowS: false }),
  };
}

/** @param point uncompressed */
function jwkOf(crv: string, point: Bytes): PublicJwk {
  const x = base64urlnopad.encode(point.subarray(1, 33));
  const y = base64urlnopad.encode(point.subarray(33));
  return { crv, kty: "EC", x, y };
}
