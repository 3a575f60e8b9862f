/** A made-up history: who called what, and when. The same for the same seed and day. */
import { hex } from "@scure/base";
import { makeCall, type SeedRow } from "./calls.ts";
import { makePeople, type Person } from "./people.ts";
import { createRandom, type Random } from "./random.ts";

export interface HistoryOptions {
  dids: number;
  /** The last one included. */
  days: number;
  rows: number;
  seed: number;
  /** The midnight (UTC) that begins the last day: it says which days are Sundays. */
  today: Date;
  /** Milliseconds of the last day that have passed. */
  passedMs: number;
}

export interface History {
  /** Each DID, and its first call in milliseconds as SeedRow has it. */
  accounts: { did: string; at_ms: number }[];
  /** In the order of their time. */
  rows: SeedRow[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Calls that are further apart belong to two sessions. */
const SESSION_GAP_MS = HOUR_MS / 2;

export function makeHistory(options: HistoryOptions): History {
  const { dids, days, rows, seed } = options;
  const random = createRandom(seed);
  const people = makePeople(dids, days, random);
  const shares = sharesOf(rows, people.map(({ weight }) => weight));
  const badDay = Math.max(0, days - 1 - Math.floor(days / 3));
  const made = people.map((person, index) => {
    const times = timesOf(person, shares[index]!, options, random);
    let session: string | null = null;
    let before = -Infinity;
    return times.map((atMs) => {
      if (person.hasSessions && (atMs - before > SESSION_GAP_MS || random.happens(0.03))) {
        session = `session-${hex.encode(random.bytes(6))}`;
      }
      before = atMs;
      return makeCall(person, atMs, session, isIn(badDay, days, atMs), random);
    });
  });
  return {
    accounts: made.filter(([first]) => first !== undefined)
      .map(([first]) => ({ did: first!.did, at_ms: first!.at_ms })),
    rows: made.flat().sort((a, b) => a.at_ms - b.at_ms || (a.id < b.id ? -1 : 1)),
  };
}

/** Whole numbers that are as large as their weights, and add up to the total. */
function sharesOf(total: number, weights: number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  let passed = 0;
  let given = 0;
  return weights.map((weight) => {
    passed += weight;
    const share = Math.round(total * passed / sum) - given;
    given += share;
    return share;
  });
}

/** When somebody calls, in order. */
function timesOf(
  person: Person,
  count: number,
  { days, today, passedMs }: HistoryOptions,
  random: Random,
): number[] {
  const monday = (today.getUTCDay() + 6) % 7;
  const ofDays = Array.from({ length: days }, (_, day) => {
    if (day < person.startDay) return 0;
    const weekday = (((monday - (days - 1 - day)) % 7) + 7) % 7;
    // Everybody uses it more and more. Of the last day there is a part.
    const part = day === days - 1 ? passedMs / DAY_MS : 1;
    return person.weekdays[weekday]! * (1 + day / days) * part;
  });
  if (!ofDays.some((weight) => weight > 0)) ofDays[0] = 1;
  return Array.from({ length: count }, () => {
    const day = random.index(ofDays);
    const begin = (day - days + 1) * DAY_MS;
    const at = begin + random.index(person.hours) * HOUR_MS + random.integer(0, HOUR_MS - 1);
    // What would be later than now was earlier.
    return day === days - 1 && at >= passedMs
      ? random.integer(begin, Math.max(begin, passedMs - 1))
      : at;
  }).sort((a, b) => a - b);
}

/** From 13:00 to 16:00 of that day. */
function isIn(badDay: number, days: number, atMs: number): boolean {
  const begin = (badDay - days + 1) * DAY_MS;
  return atMs >= begin + 13 * HOUR_MS && atMs < begin + 16 * HOUR_MS;
}
