/**
 * Entries in the books, tried until Postgres takes them.
 *
 * Each entry has its own patience; all entries of an isolate share a queue of so many attempts at once,
 * in which DIDs take turns: what is reserved for one is not kept from it by another's thousand calls.
 * After a failure all of them wait, so that a store that has gone under is not kept there. What is
 * only tidied up stands in a queue of its own: an outage makes one of each call that it refuses, and
 * those must not stand in the way of what OpenRouter bills.
 */
import { queueInTurns } from "../concurrency/queue_in_turns.ts";
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
   * @param did whose turn it takes
   * @param write one attempt; rejects where Postgres did not take the entry
   * @param entry what an operator can enter by hand: the log has it whole if Postgres never takes it
   */
  enter<T>(did: string, write: () => Promise<T>, entry: object): Promise<Entered<T>>;
  /** Tries to tidy up as long, and without a trace, until this is true. */
  until(did: string, write: () => Promise<boolean>): Promise<void>;
  /** How many entries wait for Postgres. */
  waiting(): number;
  /** From now on an entry that fails is given up: the worker may end at any time. */
  retire(): void;
}

/** Waits after one failure, two in a row, and so on, in milliseconds; then an entry is given up. */
export const BACK_OFF_MS = [250, 1_000, 4_000, 15_000, 30_000, 60_000];
/** The longest time that one failure keeps all others waiting: the store may be back before that. */
const LONGEST_PAUSE_MS = 4_000;
/** How many entries are tried at once: settlements go by 64, so that these are some four calls. */
export const AT_ONCE = 256;
/** How many there may be, each some kilobytes; those beyond are given up at once. */
export const MAX_ENTRIES = 4_000;
/** The same of what is tidied up, each of which is a call of its own. */
export const TIDIED_AT_ONCE = 16;
const MAX_TIDIED = 1_000;

/** An entry has its whole line in the log, which the platform cuts at 10 000 characters. */
const MAX_CAUSE_LENGTH = 500;

export function createEntries({ sleep, log }: EntriesDeps): Entries {
  const entries = createLine(AT_ONCE, MAX_ENTRIES);
  const tidied = createLine(TIDIED_AT_ONCE, MAX_TIDIED);
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

  /** @param entry null: it is given up without a trace */
  async function persist<T>(
    did: string,
    write: () => Promise<T>,
    entry: object | null,
    line: Line,
    isDone: (answer: T) => boolean,
  ): Promise<Entered<T>> {
    if (!line.joins()) return givenUp(new Error("too many entries wait for Postgres"), entry);
    try {
      for (let attempts = 1;; attempts++) {
        if (!line.takesTurn()) await line.turn(did);
        try {
          while (pause !== null && !isRetiring) await wait(pause);
          const answer = await write();
          failuresInARow = 0;
          if (isDone(answer) || isLast(attempts)) return { answer, isFirstAttempt: attempts === 1 };
        } catch (error) {
          // Those that were under way together fail together, which counts once.
          pause ??= sleep(Math.min(delayAfter(failuresInARow++), LONGEST_PAUSE_MS)).then(() => {
            pause = null;
          });
          if (isLast(attempts)) return givenUp(error as Error, entry);
        } finally {
          line.turnOver();
        }
        await wait(sleep(delayAfter(attempts - 1)));
      }
    } finally {
      line.leave();
    }
  }

  function givenUp(error: Error, entry: object | null): null {
    if (entry !== null) {
      const { cause = "" } = describeError(error, true);
      const why = storable(cause, MAX_CAUSE_LENGTH);
      log({ level: "error", event: "settlement_deferred", cause: why, ...entry });
    }
    return null;
  }

  function isLast(attempts: number): boolean {
    return isRetiring || attempts > BACK_OFF_MS.length;
  }

  return {
    enter: (did, write, entry) => persist(did, write, entry, entries, isAnswer),
    async until(did, write) {
      // Whoever is not told goes on: expire_stale_requests ends what is left open.
      await persist(did, write, null, tidied, (isTrue) => isTrue);
    },
    waiting: entries.count,
    retire() {
      isRetiring = true;
      for (const endWait of waits) endWait();
    },
  };
}

const isAnswer = () => true;

/** Those that take turns. */
interface Line {
  /** False: it is full. */
  joins(): boolean;
  leave(): void;
  count(): number;
  /** Takes a turn at once, which is over with `turnOver`; false: others have theirs. */
  takesTurn(): boolean;
  /** Resolves when it is this DID's turn. */
  turn(did: string): Promise<void>;
  turnOver(): void;
}

/** @param atOnce how many have their turn at once @param most how many there may be */
function createLine(atOnce: number, most: number): Line {
  let count = 0;
  let turnsUnderWay = 0;
  const queue = queueInTurns<() => void>();
  return {
    joins() {
      if (count >= most) return false;
      count++;
      return true;
    },
    leave() {
      count--;
    },
    count: () => count,
    takesTurn() {
      if (turnsUnderWay >= atOnce) return false;
      turnsUnderWay++;
      return true;
    },
    turn: (did) => new Promise((resolve) => queue.push(did, resolve)),
    turnOver() {
      const next = queue.shift();
      if (next) next();
      else turnsUnderWay--;
    },
  };
}

function delayAfter(failures: number): number {
  return BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)]!;
}
