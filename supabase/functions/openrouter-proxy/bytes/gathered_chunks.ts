/**
 * The chunks of a stream, together where they come fast.
 *
 * What web streams spend on passing a chunk on is more than all else that is done to an event of some
 * hundred bytes. A token that a model took its time for passes at once; tokens that come within two
 * milliseconds of the last ones, because they come faster than anybody reads or because the machine is
 * busy with other streams, wait for each other for a turn of the event loop's timers.
 */
import type { ChunkReader } from "./chunk_reader.ts";
import { concatAll } from "./encodings.ts";

/** What comes so soon after what was given last is gathered. */
const FAST_MS = 2;
/** What is worth being passed on by itself. */
const ENOUGH_BYTES = 16 * 1024;

/** When chunks are given. */
export interface Pace {
  /** In milliseconds. */
  now(): number;
  /** Calls back after as short a time as timers have. */
  soon(callback: () => void): void;
}

const REAL_PACE: Pace = { now: () => performance.now(), soon: sharedTimer() };

/** One timer for all that wait at a time: making one costs as much as passing a chunk on. */
function sharedTimer(): Pace["soon"] {
  let waiting: (() => void)[] = [];
  function callAll() {
    const due = waiting;
    waiting = [];
    for (const callback of due) callback();
  }
  return (callback) => {
    if (waiting.push(callback) === 1) setTimeout(callAll, 0);
  };
}

/**
 * Reads ahead of whoever asks by less than 16 KiB and one chunk, and only while somebody asks.
 *
 * @param reader is read by this alone from here on
 */
export function gatheredChunks(reader: ChunkReader, pace = REAL_PACE): ChunkReader {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  /** How the stream ended, once it has: what a read does after all chunks. */
  let ending: (() => { done: true }) | null = null;
  let givenAt = -Infinity;
  let isWanted = false;
  let isReading = false;
  /** Tells the one who asks that more has come. */
  let onMore = () => {};

  async function readOn() {
    if (isReading || ending !== null) return;
    isReading = true;
    try {
      do {
        const { done, value } = await reader.read();
        if (done) {
          ending = () => ({ done });
        } else {
          chunks.push(value);
          bytes += value.length;
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
        if (ending !== null || bytes >= ENOUGH_BYTES || pace.now() - givenAt >= FAST_MS) {
          resolve();
        } else if (!isWaiting) {
          isWaiting = true;
          pace.soon(resolve);
        }
      };
      if (chunks.length > 0 || ending !== null) onMore();
    });
  }

  return {
    async read() {
      isWanted = true;
      readOn();
      await arrival();
      isWanted = false;
      onMore = () => {};
      if (chunks.length === 0) return ending!();
      const value = chunks.length === 1 ? chunks[0]! : concatAll(chunks);
      chunks = [];
      bytes = 0;
      givenAt = pace.now();
      return { done: false, value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}
