/**
 * The chunks of a stream, together where they come fast.
 *
 * What web streams spend on passing a chunk on is more than all else that is done to an event of some
 * hundred bytes. A token that a model took its time for passes at once; tokens that come within two
 * milliseconds of the last ones, because they come faster than anybody reads or because the machine is
 * busy with other streams, wait for each other for a turn of the event loop's timers; and while so many
 * come, on all streams, that the machine has enough to do with reading them, for as long as nobody sees.
 */
import type { ChunkReader, LoanedChunks } from "./chunk_reader.ts";
import { type CallLater, sharedTimer } from "../concurrency/shared_timer.ts";

/** What comes so soon after what was given last is gathered. */
const FAST_MS = 2;
/** What is worth being passed on by itself. */
const ENOUGH_BYTES = 16 * 1024;
/** More than what most reads gather; it grows where they gather more. */
const FIRST_CAPACITY_BYTES = 4 * 1024;
/** How long a flood is gathered: a screen shows a picture for as long. */
const FLOOD_MS = 16;
/** What a flood is: 8 000 chunks a second, a third of what a core can pass on one by one. */
const FLOOD = { chunks: 80, withinMs: 10 };

/** When chunks are given. */
export interface Pace {
  /** In milliseconds, of a clock that may be set: a token that waits is given by a timer all the same. */
  now(): number;
  /** Calls back after as short a time as timers have. */
  soon: CallLater;
  /** Calls back after the time that a flood is gathered. */
  later: CallLater;
  /** Of all streams. */
  rate: ChunkRate;
}

export interface ChunkRate {
  /** Counts a chunk that has come. */
  count(): void;
  /** Whether there is a flood. */
  isFlood(): boolean;
}

/** @param now in milliseconds, of a clock that may be set */
export function chunkRate(now: () => number): ChunkRate {
  let since = -Infinity;
  let chunks = 0;
  let wasFlood = false;
  return {
    count() {
      const ms = now() - since;
      if (ms < 0 || ms >= FLOOD.withinMs) {
        wasFlood = ms < 2 * FLOOD.withinMs && chunks >= FLOOD.chunks;
        since = now();
        chunks = 0;
      }
      chunks++;
    },
    isFlood: () => wasFlood,
  };
}

export const REAL_PACE: Pace = {
  now: Date.now,
  soon: sharedTimer(0),
  later: sharedTimer(FLOOD_MS),
  rate: chunkRate(Date.now),
};

/** What a read gives. */
type Read = Awaited<ReturnType<ChunkReader["read"]>>;

/**
 * Reads ahead of whoever asks by less than 16 KiB and one chunk, and only while somebody asks.
 *
 * @param reader is read by this alone from here on
 */
export function gatheredChunks(reader: LoanedChunks, pace = REAL_PACE): ChunkReader {
  /** What has come and was not given yet. */
  let gathered = new Uint8Array(FIRST_CAPACITY_BYTES);
  let bytes = 0;
  /** How the stream ended, once it has: what a read does after all chunks. */
  let ending: (() => Promise<Read>) | null = null;
  let givenAt = -Infinity;
  /** Whether the first token, which everybody waits for, has been given. */
  let hasBegun = false;
  /** Answers the one who asks; null: nobody does. */
  let answer: ((read: Read | Promise<Read>) => void) | null = null;
  let isReading = false;
  /** Takes the timer back by which what comes fast is given; null: there is none. */
  let stopWaiting: (() => void) | null = null;

  /** Keeps a chunk that has come. */
  function take(chunk: Uint8Array) {
    if (bytes + chunk.length > gathered.length) {
      const larger = new Uint8Array(2 * (bytes + chunk.length));
      larger.set(gathered.subarray(0, bytes));
      gathered = larger;
    }
    gathered.set(chunk, bytes);
    bytes += chunk.length;
  }

  async function readOn() {
    if (isReading || ending !== null) return;
    isReading = true;
    let isWanted = true;
    try {
      while (isWanted) {
        const { done, value } = await reader.read();
        if (done) {
          ending = () => Promise.resolve({ done });
        } else {
          take(value);
          pace.rate.count();
          reader.giveBack(value);
        }
        isWanted = answer !== null && ending === null && bytes < ENOUGH_BYTES;
        giveInTime();
      }
    } catch (error) {
      ending = () => Promise.reject(error);
      giveInTime();
    } finally {
      isReading = false;
    }
  }

  /** Gives once there is something to give, and what comes fast has been gathered. */
  function giveInTime() {
    if (answer === null || (bytes === 0 && ending === null)) return;
    if (ending !== null || bytes >= ENOUGH_BYTES) return give();
    const isFlood = hasBegun && pace.rate.isFlood();
    if (!isFlood && pace.now() - givenAt >= FAST_MS) return give();
    stopWaiting ??= isFlood ? pace.later(giveSoon) : pace.soon(giveSoon);
  }

  /** With what has come already, and is not read yet. */
  function giveSoon() {
    queueMicrotask(give);
  }

  function give() {
    if (answer === null) return;
    stopWaiting?.();
    stopWaiting = null;
    const answerWith = answer;
    answer = null;
    if (bytes === 0) return answerWith(ending!());
    const value = gathered.slice(0, bytes);
    bytes = 0;
    givenAt = pace.now();
    hasBegun = true;
    answerWith({ done: false, value });
  }

  function ask(resolve: NonNullable<typeof answer>) {
    answer = resolve;
    readOn();
    giveInTime();
  }

  return {
    read: () => new Promise(ask),
    cancel: (reason) => reader.cancel(reason),
  };
}
