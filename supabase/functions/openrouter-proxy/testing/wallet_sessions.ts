/** Wallet sessions for tests, right or wrong in any field. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { base64urlnopad, hex } from "@scure/base";
import { type Bytes, utf8 } from "../bytes/encodings.ts";
import { AUDIENCE, NOW, type Signer } from "./signers.ts";

/** The fields of an EIP-4361 message; a field that is undefined is left out, line and all. */
export interface SiweFields {
  scheme?: string | undefined;
  domain?: string | undefined;
  address?: string | undefined;
  statement?: string | undefined;
  uri?: string | undefined;
  version?: string | undefined;
  chainId?: string | number | undefined;
  nonce?: string | undefined;
  issuedAt?: string | undefined;
  expirationTime?: string | undefined;
  notBefore?: string | undefined;
  requestId?: string | undefined;
  resources?: readonly string[] | undefined;
}

/** The message with these fields, as EIP-4361 puts them together. */
export function siweMessage(fields: SiweFields): string {
  const line = (name: string, value: unknown) => value === undefined ? [] : [`${name}: ${value}`];
  return [
    `${fields.scheme === undefined ? "" : `${fields.scheme}://`}${
      fields.domain ?? ""
    } wants you to sign in with your Ethereum account:`,
    fields.address ?? "",
    "",
    ...(fields.statement === undefined ? [] : [fields.statement]),
    "",
    ...line("URI", fields.uri),
    ...line("Version", fields.version),
    ...line("Chain ID", fields.chainId),
    ...line("Nonce", fields.nonce),
    ...line("Issued At", fields.issuedAt),
    ...line("Expiration Time", fields.expirationTime),
    ...line("Not Before", fields.notBefore),
    ...line("Request ID", fields.requestId),
    ...(fields.resources === undefined
      ? []
      : ["Resources:", ...fields.resources.map((resource) => `- ${resource}`)]),
  ].join("\n");
}

/** A day from {@linkcode NOW} on, with these changes. */
export function sessionFields(account: Signer, changes: SiweFields = {}): SiweFields {
  const [, , , chainId, address] = account.did.split(":");
  return {
    domain: new URL(AUDIENCE).host,
    address: checksumAddress(address!),
    uri: AUDIENCE,
    version: "1",
    chainId: chainId!,
    nonce: "n0nce001",
    issuedAt: instant(NOW),
    expirationTime: instant(NOW + 86_400),
    ...changes,
  };
}

export function instant(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

export function sessionOf(message: string, signature: Bytes): string {
  return ["siwe", base64urlnopad.encode(utf8(message)), base64urlnopad.encode(signature)].join(".");
}

/** The message with these changes, signed after them. */
export async function walletSession(account: Signer, changes: SiweFields = {}): Promise<string> {
  const message = siweMessage(sessionFields(account, changes));
  return sessionOf(message, await account.sign(utf8(message)));
}

/** EIP-55, digit by digit. */
export function checksumAddress(address: string): string {
  const digits = address.slice(2).toLowerCase();
  const hash = hex.encode(keccak_256(utf8(digits)));
  return `0x${
    digits.replace(/./g, (digit, i) => parseInt(hash[i]!, 16) > 7 ? digit.toUpperCase() : digit)
  }`;
}
