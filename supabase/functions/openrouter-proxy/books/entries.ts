/** Entries in the books, tried until Postgres takes them. */
import { describeError } from "../errors.ts";

export interface EntriesDeps {
  sleep: (ms: number) => Promise<void>;
  log: (event: Record<string, unknown>) => void;
}

/** What Postgres answered to an entry; null: it never took it. */
export type Entered<T> = { answer: T; isFirstAttempt: boolean } | null;

/**
 * @param write one attempt; rejects where Postgres did not take the entry
 * @param entry what an operator can enter by hand: the log has it whole if Postgres never takes it
 */
export type Enter = <T>(write: () => Promise<T>, entry: object) => Promise<Entered<T>>;

/** Waits between the attempts to enter something in the books, in milliseconds. */
export const RETRY_DELAYS_MS = [250, 1_000, 4_000, 15_000];

/** Makes the function that tries until Postgres takes an entry, or leaves it to operators in the log. */
export function createEntries({ sleep, log }: EntriesDeps): Enter {
  return async (write, entry) => {
    for (const [attempt, delayMs] of RETRY_DELAYS_MS.entries()) {
      try {
        return { answer: await write(), isFirstAttempt: attempt === 0 };
      } catch {
        await sleep(delayMs);
      }
    }
    try {
      return { answer: await write(), isFirstAttempt: false };
    } catch (error) {
      const { cause } = describeError(error as Error, true);
      log({ level: "error", event: "settlement_deferred", cause, ...entry });
      return null;
    }
  };
}
