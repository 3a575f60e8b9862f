/**
 * How fast-check is run: `FAST_CHECK_SEED=<seed>` repeats the cases of a run, which prints its seed (with
 * new keys); `FAST_CHECK_RUNS=<number>` runs so many cases of each property.
 */
import type { Bytes } from "../bytes/encodings.ts";

/** New in each run. */
export const seed = Number(Deno.env.get("FAST_CHECK_SEED") ?? Date.now() % 2 ** 31);

/** What a case finds is seldom of one Deno alone: the older one, which Supabase runs, tries a third. */
const SHARE = Deno.version.deno.startsWith("2.1.") ? 1 / 3 : 1;

/** How many cases a property has where nothing else is asked for. */
export function casesOf(usual: number): number {
  return Number(Deno.env.get("FAST_CHECK_RUNS") ?? Math.ceil(usual * SHARE));
}

export function flipBit(bytes: Uint8Array, bit: number): Bytes {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}
