/** Short texts, as names and values in JSON: made to strings once, because few come again and again. */
import { textOf } from "./encodings.ts";

/** Longer ones are seldom the same. */
const MAX_BYTES = 32;
const SLOTS = 1024;
/** The latest of those that share a slot stays, so that nobody can fill it with what nobody uses. */
const remembered: string[] = new Array(SLOTS).fill("");

/** The same as textOf. @param bytes hold the text from `start` to before `end` */
export function textIn(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > MAX_BYTES) return textOf(bytes.subarray(start, end));
  let hash = 0;
  let allBits = 0;
  for (let i = start; i < end; i++) {
    hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    allBits |= bytes[i]!;
  }
  const slot = (hash ^ (hash >>> 16)) & (SLOTS - 1);
  const known = remembered[slot]!;
  if (isAt(bytes, start, end, known)) return known;
  const text = textOf(bytes.subarray(start, end));
  if (allBits < 0x80) remembered[slot] = text;
  return text;
}

function isAt(bytes: Uint8Array, start: number, end: number, expected: string): boolean {
  if (end - start !== expected.length) return false;
  for (let i = 0; i < expected.length; i++) {
    if (bytes[start + i] !== expected.charCodeAt(i)) return false;
  }
  return true;
}
