/**
 * Reads an answer's own account of itself from its bytes while they pass.
 *
 * A meter looks at each chunk and keeps at most one event of a stream, or at most MAX_BUFFER bytes of
 * a JSON answer, and all JSON meters of an isolate keep at most JSON_BUDGET_BYTES. What is larger
 * passes unread; its cost is then taken from `GET /generation`.
 */
import { type GrowingBytes, growingBytes } from "../bytes/growing_bytes.ts";
import { memoryBudget, type MemoryShare } from "../bytes/memory_budget.ts";
import { createSseMeter } from "./sse.ts";
import { nothingObserved, observe, type Observed, parseWithExactMoney } from "./usage.ts";

export interface Meter {
  feed(chunk: Uint8Array): void;
  /** No more bytes will come. */
  end(): void;
  /** Whether a stream that says when it is over has ended without that. */
  isCut(): boolean;
  /** Gives back the memory that it holds, whether the answer reached its end or not. */
  [Symbol.dispose](): void;
  /** What was learnt so far. */
  readonly observed: Observed;
}

/** The most that is kept of one event or one JSON answer, in bytes (SSE: UTF-16 code units). */
export const MAX_BUFFER = 8 * 1024 * 1024;

/** How many bytes of JSON answers an isolate holds at once. */
const JSON_BUDGET_BYTES = 48 * 1024 * 1024;

const openJsonShare = memoryBudget(JSON_BUDGET_BYTES);

/**
 * @param contentType the answer's, as it came
 * @param openShare opens what a JSON answer is counted in: by default, the isolate's budget for them
 */
export function createMeter(
  contentType: string | null,
  openShare: () => MemoryShare = openJsonShare,
): Meter {
  if (isEventStream(contentType)) {
    return { ...createSseMeter(MAX_BUFFER), [Symbol.dispose]() {} };
  }
  const type = mediaType(contentType);
  if (type === "application/json" || type.endsWith("+json")) return createJsonMeter(openShare());
  return {
    feed() {},
    end() {},
    isCut: () => false,
    observed: nothingObserved(),
    [Symbol.dispose]() {},
  };
}

/** Whether an answer is a stream of server-sent events. */
export function isEventStream(contentType: string | null): boolean {
  return mediaType(contentType) === "text/event-stream";
}

function mediaType(contentType: string | null): string {
  return (contentType ?? "").split(";")[0]!.trim().toLowerCase();
}

function createJsonMeter(share: MemoryShare): Meter {
  const observed = nothingObserved();
  let size = 0;
  /** Null for an answer that passes unread, and after its end. */
  let answer: GrowingBytes | null = growingBytes(MAX_BUFFER, share);

  function release() {
    answer = null;
    share[Symbol.dispose]();
  }

  return {
    observed,
    feed(chunk) {
      size += chunk.length;
      if (size > MAX_BUFFER || !answer?.append(chunk)) release();
    },
    end() {
      if (answer === null) return;
      const text = new TextDecoder().decode(answer.bytes());
      release();
      try {
        observe(observed, parseWithExactMoney(text));
      } catch {
        // Not JSON after all, or nested too deeply: then it says nothing of itself.
      }
    },
    isCut: () => false,
    [Symbol.dispose]: release,
  };
}
