/** One event of the log as a line of JSON that the platform keeps whole. */
import { utf8 } from "../bytes/encodings.ts";
import type { LogEvent } from "./kinds.ts";

/**
 * Supabase cuts a line at 10 000 characters (supabase.com/docs/guides/functions/limits). Counted in
 * bytes, of which there are never fewer than characters.
 */
export const MAX_LINE_BYTES = 10_000;
/** How long a text may be that is cut, in characters: the first of these with which the line fits. */
const LENGTHS = [2_000, 1_000, 500, 200, 50, 10];
/** How many items and members a line keeps that is too long without its texts, too. */
const MAX_MEMBERS = 40;
const MARK = "…";

/** An event's JSON. Where the line would be too long, long texts are cut and end in `…`. */
export function lineOf(event: LogEvent): string {
  const whole = JSON.stringify(event);
  if (fits(whole)) return whole;
  for (const length of LENGTHS) {
    const line = JSON.stringify(event, (_name, value) => cut(value, length));
    if (fits(line)) return line;
  }
  // It is not the texts: there are too many members, or items.
  const scalars = Object.entries(event).filter(([name, value]) =>
    name.length <= MAX_MEMBERS && !(typeof value === "object" && value !== null)
  ).slice(0, MAX_MEMBERS);
  return lineOf({ ...Object.fromEntries(scalars), left_out: MARK });
}

/** Whether a line may be this long. */
export function fits(text: string, maxBytes = MAX_LINE_BYTES): boolean {
  if (text.length > maxBytes) return false;
  return text.length * 3 <= maxBytes || utf8(text).length <= maxBytes;
}

function cut(value: unknown, length: number): unknown {
  if (typeof value !== "string" || value.length <= length) return value;
  return value.slice(0, length).toWellFormed() + MARK;
}
