/** Bytes and their texts. Decoders accept exactly one text per value and answer null to any other. */
import { base64urlnopad, hex } from "@scure/base";

/** `Uint8Array<ArrayBuffer>` in a spelling that TypeScript 5.6 (Deno 2.1.4) also knows. */
export type Bytes = ReturnType<typeof Uint8Array.of>;

export const NO_BYTES: Bytes = new Uint8Array();
export const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];
export const CR = 0x0d;
export const LF = 0x0a;

const encoder = new TextEncoder();
// A byte order mark stays in the text, where JSON.parse refuses it.
const STRICT: TextDecoderOptions = { fatal: true, ignoreBOM: true };
const decoder = new TextDecoder("utf-8", STRICT);

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

export async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** @throws {TypeError} for what is no UTF-8 */
export function strictTextOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** For a text in pieces, which may part in the middle of a character. */
export function strictDecoder(): TextDecoder {
  return new TextDecoder("utf-8", STRICT);
}

const forgivingDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const SHORT_BYTES = 16;

/**
 * UTF-8 → text; what is no UTF-8 becomes U+FFFD, and a byte order mark stays. Short ASCII texts, of
 * which JSON has a million, are spared the call to the runtime's decoder; with longer ones it is quicker.
 */
export function textOf(bytes: Uint8Array): string {
  if (bytes.length > SHORT_BYTES) return forgivingDecoder.decode(bytes);
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! >= 0x80) return forgivingDecoder.decode(bytes);
  }
  return Reflect.apply(String.fromCharCode, null, bytes);
}

/** Lower-case hex SHA-256. */
export async function sha256Hex(bytes: Bytes): Promise<string> {
  return hex.encode(await sha256(bytes));
}

/** Unpadded base64url (RFC 4648 section 5) → bytes; null where the text is not their only spelling. */
export function decodeBase64url(text: string): Bytes | null {
  try {
    const bytes = new Uint8Array(base64urlnopad.decode(text));
    // Stray bits, padding and whitespace: whatever a decoder forgives does not come back.
    return base64urlnopad.encode(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

/** UTF-8 JSON → object; null for anything else, arrays included. */
export function parseJsonObject(bytes: Bytes): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(strictTextOf(bytes));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Big-endian unsigned integer; 0 where there are no bytes. */
export function toInteger(bytes: Bytes): bigint {
  return BigInt(`0x0${hex.encode(bytes)}`);
}

export function concat(...parts: (Uint8Array | readonly number[])[]): Bytes {
  return concatAll(parts);
}

/** The same for more parts than a call can have arguments. */
export function concatAll(parts: readonly (Uint8Array | readonly number[])[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
