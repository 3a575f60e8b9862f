/** What the tests of maintenance share: a clock that moves when somebody sleeps, and a turn by it. */
import { createTurn, type Turn } from "../books/maintenance/turn.ts";
import { ManagementError } from "../openrouter/management_call.ts";
import type { KeyState } from "../openrouter/management_key.ts";

export interface Clock {
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Lets time pass. */
  pass(ms: number): void;
  /** What was slept. */
  waits: number[];
}

export function fakeClock(startMs = 1_000_000): Clock {
  let nowMs = startMs;
  const waits: number[] = [];
  return {
    now: () => nowMs,
    sleep(ms) {
      waits.push(ms);
      nowMs += ms;
      return Promise.resolve();
    },
    pass: (ms) => nowMs += ms,
    waits,
  };
}

/** A turn of a minute. */
export function turnOf(clock: Clock, lastsMs = 60_000, keyState: KeyState = "accepted"): Turn {
  return createTurn({ ...clock, ...keyThatIs(keyState) }, clock.now() + lastsMs);
}

/** OpenRouter's answer about the management key. */
export function keyThatIs(state: KeyState) {
  return { keyState: () => Promise.resolve(state) };
}

/** What OpenRouter's refusals become. */
export function refusedWith(status: number | null, retryAfter: string | null = null) {
  return new ManagementError(`OpenRouter answered with status ${status}`, status, retryAfter);
}
