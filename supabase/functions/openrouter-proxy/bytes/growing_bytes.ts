/**
 * Bytes that come in pieces, in one buffer: kept by themselves, pieces of one byte would take some
 * hundred times their size.
 */
import type { Bytes } from "./encodings.ts";

declare global {
  /** Deno 2.1.4 has this as well, and its types do not. */
  interface ArrayBuffer {
    transfer(newByteLength?: number): ArrayBuffer;
  }
}

const FIRST_CAPACITY_BYTES = 4096;

/** The part of a bounded memory that one body has. */
export interface MemoryShare {
  /**
   * Says how much is held from now on, in place of what was.
   *
   * @returns false, and nothing changes, where there is not that much left
   */
  hold(bytes: number): boolean;
  /** Gives back all of it. */
  [Symbol.dispose](): void;
}

export interface GrowingBytes {
  /** @returns false, and takes nothing, where the share has no room for it */
  append(piece: Uint8Array): boolean;
  /** All that was appended, until more is; it may lie in a larger buffer. */
  bytes(): Bytes;
  /** Frees the memory at once: nothing is appended any more, and no bytes are looked at. */
  free(): void;
}

/**
 * @param expectedBytes how far the buffer doubles; what comes beyond gets just the room that it needs
 * @param share what the whole buffer is counted in, its empty end included
 */
export function growingBytes(expectedBytes: number, share: MemoryShare): GrowingBytes {
  let memory = new ArrayBuffer(0);
  let buffer: Bytes = new Uint8Array(memory);
  let size = 0;
  return {
    append(piece) {
      const needed = size + piece.length;
      if (needed > buffer.length) {
        const doubled = Math.max(FIRST_CAPACITY_BYTES, 2 * buffer.length);
        const capacity = Math.max(needed, Math.min(doubled, expectedBytes));
        if (!share.hold(capacity)) return false;
        // What it was is free at once, and does not wait for the garbage collector.
        memory = memory.transfer(capacity);
        buffer = new Uint8Array(memory);
      }
      buffer.set(piece, size);
      size = needed;
      return true;
    },
    bytes: () => buffer.subarray(0, size),
    free() {
      memory.transfer(0);
    },
  };
}
