/** The names of members: unescaped, and made to strings once, because few come again and again. */
import { textOf } from "./encodings.ts";

/** Longer names are not told: an escaped character may take six bytes. */
export const MAX_NAME_BYTES = 128;

/** A name as it was written, in ASCII, and what it says. */
interface Remembered {
  written: string;
  name: string;
}

const SLOTS = 1024;
/** The latest of those that share a slot stays, so that nobody can fill it with what nobody uses. */
const remembered: (Remembered | undefined)[] = new Array(SLOTS).fill(undefined);

/**
 * @param bytes hold the name between its quotes, from `start` to before `end`
 * @returns null for one that is longer than MAX_NAME_BYTES
 */
export function nameIn(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start > MAX_NAME_BYTES) return null;
  let hash = 0;
  let allBits = 0;
  for (let i = start; i < end; i++) {
    hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    allBits |= bytes[i]!;
  }
  const slot = (hash ^ (hash >>> 16)) & (SLOTS - 1);
  const known = remembered[slot];
  if (known !== undefined && isAt(bytes, start, end, known.written)) return known.name;
  // A byte order mark at its beginning is a part of it: `\ufeffmodel` is not `model`.
  const written = textOf(bytes.subarray(start, end));
  const name = written.includes("\\") ? JSON.parse(`"${written}"`) as string : written;
  if (allBits < 0x80) remembered[slot] = { written, name };
  return name;
}

function isAt(bytes: Uint8Array, start: number, end: number, expected: string): boolean {
  if (end - start !== expected.length) return false;
  for (let i = 0; i < expected.length; i++) {
    if (bytes[start + i] !== expected.charCodeAt(i)) return false;
  }
  return true;
}
