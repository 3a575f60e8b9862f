/** What a DID resolves to. */
import { GatewayError } from "../errors.ts";
import type { Bytes } from "../bytes/encodings.ts";

/** The required members of a public JWK, in the order of their names (RFC 7638 section 3.2). */
export type PublicJwk = Readonly<Record<string, string>>;

/** A public key, or an account, that signatures are verified against. */
export interface VerificationKey {
  /** The JWS `alg` of the key's type; null where it signs no tokens. */
  readonly alg: string | null;
  /** The `alg` of its RFC 9421 signatures; null where it makes none. */
  readonly httpSignatureAlg: string | null;
  /** The key as a JWK; null for accounts, whose key is not known. */
  readonly jwk: PublicJwk | null;
  /** Length of its signatures in bytes: 64, or 65 with a recovery id. */
  readonly signatureBytes: 64 | 65;
  /** Whether WebCrypto verifies, which takes a twentieth of the time that JavaScript does. */
  readonly native: boolean;
  /** For keys that verify slowly: a way to ask many of them at once. */
  readonly recovery?: {
    /** This key, as `signersOf` spells it. */
    readonly publicKey: string;
    /** All keys that the signature is valid under, for the price of verifying it under two. */
    signersOf(signature: Bytes, message: Bytes): Promise<readonly string[]>;
  };
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

/**
 * Whether one of the keys made the signature. Those that are cheap to ask are asked first; of many
 * that are not (a DID document has up to 20), the signature tells whose it is.
 */
export async function verifiesUnderAny(
  keys: readonly VerificationKey[],
  signature: Bytes,
  message: Bytes,
): Promise<boolean> {
  const fitting = keys.filter((key) => key.signatureBytes === signature.length);
  for (const key of fitting.filter(({ native }) => native)) {
    if (await key.verify(signature, message)) return true;
  }
  const others = fitting.filter(({ native }) => !native);
  const recovery = others.length > 2 ? others.find((key) => key.recovery)?.recovery : undefined;
  const signers = await recovery?.signersOf(signature, message);
  for (const key of others) {
    const isSigner = signers && key.recovery
      ? signers.includes(key.recovery.publicKey)
      : await key.verify(signature, message);
    if (isSigner) return true;
  }
  return false;
}

/** The refusal of a DID whose key is not usable, or that is not spelled as it must be. */
export function invalidDid(message: string, cause?: unknown): GatewayError {
  return new GatewayError("invalid_did", message, { cause });
}
