/** The DIDs of a made-up history, and the habits of those behind them. */
import { base58 } from "@scure/base";
import { MODELS } from "./models.ts";
import type { Random } from "./random.ts";

export interface Person {
  did: string;
  /** How much of all traffic is theirs. */
  weight: number;
  /** Their first day; 0 is the first of the history. */
  startDay: number;
  /** By hour of the day, UTC. */
  hours: readonly number[];
  /** From Monday to Sunday. */
  weekdays: readonly number[];
  /** By model, as MODELS has them. */
  models: readonly number[];
  /** Whether they say which session a call belongs to. */
  hasSessions: boolean;
  label: string | null;
}

/** Of somebody in an office, of somebody at night, and of a program. */
const HOURS = [
  [1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 18, 16, 12, 16, 18, 17, 14, 9, 6, 5, 4, 3, 2, 1],
  [10, 8, 5, 3, 1, 1, 1, 1, 2, 3, 3, 3, 4, 4, 4, 4, 5, 6, 8, 10, 12, 14, 14, 12],
  Array(24).fill(6),
];
const WEEKDAYS = [
  [10, 11, 11, 10, 8, 1, 1],
  [6, 6, 6, 6, 8, 10, 10],
  Array(7).fill(8),
];
const LABELS = ["nightly-eval", "support-bot", "customer-acme", "docs-search"];

/** @param days how long the history is */
export function makePeople(count: number, days: number, random: Random): Person[] {
  return Array.from({ length: count }, (_, index) => {
    const habit = random.index([6, 2, 3]);
    const favourites = new Set([random.integer(0, MODELS.length - 1), 0, random.integer(0, 3)]);
    return {
      did: madeUpDid(random),
      weight: 1 / (index + 1) ** 0.9,
      // One in three came later.
      startDay: index > 1 && random.happens(1 / 3) ? random.integer(0, Math.max(0, days - 3)) : 0,
      hours: HOURS[habit]!,
      weekdays: WEEKDAYS[habit]!,
      models: MODELS.map(({ weight }, model) => favourites.has(model) ? weight * 5 : weight / 4),
      hasSessions: random.happens(0.5),
      label: random.happens(0.4) ? random.pick(LABELS) : null,
    };
  });
}

/** A did:key of Ed25519 whose bytes are chance: there is no private key, so that nobody can sign for it. */
function madeUpDid(random: Random): string {
  return `did:key:z${base58.encode(new Uint8Array([0xed, 0x01, ...random.bytes(32)]))}`;
}
