/** Ed25519 (RFC 8032) by WebCrypto, with the checks that platforms differ in made here. */
import { base64urlnopad } from "@scure/base";
import { type Bytes, toInteger } from "../bytes/encodings.ts";
import { invalidDid, type VerificationKey } from "./verification_key.ts";

const P = 2n ** 255n - 19n;
/** The order of the base point. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/** The y of a point of order 8; RFC 8032's curve has four of them, at ±y. */
const Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
/** Every y of the 8-torsion subgroup: orders 4, 1, 2 and 8. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([0n, 1n, P - 1n, Y8, P - Y8]);

/**
 * @param publicKey 32 bytes
 * @throws {GatewayError} invalid_did for keys that are off the curve, encoded in a second way, or
 * of small order. Under a key of small order anybody can forge, because [k]A takes eight values.
 * Keys with a torsion component (mixed order) are accepted: signing for them still takes the secret
 * scalar, which is all that a DID promises (Chalkias, Garillot, Nikolaenko, "Taming the many
 * EdDSAs", eprint 2020/1244, section 3: binding fails for small order alone).
 */
export async function importEd25519(publicKey: Bytes): Promise<VerificationKey> {
  if (!isStrictPoint(publicKey)) {
    throw invalidDid("the Ed25519 key is not canonically encoded, or has small order");
  }
  if (!isOnCurve(yOf(publicKey))) throw invalidDid("the Ed25519 key is not a point of the curve");
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);

  return {
    alg: "EdDSA",
    httpSignatureAlg: "ed25519",
    jwk: { crv: "Ed25519", kty: "OKP", x: base64urlnopad.encode(publicKey) },
    signatureBytes: 64,
    native: true,
    verify(signature, message) {
      // RFC 8032 5.1.7 wants S < L, else S + L is a second signature. No honest signer's R has
      // small order; libsodium and ed25519-dalek's verify_strict refuse it as well.
      const valid = littleEndian(signature.slice(32)) < L && isStrictPoint(signature.slice(0, 32));
      return valid
        ? crypto.subtle.verify("Ed25519", key, signature, message)
        : Promise.resolve(false);
    },
  };
}

/** Whether 32 bytes are the only spelling of their y, and no point of the 8-torsion subgroup. */
function isStrictPoint(encoding: Bytes): boolean {
  const y = yOf(encoding);
  // x = 0 with the sign bit set is the other second spelling; it has y = ±1, which is refused too.
  return y < P && !SMALL_ORDER_Y.has(y);
}

/** RFC 8032 5.1.3: the top bit holds the sign of x. */
function yOf(encoding: Bytes): bigint {
  return littleEndian(encoding) & (2n ** 255n - 1n);
}

function littleEndian(bytes: Bytes): bigint {
  return toInteger(bytes.slice().reverse());
}

/** RFC 8032 5.1.3: x² = (y² − 1) / (d·y² + 1) has a root when numerator × denominator has one. */
function isOnCurve(y: bigint): boolean {
  const y2 = y * y % P;
  return jacobi((y2 - 1n) * (D * y2 + 1n) % P, P) !== -1;
}

/** The Jacobi symbol (a/n) for odd n and 0 ≤ a < n; tenfold faster than Euler's criterion. */
function jacobi(a: bigint, n: bigint): number {
  let sign = 1;
  while (a !== 0n) {
    while ((a & 1n) === 0n) {
      a >>= 1n;
      const residue = n & 7n;
      if (residue === 3n || residue === 5n) sign = -sign;
    }
    if ((a & 3n) === 3n && (n & 3n) === 3n) sign = -sign;
    [a, n] = [n % a, a];
  }
  return n === 1n ? sign : 0;
}
