/** What a DID resolves to. */
import { GatewayError } from "../errors.ts";
import type { Bytes } from "../bytes/encodings.ts";

/** The required members of a public JWK, in the order of their names (RFC 7638 section 3.2). */
export type PublicJwk = Readonly<Record<string, string>>;

/** A public key, or an account, that signatures are verified against. */
export interface VerificationKey {
  /** The JWS `alg` of the key's type; null where it signs no tokens. */
  readonly alg: string | null;
  /** The key as a JWK; null for accounts, whose key is not known. */
  readonly jwk: PublicJwk | null;
  /** Length of its signatures in bytes: 64, or 65 with a recovery id. */
  readonly signatureBytes: 64 | 65;
  /** Whether WebCrypto verifies, which takes a twentieth of the time that JavaScript does. */
  readonly native: boolean;
  /** @param signature `signatureBytes` long */
  verify(signature: Bytes, message: Bytes): Promise<boolean>;
}

/** A key of a DID, and the DID URL that a token's `kid` names it with. */
export interface VerificationMethod {
  readonly id: string;
  readonly key: VerificationKey;
}

/** A key that has been read and whose form is right; only calling it does the work on its curve. */
export type ImportKey = () => Promise<VerificationKey>;

/** What the keys of a DID come from, once they are needed: curve work, or a document to fetch. */
export type LoadKeys = () => Promise<readonly VerificationMethod[]>;

/** Whether one of the keys made the signature; those that are cheap to ask are asked first. */
export async function verifiesUnderAny(
  keys: readonly VerificationKey[],
  signature: Bytes,
  message: Bytes,
): Promise<boolean> {
  const [native, others] = [keys.filter((key) => key.native), keys.filter((key) => !key.native)];
  for (const key of [...native, ...others]) {
    if (signature.length === key.signatureBytes && await key.verify(signature, message)) {
      return true;
    }
  }
  return false;
}

/** The refusal of a DID whose key is not usable, or that is not spelled as it must be. */
export function invalidDid(message: string, cause?: unknown): GatewayError {
  return new GatewayError("invalid_did", message, { cause });
}
