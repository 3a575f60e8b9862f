/** What a DID resolves to. */
import { GatewayError } from "../errors.ts";
import type { Bytes } from "../bytes/encodings.ts";

/** A public key, or an account, that signatures are verified against. */
export interface VerificationKey {
  /** The JWS `alg` of the key's type; null where it signs no tokens. */
  readonly alg: string | null;
  /** Length of its signatures in bytes: 64, or 65 with a recovery id. */
  readonly signatureBytes: 64 | 65;
  /** @param signature `signatureBytes` long */
  verify(signature: Bytes, message: Bytes): Promise<boolean>;
}

/** A key of a DID, and the DID URL that a token's `kid` names it with. */
export interface VerificationMethod {
  readonly id: string;
  readonly key: VerificationKey;
}

/** The refusal of a DID whose key is not usable, or that is not spelled as it must be. */
export function invalidDid(message: string, cause?: unknown): GatewayError {
  return new GatewayError("invalid_did", message, { cause });
}
