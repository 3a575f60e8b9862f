/** Points and signature scalars of the two short Weierstrass curves (SEC 1, SEC 2). */
import { hex } from "@scure/base";
import { type Bytes, concat, toInteger } from "../bytes/encodings.ts";
import { invalidDid } from "./verification_key.ts";

/** y² = x³ + ax + b over the prime field of p, with a base point of order n; p ≡ 3 (mod 4). */
export interface Curve {
  readonly p: bigint;
  readonly a: bigint;
  readonly b: bigint;
  readonly n: bigint;
}

export const P256: Curve = {
  p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  a: -3n,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
};

export const SECP256K1: Curve = {
  p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
  a: 0n,
  b: 7n,
  n: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
};

/**
 * SEC 1 section 2.3.4, compressed (33 bytes) or uncompressed (65 bytes) → uncompressed.
 *
 * Deno 2.1.4 imports compressed and off-curve points without ever verifying under them, so that
 * neither is left to WebCrypto.
 *
 * @throws {GatewayError} invalid_did for anything that is not a point of the curve
 */
export function decodePoint(curve: Curve, bytes: Bytes): Bytes {
  const { p, a, b } = curve;
  const form = bytes[0];
  const x = toInteger(bytes.slice(1, 33));
  const square = ((x * x + a) * x + b) % p;
  if (x < p && bytes.length === 65 && form === 4) {
    const y = toInteger(bytes.slice(33));
    if (y < p && (y * y - square) % p === 0n) return bytes;
  }
  if (x < p && bytes.length === 33 && (form === 2 || form === 3)) {
    const root = power(square, (p + 1n) / 4n, p);
    if ((root * root - square) % p === 0n) {
      const y = (root & 1n) === BigInt(form & 1) ? root : p - root;
      return concat([4], bytes.slice(1), hex.decode(y.toString(16).padStart(64, "0")));
    }
  }
  throw invalidDid("the elliptic-curve key is not a point of its curve");
}

/**
 * Whether r and s are both in [1, n − 1]; s in the lower half of it too, where only one of s and
 * n − s shall be a signature.
 */
export function scalarsInRange(curve: Curve, signature: Bytes, lowS: boolean): boolean {
  const r = toInteger(signature.slice(0, 32));
  const s = toInteger(signature.slice(32, 64));
  return 0n < r && r < curve.n && 0n < s && s <= (lowS ? curve.n / 2n : curve.n - 1n);
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = result * result % modulus;
    if (bit === "1") result = result * base % modulus;
  }
  return result;
}
