/** Knows whether a stream of server-sent events stands between two events. */
import { CR, LF } from "../../bytes/encodings.ts";
export interface EventBoundary {
  feed(chunk: Uint8Array): void;
  /** Whether the bytes so far end with a blank line, or are none. */
  isAtEnd(): boolean;
}

export function eventBoundary(): EventBoundary {
  let empty = true;
  /** Line ends in a row at the end of the stream so far; a CR LF is one. */
  let lineEnds = 0;
  let lastByte = 0;
  return {
    feed(chunk) {
      if (chunk.length > 0) empty = false;
      // What came before the last four bytes cannot matter: two line ends have four at most. Four that
      // are nothing else are two at least, whatever the first one belongs to.
      for (let i = Math.max(0, chunk.length - 4); i < chunk.length; i++) {
        const byte = chunk[i]!;
        if (byte === LF && lastByte === CR) {
          lastByte = byte;
          continue;
        }
        lineEnds = byte === LF || byte === CR ? lineEnds + 1 : 0;
        lastByte = byte;
      }
    },
    isAtEnd: () => empty || lineEnds >= 2,
  };
}
