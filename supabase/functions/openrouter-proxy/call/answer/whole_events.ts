/**
 * A stream of server-sent events on its way to the client, an event at a time.
 *
 * No parser makes anything of half an event before its end comes, and of one whose end does not come
 * the SDKs make an error of their own. So the beginning of an event waits for the rest of it: what the
 * client has got ends between two events, where something else may be said.
 *
 * Source: WHATWG HTML, "Interpreting an event stream".
 */
import { concat, CR, LF, NO_BYTES } from "../../bytes/encodings.ts";
import { type GrowingBytes, growingBytes, type MemoryShare } from "../../bytes/growing_bytes.ts";
import { eventBoundary } from "./event_boundary.ts";

/** Most events have some hundred bytes. What is longer passes as it comes. */
export const MAX_HELD_BYTES = 64 * 1024;

export interface WholeEvents {
  /** @returns what is to be passed on, of these bytes and those held back before; it may be empty */
  feed(bytes: Uint8Array): Uint8Array;
  /** Gives up what is held back, which has no end. @returns it */
  release(): Uint8Array;
  /** Whether what was passed on ends between two events. */
  isBetween(): boolean;
  /** Whether what came does. */
  isAtEnd(): boolean;
}

export function wholeEvents(): WholeEvents {
  /** Of all that came. */
  const boundary = eventBoundary();
  /** The beginning of an event; null: there is none, or it has been passed on. */
  let held: GrowingBytes | null = null;
  /** Whether a part of the present event has been passed on. */
  let isPassing = false;

  function release(): Uint8Array {
    const bytes = held?.bytes() ?? NO_BYTES;
    held = null;
    return bytes;
  }

  return {
    feed(bytes) {
      if (bytes.length === 0) return bytes;
      const end = endOfLastEvent(bytes, boundary);
      if (end === bytes.length) {
        isPassing = false;
        return held === null ? bytes : concat(release(), bytes);
      }
      const rest = bytes.subarray(end);
      if (end > 0) {
        const whole = concat(release(), bytes.subarray(0, end));
        isPassing = rest.length > MAX_HELD_BYTES;
        if (isPassing) return concat(whole, rest);
        held = growingBytes(MAX_HELD_BYTES, bounded());
        held.append(rest);
        return whole;
      }
      if (isPassing) return bytes;
      held ??= growingBytes(MAX_HELD_BYTES, bounded());
      if (held.append(rest)) return NO_BYTES;
      isPassing = true;
      return concat(release(), rest);
    },
    release,
    isBetween: () => !isPassing,
    isAtEnd: () => !isPassing && held === null,
  };
}

/** Room for the longest beginning that waits. */
function bounded(): MemoryShare {
  return { hold: (bytes) => bytes <= MAX_HELD_BYTES, [Symbol.dispose]() {} };
}

/**
 * Where the last event ends that ends in these bytes; 0: none does.
 *
 * @param boundary has been fed with all that came before, and is fed with these bytes
 */
function endOfLastEvent(bytes: Uint8Array, boundary: ReturnType<typeof eventBoundary>): number {
  // Line ends at the beginning may be the second half of a blank line.
  let start = 0;
  let endAtStart = 0;
  while (start < bytes.length && isLineEnd(bytes[start])) {
    boundary.feed(bytes.subarray(start, ++start));
    if (boundary.isAtEnd()) endAtStart = start;
  }
  boundary.feed(start === 0 ? bytes : bytes.subarray(start));
  for (let last = bytes.length - 1; last > start; last--) {
    if (!isLineEnd(bytes[last])) continue;
    const isCrLf = bytes[last] === LF && bytes[last - 1] === CR;
    const before = isCrLf ? last - 2 : last - 1;
    if (before > start && isLineEnd(bytes[before])) return last + 1;
  }
  return endAtStart;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === LF || byte === CR;
}
