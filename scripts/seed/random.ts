/** Chance that is the same for the same seed. */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

export interface Random {
  /** From 0 to 1, without 1. */
  fraction(): number;
  /** A whole number from `least` to `most`. */
  integer(least: number, most: number): number;
  /** Whether something of this probability happens. */
  happens(probability: number): boolean;
  /** Log-normal around a median: half of the values are below it, two thirds within `spread` times. */
  around(median: number, spread: number): number;
  /** An index, as likely as its weight. At least one weight is above 0. */
  index(weights: readonly number[]): number;
  pick<T>(from: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

export function createRandom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  const fraction = () => uniformFloat64(generator);
  const integer = (least: number, most: number) =>
    least + Math.floor(fraction() * (most - least + 1));

  return {
    fraction,
    integer,
    happens: (probability) => fraction() < probability,
    around(median, spread) {
      // Box-Muller.
      const normal = Math.sqrt(-2 * Math.log(1 - fraction())) * Math.cos(2 * Math.PI * fraction());
      return median * Math.exp(Math.log(spread) * normal);
    },
    index(weights) {
      let rest = fraction() * weights.reduce((sum, weight) => sum + weight, 0);
      for (const [index, weight] of weights.entries()) {
        rest -= weight;
        if (rest < 0 && weight > 0) return index;
      }
      return weights.findLastIndex((weight) => weight > 0);
    },
    pick: (from) => from[integer(0, from.length - 1)]!,
    bytes: (length) => Uint8Array.from({ length }, () => integer(0, 255)),
  };
}
