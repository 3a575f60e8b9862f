/** The names of members, unescaped. */
import { textIn } from "./short_texts.ts";

/** Longer names are not told: an escaped character may take six bytes. */
export const MAX_NAME_BYTES = 128;

/**
 * @param bytes hold the name between its quotes, from `start` to before `end`
 * @returns null for one that is longer than MAX_NAME_BYTES
 */
export function nameIn(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start > MAX_NAME_BYTES) return null;
  // A byte order mark at its beginning is a part of it: `\ufeffmodel` is not `model`.
  const written = textIn(bytes, start, end);
  return written.includes("\\") ? JSON.parse(`"${written}"`) as string : written;
}
