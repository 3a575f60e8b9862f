/**
 * The token of an account whose wallet signs no JWTs: one EIP-4361 message, signed once with
 * `personal_sign` (protocol.md, "Wallet session"; CAIP-122).
 *
 * Imported when the first one comes.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { hex } from "@scure/base";
import { type Bytes, decodeBase64url, textOf, utf8 } from "../bytes/encodings.ts";
import { GatewayError } from "../errors.ts";
import { type Did, parseDid } from "./did.ts";
import { parseDateTime } from "./rfc3339.ts";
import { parseSiweMessage, type SiweMessage } from "./siwe_message.ts";
import {
  assertLife,
  MAX_TOKEN_LENGTH,
  quoted,
  type TokenContext,
  tokenRefusal,
  type VerifiedToken,
} from "./token.ts";
import { verifiesUnderAny } from "./verification_key.ts";

/** A wallet session of which nothing is verified yet. */
export interface WalletSession {
  readonly did: Did;
  readonly message: SiweMessage;
  readonly messageBytes: Bytes;
  readonly signature: Bytes;
}

/** r ‖ s ‖ v. Smart accounts' signatures are of any other length (ERC-1271, ERC-6492). */
const SIGNATURE_BYTES = 65;
/** The same as wallets give it. It happens to be base64url, of other bytes. */
const SIGNATURE_AS_HEX = /\.0x[0-9a-f]{130}$/i;
/** The same once its characters have been put in base64url, as btoa does. */
const HEX_AS_BYTES = /^(?:0x)?[0-9a-f]{130}$/i;
const SCHEME_AND_AUTHORITY = /^([^:/?#]+):\/\/([^/?#]+)/;
const NAMES = { issuedAt: "Issued At", notBefore: "Not Before", expiresAt: "Expiration Time" };

/**
 * Reads `siwe.<base64url of the message>.<base64url of the signature>`.
 *
 * @throws {GatewayError} invalid_token, invalid_did
 */
export function readWalletSession(token: string, { now }: TokenContext): WalletSession {
  const invalid = (text: string) => tokenRefusal("invalid_token", text, now() / 1000);
  if (token.length > MAX_TOKEN_LENGTH) {
    throw invalid(`a wallet session has at most ${MAX_TOKEN_LENGTH} characters`);
  }
  const inHex = () =>
    invalid(
      "the wallet session's signature is in hex: write its 65 bytes in base64url without padding",
    );
  if (SIGNATURE_AS_HEX.test(token)) throw inHex();
  const parts = token.split(".").slice(1).map(decodeBase64url);
  const [messageBytes, signature] = parts;
  if (parts.length !== 2 || !messageBytes || !signature) {
    throw invalid(
      "a wallet session is siwe.<message>.<signature>, both in base64url without padding",
    );
  }
  if (HEX_AS_BYTES.test(textOf(signature))) throw inHex();
  // What is no UTF-8 becomes characters that no message has.
  const message = parseSiweMessage(textOf(messageBytes));
  if (!message) throw invalid("the wallet session's message is not as EIP-4361 has it");
  if (message.address !== checksumAddress(message.address)) {
    throw invalid("the wallet session's address is not in EIP-55 spelling");
  }
  const did = parseDid(`did:pkh:eip155:${message.chainId}:${message.address}`);
  return { did, message, messageBytes, signature };
}

/** @throws {GatewayError} invalid_token, expired_token (both with `server_time` in seconds) */
export async function verifyWalletSession(
  { did, message, messageBytes, signature }: WalletSession,
  context: TokenContext,
): Promise<VerifiedToken> {
  const { audience, now, resolve, maxWalletSessionSeconds } = context;
  const nowSeconds = now() / 1000;
  const invalid = (text: string) => tokenRefusal("invalid_token", text, nowSeconds);

  assertAudience(message, audience, invalid);
  const issuedAt = parseDateTime(message.issuedAt);
  const expiresAt = message.expirationTime === null ? null : parseDateTime(message.expirationTime);
  const notBefore = message.notBefore === null ? null : parseDateTime(message.notBefore);
  if (issuedAt === null || expiresAt === null) {
    throw invalid("the wallet session needs Issued At and Expiration Time, as RFC 3339 has them");
  }
  if (message.notBefore !== null && notBefore === null) {
    throw invalid("the wallet session's Not Before is not as RFC 3339 has it");
  }
  assertLife({ issuedAt, notBefore, expiresAt }, NAMES, maxWalletSessionSeconds, nowSeconds);

  if (signature.length !== SIGNATURE_BYTES) {
    throw invalid(
      `the wallet session's signature has ${signature.length} bytes, not ${SIGNATURE_BYTES}. ` +
        `Smart accounts (ERC-1271, ERC-6492) are not supported: sign with an account that has a ` +
        `private key`,
    );
  }
  const keys = (await resolve(did)()).map(({ key }) => key);
  if (!await verifiesUnderAny(keys, signature, messageBytes)) {
    throw invalid(
      "the wallet session's signature is not that of its address by personal_sign (EIP-191). " +
        "Smart accounts (ERC-1271), for which another key signs, are not supported",
    );
  }
  return { did: did.uri, issuedAt: new Date(issuedAt * 1000), expiresAt };
}

function assertAudience(
  { scheme, domain, uri, resources }: SiweMessage,
  audience: string,
  invalid: (text: string) => GatewayError,
): void {
  const [, ownScheme, authority] = SCHEME_AND_AUTHORITY.exec(audience) ?? [];
  if (domain !== authority) {
    throw invalid(`the wallet session's domain must be ${authority}; it is ${quoted(domain)}`);
  }
  if (scheme !== null && scheme !== ownScheme) {
    throw invalid(`the wallet session's scheme must be ${ownScheme}, or absent`);
  }
  if (uri !== audience) {
    throw invalid(`the wallet session's URI must be exactly ${audience}; it is ${quoted(uri)}`);
  }
  if (resources.some((resource) => resource !== audience)) {
    throw invalid(`the wallet session's Resources may be ${audience} alone`);
  }
}

/** EIP-55: a letter of the address is upper case where the hash of it has a digit of 8 or more. */
function checksumAddress(address: string): string {
  const digits = address.slice(2).toLowerCase();
  const hash = hex.encode(keccak_256(utf8(digits)));
  return `0x${
    Array.from(digits, (digit, i) => hash[i]! >= "8" ? digit.toUpperCase() : digit).join("")
  }`;
}
