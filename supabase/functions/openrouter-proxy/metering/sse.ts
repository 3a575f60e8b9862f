/**
 * Usage out of a stream of server-sent events.
 *
 * Source: openrouter.md, "SSE" and "Usage in a chat completion".
 */
import { createParser } from "eventsource-parser";
import { nothingObserved, observe, parseWithExactMoney } from "./usage.ts";

/**
 * A Meter (meter.ts) of a stream of events.
 *
 * @param maxEventLength in UTF-16 code units: a longer event passes unread
 */
export function createSseMeter(maxEventLength: number) {
  const observed = nothingObserved();
  const decoder = new TextDecoder();
  let identified = false;

  const parser = createParser({
    maxBufferSize: maxEventLength,
    onEvent({ data }) {
      // Thousands of events carry text alone: only those that may say more are parsed. In a JSON
      // string a quote is escaped, so that no generated text looks like one of these members.
      if (identified && !data.includes('"usage"') && !data.includes('"error"')) return;
      try {
        observe(observed, parseWithExactMoney(data));
      } catch {
        // `[DONE]`, or another event that is no JSON, or one nested too deeply: it says nothing.
      }
      identified = observed.id !== null;
    },
    onError(error) {
      // The rest of the oversized event is skipped as lines without meaning; the next one counts.
      if (error.type === "max-buffer-size-exceeded") parser.reset();
    },
  });

  return {
    observed,
    feed(chunk: Uint8Array) {
      parser.feed(decoder.decode(chunk, { stream: true }));
    },
    end() {
      // A last event may lack its blank line.
      parser.feed(`${decoder.decode()}\n\n`);
    },
  };
}
