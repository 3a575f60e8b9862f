/** What an isolate holds of many bodies at once, bounded: Supabase gives a worker 256 MB for all. */

/**
 * How many bytes of each share no budget counts: a few large bodies that never end may spend the
 * budget, and the calls of everybody else, almost all of them smaller than this, still pass.
 */
export const UNCOUNTED_BYTES = 64 * 1024;

/** The part of a budget that one body has. */
export interface MemoryShare {
  /**
   * Says how much is held from now on, in place of what was.
   *
   * @returns false, and nothing changes, where the budget has not that much left
   */
  hold(bytes: number): boolean;
  /** Gives back all of it. */
  [Symbol.dispose](): void;
}

/** @returns what opens a share of one budget */
export function memoryBudget(totalBytes: number): () => MemoryShare {
  let heldBytes = 0;
  return () => {
    let ownBytes = 0;
    return {
      hold(bytes) {
        const counted = Math.max(0, bytes - UNCOUNTED_BYTES);
        const held = heldBytes - ownBytes + counted;
        if (held > totalBytes) return false;
        heldBytes = held;
        ownBytes = counted;
        return true;
      },
      [Symbol.dispose]() {
        heldBytes -= ownBytes;
        ownBytes = 0;
      },
    };
  };
}
