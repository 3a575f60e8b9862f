/**
 * A job's turn in a run of maintenance: how long it may go on, and when OpenRouter may be asked again.
 *
 * Whatever ends a turn ends it for all that the job has under way: the next run goes on from there.
 * What OpenRouter or Postgres refuses of one thing alone is that one's: it is passed over, and told.
 */
import { retryAfterMs } from "../../http/retry_after.ts";
import { ManagementError } from "../../openrouter/management_call.ts";
import type { KeyState } from "../../openrouter/management_key.ts";
import { StoreUnavailable } from "../../store/rpc.ts";

export interface TurnDeps {
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Whether OpenRouter takes the management key: where it does not, it refuses everything. */
  keyState: () => Promise<KeyState>;
}

/** One thing that a job has passed over, by its ids, and why. */
export interface PassedOver {
  subject: Record<string, string>;
  error: Error;
}

/** Why a turn ended before its job did. */
export type Stop =
  | "out_of_time"
  | "enough_for_one_run"
  | "openrouter_is_busy"
  | "openrouter_is_down";

/** Thrown at whoever asks for more in a turn that is over. */
export class TurnIsOver extends Error {
  override readonly name = "TurnIsOver";
}

export interface Turn {
  /** Why it is over; null: it is not. */
  stopped(): Stop | null;
  /**
   * Asks OpenRouter, and again when it was busy, down or silent.
   *
   * @throws {TurnIsOver} when it is, or when OpenRouter asks to wait for longer than it lasts
   * @throws {ManagementError} when OpenRouter refused, or fails at this while it answers others
   */
  ask<T>(attempt: () => Promise<T>): Promise<T>;
  /**
   * For the `catch` of what a job does about one thing: resolves to null where the error is that one's,
   * so that the others have their turn.
   *
   * @param subject its ids, for the log
   * @throws the error where it would be that of all others, too, or the turn is over
   */
  passOver(subject: Record<string, string>): (error: Error) => Promise<null>;
  /** What was passed over. */
  passedOver(): readonly PassedOver[];
}

/**
 * How often a turn asks OpenRouter: Supabase gives a request 2 s of CPU time, and an answer takes a
 * quarter of a millisecond of a fast processor.
 */
const MOST_ASKS = 2_000;
/** Waits after a 429 that does not say how long. */
const BUSY_WAIT_MS = 5_000;
/** Waits after each failure in a row; after the last one OpenRouter counts as down, if it answered nobody. */
const DOWN_WAITS_MS = [1_000, 2_000, 4_000];

/** The management key may be refused, or what was asked for. */
const REFUSALS_OF_A_KEY: readonly (number | null)[] = [401, 403];

/** @param untilMs when it ends, in milliseconds since the epoch */
export function createTurn({ now, sleep, keyState }: TurnDeps, untilMs: number): Turn {
  const passedOver: PassedOver[] = [];
  let stop: Stop | null = null;
  /** Before this nobody asks: one answer of 429 counts for all that are under way. */
  let notBeforeMs = 0;
  let asks = 0;
  let answers = 0;

  function stopped(): Stop | null {
    stop ??= now() >= untilMs ? "out_of_time" : null;
    return stop;
  }

  /** Waits with all others; ends the turn where that would take too long. */
  async function wait(because: Stop) {
    if (notBeforeMs >= untilMs) stop ??= because;
    while (stopped() === null && now() < notBeforeMs) await sleep(notBeforeMs - now());
    if (stopped() !== null) throw new TurnIsOver();
  }

  async function isOfOne(error: Error): Promise<boolean> {
    if (error instanceof TurnIsOver) return false;
    if (error instanceof StoreUnavailable) return error.mayPassAlone;
    if (!(error instanceof ManagementError)) return false;
    return !REFUSALS_OF_A_KEY.includes(error.status) || await keyState() === "accepted";
  }

  return {
    stopped,
    passedOver: () => passedOver,
    passOver: (subject) => async (error) => {
      if (!await isOfOne(error)) throw error;
      passedOver.push({ subject, error });
      return null;
    },
    async ask(attempt) {
      let failures = 0;
      const answersBefore = answers;
      while (true) {
        if (asks++ >= MOST_ASKS) stop ??= "enough_for_one_run";
        await wait("openrouter_is_busy");
        try {
          const answer = await attempt();
          answers++;
          return answer;
        } catch (error) {
          if (!(error instanceof ManagementError)) throw error;
          const { status, retryAfter } = error;
          // A 408 only says that it took long.
          const isDown = status === null || status === 408 || status >= 500;
          if (!isDown && status !== 429) throw error;
          if (isDown && failures === DOWN_WAITS_MS.length) {
            if (answers > answersBefore) throw error;
            stop ??= "openrouter_is_down";
          }
          // A failure is one more in a row, whether or not it says how long to wait.
          const ownWaitMs = isDown ? DOWN_WAITS_MS[failures++] ?? 0 : BUSY_WAIT_MS;
          // Whoever asks to wait for no time, or until a time that our clock has passed, is not pressed.
          const waitMs = retryAfterMs(retryAfter, now()) || ownWaitMs;
          notBeforeMs = Math.max(notBeforeMs, now() + waitMs);
        }
      }
    },
  };
}

/**
 * Works on some things at a time, until all are done or the turn is over.
 *
 * @returns how many were finished; one whose work threw TurnIsOver was not
 * @throws what the work threw first otherwise, once nothing is under way any more
 */
export async function inParallel<T>(
  items: readonly T[],
  atATime: number,
  turn: Turn,
  work: (item: T) => Promise<void>,
): Promise<number> {
  const rest = items.values();
  let finished = 0;
  const failures: unknown[] = [];
  async function worker() {
    for (const item of rest) {
      if (turn.stopped() !== null || failures.length > 0) return;
      try {
        await work(item);
        finished++;
      } catch (error) {
        if (!(error instanceof TurnIsOver)) failures.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: atATime }, worker));
  if (failures.length > 0) throw failures[0];
  return finished;
}
