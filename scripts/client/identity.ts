/** What signs. */
import { base58btc, type Bytes } from "./encodings.ts";

/** What signs: a DID and the use of its key. Wallets and hardware implement it themselves. */
export interface Identity {
  readonly did: string;
  /** How `sign` signs: a JWS algorithm, or Ethereum's `personal_sign` for did:pkh. */
  readonly algorithm: "EdDSA" | "ES256" | "ES256K" | "EIP-191";
  /** Signs bytes; gives 64 raw bytes (R ‖ S, or r ‖ s), for EIP-191 65 (r ‖ s ‖ v). */
  sign(message: Bytes): Promise<Bytes>;
}

/** did:key of a public key's bytes (compressed, for EC) behind its multicodec prefix. */
export function didKeyOf(publicKey: Bytes, multicodec: readonly number[]): string {
  return `did:key:z${base58btc(Uint8Array.of(...multicodec, ...publicKey))}`;
}
