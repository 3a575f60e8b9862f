/** ECDSA with SHA-256: P-256 by WebCrypto, secp256k1 by @noble/secp256k1 (WebCrypto has none). */
import { base64urlnopad, hex } from "@scure/base";
import { type Bytes, concat, sha256 } from "../bytes/encodings.ts";
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
    httpSignatureAlg: "ecdsa-p256-sha256",
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
  const secp256k1 = await import("@noble/secp256k1");
  return {
    alg: "ES256K",
    // The registry of RFC 9421 has no name for it; this one follows its pattern.
    httpSignatureAlg: "ecdsa-secp256k1-sha256",
    jwk: jwkOf("secp256k1", point),
    signatureBytes: 64,
    native: false,
    recovery: {
      publicKey: hex.encode(point),
      signersOf: async (signature, message) =>
        recoverPublicKeys(secp256k1, signature, await sha256(message)),
    },
    verify: async (signature, message) =>
      scalarsInRange(SECP256K1, signature, false) &&
      // Node's crypto and PyJWT sign with high S half of the time.
      secp256k1.verify(signature, await sha256(message), point, { prehash: false, lowS: false }),
  };
}

/**
 * SEC 1 section 4.1.6: the points under which (r, s) signs the digest, in hex, uncompressed. Two at
 * most but for one r in 2¹²⁷, for which x = r + n is on the curve, too.
 */
function recoverPublicKeys(
  { recoverPublicKey }: typeof import("@noble/secp256k1"),
  signature: Bytes,
  digest: Bytes,
): string[] {
  return [0, 1, 2, 3].flatMap((recoveryId) => {
    try {
      const recovered = concat([recoveryId], signature);
      const options = { prehash: false, isCompressed: false };
      return hex.encode(recoverPublicKey(recovered, digest, options));
    } catch {
      return []; // r or s is out of range, or no point has that x
    }
  });
}

/** @param point uncompressed */
function jwkOf(crv: string, point: Bytes): PublicJwk {
  const x = base64urlnopad.encode(point.subarray(1, 33));
  const y = base64urlnopad.encode(point.subarray(33));
  return { crv, kty: "EC", x, y };
}
