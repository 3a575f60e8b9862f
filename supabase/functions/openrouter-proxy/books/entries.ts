/**
 * Entries in the books, tried until Postgres takes them.
 *
 * Each entry has its own patience; all entries of an isolate share a queue of a few attempts at once,
 * and after a failure all of them wait, so that a store that has gone under is not kept there.
 */
import { storable } from "../bytes/storable.ts";
import { describeError } from "../errors.ts";

export interface EntriesDeps {
  sleep: (ms: number) => Promise<void>;
  log: (event: Record<string, unknown>) => void;
}

/** What Postgres answered to an entry; null: it never took it. */
export type Entered<T> = { answer: T; isFirstAttempt: boolean } | null;

export interface Entries {
  /**
   * @param write one attempt; rejects where Postgres did not take the entry
   * @param entry what an operator can enter by hand: the log has it whole if Postgres never takes it
   */
  enter<T>(write: () => Promise<T>, entry: object): Promise<Entered<T>>;
  /** Tries as long, and without a trace, until this is true. */
  until(write: () => Promise<boolean>): Promise<void>;
  /** From now on an entry that fails is given up: the worker may end at any time. */
  retire(): void;
}

/** Waits after one failure, two in a row, and so on, in milliseconds; then an entry is given up. */
export const BACK_OFF_MS = [250, 1_000, 4_000, 15_000, 30_000, 60_000];
/** How many entries are tried at once: as many settlements go in one call. */
export const AT_ONCE = 64;
/** How many there may be, each some kilobytes; those beyond are given up at once. */
const MAX_ENTRIES = 4_000;

/** An entry has its whole line in the log, which the platform cuts at 10 000 characters. */
const MAX_CAUSE_LENGTH = 500;

export function createEntries({ sleep, log }: EntriesDeps): Entries {
  let entryCount = 0;
  let attemptsUnderWay = 0;
  const queue: (() => void)[] = [];
  let failuresInARow = 0;
  /** Ends when something may be tried again; null: it may. */
  let pause: Promise<void> | null = null;
  let isRetiring = false;
  /** What ends each wait that is under way. */
  const waits = new Set<() => void>();

  /** Waits this long, but not beyond the worker's retirement. */
  function wait(delay: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      waits.add(resolve);
      delay.then(() => {
        waits.delete(resolve);
        resolve();
      });
    });
  }

  async function turn(): Promise<void> {
    if (attemptsUnderWay < AT_ONCE) attemptsUnderWay++;
    else await new Promise<void>((resolve) => queue.push(resolve));
  }

  function turnOver(): void {
    const next = queue.shift();
    if (next) next();
    else attemptsUnderWay--;
  }

  /** One attempt, when it is its turn. */
  async function attempt<T>(write: () => Promise<T>): Promise<T> {
    await turn();
    try {
      while (pause !== null && !isRetiring) await wait(pause);
      const answer = await write();
      failuresInARow = 0;
      return answer;
    } catch (error) {
      // Those that were under way together fail together, which counts once.
      pause ??= sleep(delayAfter(failuresInARow++)).then(() => {
        pause = null;
      });
      throw error;
    } finally {
      turnOver();
    }
  }

  /**
   * @returns the last attempt's answer, and how many attempts there were
   * @throws what the last attempt threw
   */
  async function persist<T>(
    write: () => Promise<T>,
    isDone: (answer: T) => boolean,
  ): Promise<{ answer: T; attempts: number }> {
    if (entryCount >= MAX_ENTRIES) throw new Error("too many entries wait for Postgres");
    entryCount++;
    try {
      for (let attempts = 1;; attempts++) {
        const isLast = () => isRetiring || attempts > BACK_OFF_MS.length;
        try {
          const answer = await attempt(write);
          if (isDone(answer) || isLast()) return { answer, attempts };
        } catch (error) {
          if (isLast()) throw error;
        }
        await wait(sleep(delayAfter(attempts - 1)));
      }
    } finally {
      entryCount--;
    }
  }

  return {
    async enter(write, entry) {
      try {
        const { answer, attempts } = await persist(write, () => true);
        return { answer, isFirstAttempt: attempts === 1 };
      } catch (error) {
        const { cause = "" } = describeError(error as Error, true);
        const why = storable(cause, MAX_CAUSE_LENGTH);
        log({ level: "error", event: "settlement_deferred", cause: why, ...entry });
        return null;
      }
    },
    async until(write) {
      // Whoever is not told goes on: expire_stale_requests ends what is left open.
      await persist(write, (isTrue) => isTrue).catch(() => {});
    },
    retire() {
      isRetiring = true;
      for (const endWait of waits) endWait();
    },
  };
}

function delayAfter(failures: number): number {
  return BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)]!;
}
