/** Which side of a passage keeps the other waiting, and for how long. */

/** How long a stream of events may be silent before a comment tells both ends that it lives. */
const LONGEST_SILENCE_MS = 15_000;
/** How often a silence is looked for while it lasts: the comment comes by so much later at most. */
const LOOKS_A_SILENCE = 5;
/**
 * How long a client may take nothing. The kernel asks for more in steps of a megabyte or two: one that
 * reads a kilobyte a second takes nothing for half an hour.
 */
const LONGEST_STALL_MS = 3_600_000;

export interface Waits {
  /** OpenRouter has been silent for as long as it may. */
  onSilent(): void;
  /** The client has taken nothing for an hour. */
  onStalled(): void;
  /**
   * The client has got nothing for a while, and it is OpenRouter that is slow.
   *
   * @returns whether the client got something by it
   */
  onQuiet(): boolean;
}

export interface SilenceWatch {
  start(): void;
  stop(): void;
  /** OpenRouter is to act now. */
  reading(): void;
  /** The client is to act now. */
  hasRead(): void;
  /** The client got something. */
  hasPassed(): void;
}

/** @param idleTimeoutMs how long OpenRouter may be silent between two chunks */
export function silenceWatch(idleTimeoutMs: number, waits: Waits): SilenceWatch {
  const silenceMs = Math.min(LONGEST_SILENCE_MS, idleTimeoutMs / 4);
  /** Whether a read is under way; otherwise the client is the slow one. */
  let isReading = false;
  /** When the side that is to act now became that. */
  let waitingSince = performance.now();
  /** When the client last got something. */
  let quietSince = waitingSince;
  /** One timer a stream, not one a chunk. */
  let ticker: ReturnType<typeof setInterval> | undefined;
  const everyMs = silenceMs / LOOKS_A_SILENCE;
  let lookedAt = waitingSince;

  /**
   * Leaves out time in which this process stood still (a paused container, a computer asleep): whoever
   * was to act may have done so, and what came is still to be read.
   */
  function leaveOutStandstill(now: number) {
    const lateMs = now - lookedAt - everyMs;
    lookedAt = now;
    // A busy process is late, too, and stands still for less.
    if (lateMs < silenceMs / 2) return;
    waitingSince = Math.min(now, waitingSince + lateMs);
    quietSince = Math.min(now, quietSince + lateMs);
  }

  function tick() {
    const now = performance.now();
    leaveOutStandstill(now);
    const waitedMs = now - waitingSince;
    if (!isReading) {
      if (waitedMs >= LONGEST_STALL_MS) waits.onStalled();
    } else if (waitedMs >= idleTimeoutMs) waits.onSilent();
    else if (now - quietSince >= silenceMs && waits.onQuiet()) quietSince = now;
  }

  return {
    start() {
      lookedAt = performance.now();
      ticker = setInterval(tick, everyMs);
    },
    stop() {
      clearInterval(ticker);
    },
    reading() {
      isReading = true;
      waitingSince = performance.now();
    },
    hasRead() {
      isReading = false;
      waitingSince = performance.now();
    },
    hasPassed() {
      quietSince = performance.now();
    },
  };
}
