/** Bytes as text and back: what the Web platform lacks, or has only in the newest browsers. */

export type Bytes = Uint8Array<ArrayBuffer>;

/** Unpadded base64url (RFC 4648, section 5). */
export function base64url(bytes: Bytes): string {
  return base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Padded base64 (RFC 4648, section 4). */
export function base64(bytes: Bytes): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** @throws {DOMException} for what is no base64url */
export function fromBase64url(text: string): Bytes {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/** Lower-case hex. */
export function hex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Hex of any case, with or without `0x`.
 *
 * @throws {TypeError} for what is no hex
 */
export function fromHex(text: string): Bytes {
  const digits = text.replace(/^0x/i, "");
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new TypeError("expected bytes in hex");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** Base58 in Bitcoin's alphabet, as Multibase's `z` has it. */
export function base58btc(bytes: Bytes): string {
  let rest = BigInt(`0x${hex(bytes)}`);
  let text = "";
  for (; rest > 0n; rest /= 58n) text = BASE58.charAt(Number(rest % 58n)) + text;
  const leadingZeros = bytes.findIndex((byte) => byte !== 0);
  return "1".repeat(leadingZeros < 0 ? bytes.length : leadingZeros) + text;
}

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}
