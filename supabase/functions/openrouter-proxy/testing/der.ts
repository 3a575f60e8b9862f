/** ECDSA signatures in another encoding than the one that the gateway takes. */
import { p256 } from "@noble/curves/nist.js";
import type { Bytes } from "../bytes/encodings.ts";

/** A signature of P-256, r and s, in ASN.1 DER. */
export function derOf(signature: Uint8Array): Bytes {
  return Uint8Array.from(p256.Signature.fromBytes(signature, "compact").toBytes("der"));
}
