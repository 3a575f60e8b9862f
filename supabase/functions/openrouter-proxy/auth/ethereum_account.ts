/** Ethereum accounts (EOA): the key is not known, only the hash of it that is the address. */
import { hex } from "@scure/base";
import { type Bytes, concat, utf8 } from "../bytes/encodings.ts";
import type { VerificationKey } from "./verification_key.ts";
import { scalarsInRange, SECP256K1 } from "./weierstrass.ts";

/**
 * Verifies EIP-191 `personal_sign` signatures: r ‖ s ‖ v, v in {27, 28, 0, 1}, low s (EIP-2).
 *
 * @param address `0x` and 40 lower-case hex digits
 */
export async function ethereumAccount(address: string): Promise<VerificationKey> {
  const [{ recoverPublicKey }, { keccak_256 }] = await Promise.all([
    import("@noble/secp256k1"),
    import("@noble/hashes/sha3.js"),
  ]);

  function recoverAddress(signature: Bytes, recovery: number, message: Bytes): string | null {
    const prefix = utf8(`\x19Ethereum Signed Message:\n${message.length}`);
    const recoverable = concat([recovery], signature.slice(0, 64));
    try {
      const key = recoverPublicKey(recoverable, keccak_256(concat(prefix, message)), {
        prehash: false,
        isCompressed: false,
      });
      return `0x${hex.encode(keccak_256(key.slice(1)).slice(12))}`;
    } catch {
      // r is the x of no point, or the key would be the point at infinity: nobody signed this.
      return null;
    }
  }

  return {
    alg: null,
    httpSignatureAlg: null,
    jwk: null,
    signatureBytes: 65,
    native: false,
    verify(signature, message) {
      const v = signature[64]!;
      const recovery = v >= 27 ? v - 27 : v;
      return Promise.resolve(
        (recovery === 0 || recovery === 1) && scalarsInRange(SECP256K1, signature, true) &&
          recoverAddress(signature, recovery, message) === address,
      );
    },
  };
}
