/**
 * Reads an answer's own account of itself from its bytes while they pass.
 *
 * A meter is fed copies of nothing: it looks at each chunk and keeps at most one event of a stream,
 * or at most MAX_BUFFER bytes of a JSON answer. What is larger passes unread; its cost is then
 * taken from `GET /generation`.
 */
import { createSseMeter } from "./sse.ts";
import { nothingObserved, observe, type Observed, parseWithExactMoney } from "./usage.ts";

export interface Meter {
  feed(chunk: Uint8Array): void;
  /** No more bytes will come. */
  end(): void;
  /** What was learnt so far. */
  readonly observed: Observed;
}

/** The most that is kept of one event or one JSON answer, in bytes (SSE: UTF-16 code units). */
export const MAX_BUFFER = 8 * 1024 * 1024;

/** @param contentType the answer's, as it came */
export function createMeter(contentType: string | null): Meter {
  if (isEventStream(contentType)) return createSseMeter(MAX_BUFFER);
  const type = mediaType(contentType);
  if (type === "application/json" || type.endsWith("+json")) return createJsonMeter();
  return { feed() {}, end() {}, observed: nothingObserved() };
}

/** Whether an answer is a stream of server-sent events. */
export function isEventStream(contentType: string | null): boolean {
  return mediaType(contentType) === "text/event-stream";
}

function mediaType(contentType: string | null): string {
  return (contentType ?? "").split(";")[0]!.trim().toLowerCase();
}

function createJsonMeter(): Meter {
  const observed = nothingObserved();
  let chunks: Uint8Array[] = [];
  let size = 0;
  return {
    observed,
    feed(chunk) {
      size += chunk.length;
      if (size <= MAX_BUFFER) chunks.push(chunk);
      else chunks = [];
    },
    end() {
      if (size > MAX_BUFFER) return;
      const decoder = new TextDecoder();
      const text = chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") +
        decoder.decode();
      chunks = [];
      try {
        observe(observed, parseWithExactMoney(text));
      } catch {
        // Not JSON after all, or nested too deeply: then it says nothing of itself.
      }
    },
  };
}
