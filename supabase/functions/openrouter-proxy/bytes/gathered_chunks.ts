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
  let ending: (() => { done: true }) | null = null;
  let givenAt = -Infinity;
  /** Whether the first token, which everybody waits for, has been given. */
  let hasBegun = false;
  let isWanted = false;
  let isReading = false;
  /** Tells the one who asks that more has come. */
  let onMore = () => {};

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
    try {
      do {
        const { done, value } = await reader.read();
        if (done) {
          ending = () => ({ done });
        } else {
          take(value);
          pace.rate.count();
          reader.giveBack(value);
        }
        onMore();
      } while (ending === null && isWanted && bytes < ENOUGH_BYTES);
    } catch (error) {
      ending = () => {
        throw error;
      };
      onMore();
    } finally {
      isReading = false;
    }
  }

  /** Resolves once there is something to give, and what comes fast has been gathered. */
  function arrival(): Promise<void> {
    return new Promise((resolve) => {
      let stopWaiting: (() => void) | null = null;
      onMore = () => {
        if (bytes === 0 && ending === null) return;
        const isFlood = hasBegun && pace.rate.isFlood();
        const isSlow = !isFlood && pace.now() - givenAt >= FAST_MS;
        if (isSlow || ending !== null || bytes >= ENOUGH_BYTES) {
          stopWaiting?.();
          resolve();
        } else if (stopWaiting === null) {
          const wait = isFlood ? pace.later : pace.soon;
          stopWaiting = wait(resolve);
        }
      };
      onMore();
    });
  }

  return {
    async read() {
      isWanted = true;
      readOn();
      await arrival();
      isWanted = false;
      onMore = () => {};
      if (bytes === 0) return ending!();
      const value = gathered.slice(0, bytes);
      bytes = 0;
      givenAt = pace.now();
      hasBegun = true;
      return { done: false, value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}
