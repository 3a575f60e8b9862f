/**
 * What becomes of the events that are told to the log: a line each, as long as the platform keeps
 * them. When there are more, one line stands for several that are alike, and says for how many.
 *
 * No line is made that is not printed.
 *
 * Source: docs/protocol.md, "The log".
 */
import { type Kind, kindOf, type LogEvent, nameOf } from "./kinds.ts";
import { lineOf } from "./line.ts";
import { packed } from "./packing.ts";
import { MAX_LINES, Quota, WINDOW_MS } from "./quota.ts";
import { oneIn } from "./sampling.ts";

/** A log that takes structured events, without secrets. */
export type Log = (event: LogEvent) => void;

/**
 * How many successes have a line: one in so many at most; 0: none; `all`: each, and so has every other
 * event, because whoever keeps the log has no quota.
 */
export type LogSuccesses = number | "all";

export interface LogDeps {
  print: (line: string) => void;
  successes: LogSuccesses;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds on any steady clock. */
  steadyNow: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
}

export interface BoundedLog {
  log: Log;
  /**
   * Prints all that waits, whether or not there is room: the worker may end at any time. What comes
   * later and has no room waits for a moment only.
   */
  retire(): void;
}

/** How full the window may be for a line of each kind: what is worth less leaves room for the rest. */
const ROOM: Record<Kind, number> = { entry: MAX_LINES, failure: 90, refusal: 80, success: 80 };
/** Anybody can have as many refusals as they like: those take half of that room at most. */
const MAX_REFUSALS = 40;
/** How many names may wait; beyond that, the event alone tells what is alike. */
const MAX_NAMES = 50;
/** How many entries may wait; those beyond are printed at once, whether or not there is room. */
const MAX_ENTRIES = 4_000;
/** How long what comes at a worker's end waits for more to share a line with. */
const GATHER_MS = 50;

export function createLog(deps: LogDeps): BoundedLog {
  const { print, successes, now, steadyNow, sleep, waitUntil } = deps;
  if (successes === "all") return { log: write, retire() {} };
  const lines = new Quota(steadyNow);
  const refusals = new Quota(steadyNow);
  const sample = oneIn(successes, ROOM.success, steadyNow);
  /** By name, the last event without a line, and how many there were since the last line. */
  const held = new Map<string, { kind: Kind; event: LogEvent; count: number }>();
  let entries: LogEvent[] = [];
  let isFlushDue = false;
  let isRetiring = false;

  /** What is an entry is never cut: it is bounded where it is made. */
  function write(event: LogEvent) {
    const line = { time: new Date(now()).toISOString(), ...event };
    print(kindOf(event) === "entry" ? JSON.stringify(line) : lineOf(line));
  }

  function spend(kind: Kind, event: LogEvent) {
    lines.spend();
    if (kind === "refusal") refusals.spend();
    write(event);
  }

  function hasRoom(kind: Kind): boolean {
    if (kind !== "entry" && entries.length > 0) return false;
    if (kind === "refusal" && refusals.used() >= MAX_REFUSALS) return false;
    return lines.used() < ROOM[kind];
  }

  function log(event: LogEvent) {
    const kind = kindOf(event);
    if (kind === "entry") return logEntry(event);
    if (kind === "success" && successes === 0) return;
    let name = nameOf(kind, event);
    if (held.size >= MAX_NAMES && !held.has(name)) name = `${kind} ${event.event}`;
    const count = (held.get(name)?.count ?? 0) + 1;
    const isWanted = kind !== "success" || sample(count);
    if (isWanted && hasRoom(kind)) {
      held.delete(name);
      return spend(kind, standingFor(count, event));
    }
    held.set(name, { kind, event, count });
    if (kind !== "success") flushAfter(WINDOW_MS);
  }

  function logEntry(event: LogEvent) {
    const mayPass = entries.length === 0 && hasRoom("entry");
    if (mayPass || entries.length >= MAX_ENTRIES) return spend("entry", event);
    entries.push(event);
    flushAfter(isRetiring ? GATHER_MS : WINDOW_MS);
  }

  /** Successes do not ask for it: the next one that has a line stands for them. */
  function flushAfter(ms: number) {
    if (isFlushDue) return;
    isFlushDue = true;
    waitUntil(
      sleep(ms).then(() => {
        isFlushDue = false;
        flush();
      }),
    );
  }

  /** Prints what waits, as far as there is room. */
  function flush() {
    const waiting = entries;
    entries = [];
    for (const { line, holds } of packed(waiting)) {
      if (isRetiring || hasRoom("entry")) spend("entry", line);
      else entries.push(...holds);
    }
    let isOver = entries.length === 0;
    for (const [name, { kind, event, count }] of held) {
      if (kind === "success" && !isRetiring) continue;
      // Beyond its share, too: it stands for all that came meanwhile.
      if (isRetiring || hasRoom("entry")) {
        held.delete(name);
        spend(kind, standingFor(count, event));
      } else isOver = false;
    }
    if (!isOver) flushAfter(WINDOW_MS);
  }

  return {
    log,
    retire() {
      isRetiring = true;
      isFlushDue = false;
      flush();
    },
  };
}

/** @param count how many events, this one among them */
function standingFor(count: number, event: LogEvent): LogEvent {
  return count === 1 ? event : { ...event, stands_for: count };
}
