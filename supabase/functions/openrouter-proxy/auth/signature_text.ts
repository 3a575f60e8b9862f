/** The value of `x-did-signature` (protocol.md, "Signed request"), and what people send in its place. */
import { hex } from "@scure/base";
import { type Bytes, decodeBase64url } from "../bytes/encodings.ts";
import { GatewayError } from "../errors.ts";
import type { Did } from "./did.ts";

const HEX = /^0x(?:[0-9a-fA-F]{2})*$/;
/** What there is to say of a signature that `isDer` knows. */
export const IN_DER = "is in ASN.1 DER: send r and s alone, 32 bytes each (IEEE P1363; " +
  "dsaEncoding: 'ieee-p1363' in node:crypto)";
/** No signature of anybody's is longer; what is, is not looked at. */
const MAX_DIAGNOSED_LENGTH = 65_536;

/**
 * Unpadded canonical base64url of 64 bytes, or `0x` and hex of 64; for did:pkh `0x` and hex of 65.
 *
 * @throws {GatewayError} invalid_signature for one of another kind, invalid_request for other texts
 */
export function decodeSignature(text: string, did: Did): Bytes {
  const isHex = text.length <= 132 && HEX.test(text);
  const bytes = isHex ? new Uint8Array(hex.decode(text.slice(2))) : decodeBase64url(text);
  const isAccounts = did.signatureBytes === 65;
  if (bytes?.length === did.signatureBytes && (isHex || !isAccounts)) return bytes;
  throw refusalOf(text, isAccounts);
}

function refusalOf(text: string, isAccounts: boolean): GatewayError {
  const bytes = decodeLeniently(text);
  if (bytes && isDer(bytes)) {
    return new GatewayError("invalid_signature", `x-did-signature ${IN_DER}`);
  }
  if (isAccounts && bytes && bytes.length > 65) {
    return new GatewayError(
      "invalid_signature",
      `x-did-signature has ${bytes.length} bytes, as those of smart accounts (ERC-1271, ERC-6492) ` +
        "have, which are not supported: sign with an account that has a private key",
    );
  }
  return new GatewayError(
    "invalid_request",
    isAccounts
      ? "x-did-signature takes 65 bytes for did:pkh, as 0x and hex (EIP-191 personal_sign)"
      : "x-did-signature takes 64 bytes, as base64url without padding or as 0x and hex",
  );
}

/** Hex or base64 of any spelling → bytes; null for anything else. */
function decodeLeniently(text: string): Bytes | null {
  if (text.length > MAX_DIAGNOSED_LENGTH) return null;
  const digits = text.replace(/^0x/i, "");
  if (/^(?:[0-9a-f]{2})+$/i.test(digits)) return new Uint8Array(hex.decode(digits));
  // With a bound: `=+` that does not reach the end would be tried again from each of them.
  return decodeBase64url(text.replaceAll("+", "-").replaceAll("/", "_").replace(/={1,2}$/, ""));
}

/** An ECDSA-Sig-Value of two INTEGERs of at most 33 bytes each (RFC 3279 section 2.2.3). */
export function isDer(bytes: Bytes): boolean {
  return bytes.length <= 72 && bytes[0] === 0x30 && bytes[1] === bytes.length - 2 &&
    bytes[2] === 0x02 && bytes[4 + bytes[3]!] === 0x02 &&
    4 + bytes[3]! + 2 + bytes[5 + bytes[3]!]! === bytes.length;
}
