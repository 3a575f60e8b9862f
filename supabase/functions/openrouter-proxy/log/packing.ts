/** Several entries of the books in one line of the log, none of which is cut. */
import type { LogEvent } from "./kinds.ts";
import { fits, MAX_LINE_BYTES } from "./line.ts";

/** A line, and what it holds. */
export interface Packed {
  line: LogEvent;
  holds: LogEvent[];
}

/** What a line has around its entries. */
const FRAME_BYTES = 200;

/**
 * As few lines as hold these events, in their order. One alone stays as it is; several of a name become
 * `{level, event, entries: […]}`.
 */
export function packed(events: readonly LogEvent[]): Packed[] {
  const groups: { holds: LogEvent[]; json: string }[] = [];
  for (const event of events) {
    const json = JSON.stringify(event);
    const last = groups.at(-1);
    const joined = last === undefined ? json : `${last.json},${json}`;
    const isAlike = last?.holds[0]?.event === event.event;
    if (last !== undefined && isAlike && fits(joined, MAX_LINE_BYTES - FRAME_BYTES)) {
      last.holds.push(event);
      last.json = joined;
    } else groups.push({ holds: [event], json });
  }
  return groups.map(({ holds }) => ({ line: lineOfSeveral(holds), holds }));
}

function lineOfSeveral(events: LogEvent[]): LogEvent {
  const [first = {}] = events;
  if (events.length === 1) return first;
  const { level, event } = first;
  const entries = events.map(({ level: _level, event: _event, ...entry }) => entry);
  return { level, event, entries };
}
