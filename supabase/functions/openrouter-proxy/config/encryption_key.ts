/** The key under which the keys of DIDs are stored, as the environment has it. */
import { base64 } from "@scure/base";
import type { Bytes } from "../bytes/encodings.ts";
import { Unusable } from "./readings.ts";

const HEX = /^(?:[0-9a-fA-F]{2})+$/;

/** At least 32 random bytes in base64 or hex. */
export function encryptionKey(text: string): Bytes | Unusable {
  return readEncryptionKey(text) ?? new Unusable(
    "must be at least 32 random bytes in base64 or hex, no placeholder; make one with: deno task secrets",
  );
}

/** The bytes of an encryption key in base64 or hex; null when it is not at least 32 random ones. */
export function readEncryptionKey(value: string): Bytes | null {
  const bytes = decodeKey(value);
  return bytes !== null && looksRandom(value, bytes) ? bytes : null;
}

/** Hex or base64 → bytes; null for anything else. */
function decodeKey(value: string): Bytes | null {
  if (HEX.test(value)) {
    return Uint8Array.from(value.match(/../g)!, (pair) => parseInt(pair, 16));
  }
  try {
    return new Uint8Array(base64.decode(value.padEnd(Math.ceil(value.length / 4) * 4, "=")));
  } catch {
    return null;
  }
}

/**
 * Whether a key can have come from a random generator. A phrase of letters is valid base64 too, so
 * that length alone would let placeholders pass; random bytes fail these checks less than once in
 * a billion.
 */
function looksRandom(text: string, bytes: Uint8Array): boolean {
  return bytes.length >= 32 && new Set(bytes).size >= 16 &&
    (HEX.test(text) || (/[a-z]/.test(text) && /[A-Z]/.test(text))) &&
    !/change.?(?:me|this|it)|placeholder|replace|example/i.test(text);
}
