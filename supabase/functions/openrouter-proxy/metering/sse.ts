/**
 * Usage out of a stream of server-sent events.
 *
 * Source: openrouter.md, "SSE" and "Usage in a chat completion".
 */
import { createParser } from "eventsource-parser";
import {
  announcesItsEnd,
  LAST_EVENTS,
  nothingObserved,
  observe,
  parseWithExactMoney,
  saysItStopped,
} from "./usage.ts";

/** What of an event's data tells that it may say more than text. */
const TELLING = [
  '"usage"',
  '"error"',
  'finish_reason":"',
  '"stop_reason":"',
  ...LAST_EVENTS.map((type) => `"${type}"`),
];

/**
 * A Meter (meter.ts) of a stream of events.
 *
 * @param maxEventLength in UTF-16 code units: a longer event passes unread
 */
export function createSseMeter(maxEventLength: number) {
  const observed = nothingObserved();
  const decoder = new TextDecoder();
  let identified = false;
  /** Whether this is a stream that says when it is over, and whether it has. */
  let hasAnEnd = false;
  let isOver = false;

  const parser = createParser({
    maxBufferSize: maxEventLength,
    onEvent({ data }) {
      // Thousands of events carry text alone: only those that may say more are parsed. In a JSON
      // string a quote is escaped, so that no generated text looks like one of these members.
      if (data === "[DONE]") isOver = true;
      if (identified && !TELLING.some((sign) => data.includes(sign))) return;
      try {
        const message = parseWithExactMoney(data);
        observe(observed, message);
        hasAnEnd ||= announcesItsEnd(message);
        isOver ||= saysItStopped(message);
      } catch {
        // `[DONE]`, or another event that is no JSON, or one nested too deeply: it says nothing.
      }
      identified = observed.id !== null;
    },
    onError(error) {
      // The rest of the oversized event is skipped as lines without meaning; the next one counts.
      if (error.type !== "max-buffer-size-exceeded") return;
      parser.reset();
      // It may have been the one that says so.
      isOver = true;
    },
  });

  return {
    observed,
    isCut() {
      const { outputTokens, cost, error } = observed;
      return hasAnEnd && !isOver && outputTokens === null && cost === null && error === null;
    },
    feed(chunk: Uint8Array) {
      parser.feed(decoder.decode(chunk, { stream: true }));
    },
    end() {
      // A last event may lack its blank line.
      parser.feed(`${decoder.decode()}\n\n`);
    },
  };
}
