/**
 * The chunks of a stream, together where they come fast.
 *
 * What web streams spend on passing a chunk on is more than all else that is done to an event of some
 * hundred bytes. A token that a model took its time for passes at once; tokens that come within two
 * milliseconds of the last ones, because they come faster than anybody reads or because the machine is
 * busy with other streams, wait for each other for a turn of the event loop's timers; and where they
 * keep coming fast, for as long as nobody sees.
 */
import type { ChunkReader, LoanedChunks } from "./chunk_reader.ts";
import { sharedTimer } from "./shared_timer.ts";

/** What comes so soon after what was given last is gathered. */
const FAST_MS = 2;
/** What is worth being passed on by itself. */
const ENOUGH_BYTES = 16 * 1024;
/** More than what comes in two milliseconds. */
const FIRST_CAPACITY_BYTES = 4 * 1024;
/** Chunks that come faster than that, on average, are a flood: more than 300 a second. */
const FLOOD_INTERVAL_MS = 3;
/** How long a flood is gathered: a screen shows a picture for 16 ms. */
const FLOOD_MS = 8;
/** What a longer pause counts as: a flood is over after one. */
const LONGEST_INTERVAL_MS = 20;
/** How much of the average the last interval is. */
const WEIGHT = 0.25;

/** When chunks are given. */
export interface Pace {
  /** In milliseconds, of a clock that may be set: a token that waits is given by a timer all the same. */
  now(): number;
  /** Calls back after as short a time as timers have. */
  soon(callback: () => void): void;
  /** Calls back after the time that a flood is gathered. */
  later(callback: () => void): void;
}

const REAL_PACE: Pace = { now: Date.now, soon: sharedTimer(0), later: sharedTimer(FLOOD_MS) };

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
  let cameAt = -Infinity;
  let intervalMs = LONGEST_INTERVAL_MS;
  let isWanted = false;
  let isReading = false;
  /** Tells the one who asks that more has come. */
  let onMore = () => {};

  /** Keeps a chunk that has come, and counts it. */
  function take(chunk: Uint8Array) {
    if (bytes + chunk.length > gathered.length) {
      const larger = new Uint8Array(2 * (bytes + chunk.length));
      larger.set(gathered.subarray(0, bytes));
      gathered = larger;
    }
    gathered.set(chunk, bytes);
    bytes += chunk.length;
    const now = pace.now();
    const lastMs = Math.min(now - cameAt, LONGEST_INTERVAL_MS);
    cameAt = now;
    intervalMs += WEIGHT * (lastMs - intervalMs);
  }

  const isFlood = () => intervalMs < FLOOD_INTERVAL_MS;

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
      let isWaiting = false;
      onMore = () => {
        if (bytes === 0 && ending === null) return;
        const isSlow = !isFlood() && pace.now() - givenAt >= FAST_MS;
        if (isSlow || ending !== null || bytes >= ENOUGH_BYTES) {
          resolve();
        } else if (!isWaiting) {
          isWaiting = true;
          const wait = isFlood() ? pace.later : pace.soon;
          wait(resolve);
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
      return { done: false, value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}
