/** Bytes as they come from a network: in pieces that nobody chose. */

/** Cuts bytes at these places, which are taken modulo their length. */
export function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const at = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(at[i - 1] ?? 0, end));
}
