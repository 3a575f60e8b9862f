/** The days that a report is about, in UTC. */
import { UsageError } from "../command.ts";
import type { Unit } from "./report.ts";

export interface Range {
  /** The first and the last day, `YYYY-MM-DD`. */
  from: string;
  to: string;
}

const DAY_MS = 86_400_000;
/** What charts can show side by side on a phone. */
const MOST_POINTS = 124;
const MOST_DAYS = 36_525;

/**
 * @param days how long it is, where `from` is not given
 * @param now milliseconds since the epoch
 * @throws {UsageError} for what is no date, or a range that ends before it begins
 */
export function rangeOf(
  { from, to, days }: { from?: string; to?: string; days: number },
  now: number,
): Range {
  const last = to === undefined ? now - now % DAY_MS : dateOf("--to", to);
  const first = from === undefined ? last - (days - 1) * DAY_MS : dateOf("--from", from);
  if (first > last) throw new UsageError("--from must not be after --to");
  if (last - first > MOST_DAYS * DAY_MS) throw new UsageError("a range is a hundred years at most");
  return { from: written(first), to: written(last) };
}

function dateOf(name: string, text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  // Date takes 30 February for 2 March.
  if (isNaN(ms) || written(ms) !== text) {
    throw new UsageError(`${name} must be a date like 2026-11-22, not ${JSON.stringify(text)}`);
  }
  return ms;
}

function written(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function dayCount({ from, to }: Range): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
}

/** The shortest unit of which there are not too many. */
export function unitOf(range: Range): Unit {
  const days = dayCount(range);
  if (days <= MOST_POINTS) return "day";
  return days <= MOST_POINTS * 7 ? "week" : "month";
}

/** The point of time that a day belongs to: the first day of its week or month. */
export function pointOf(day: string, unit: Unit): string {
  if (unit === "day") return day;
  if (unit === "month") return `${day.slice(0, 7)}-01`;
  const ms = Date.parse(day);
  return written(ms - ((new Date(ms).getUTCDay() + 6) % 7) * DAY_MS);
}

/** All points of time of a range, in order. */
export function pointsOf(range: Range, unit: Unit): string[] {
  const points = new Set<string>();
  for (let ms = Date.parse(range.from); ms <= Date.parse(range.to); ms += DAY_MS) {
    points.add(pointOf(written(ms), unit));
  }
  return [...points];
}
