import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { EventStream } from "./event_stream.ts";
import { createMeter } from "./meter.ts";

/** A stream that has begun with a comment, and tells of each event whether it was read. */
function watched(isPlain: boolean) {
  const events: string[] = [];
  const stream = new EventStream({
    reading: { end: () => events.push("read") },
    wasPlain: () => isPlain,
    onUnread: () => events.push("unread"),
    bounds: { maxDepth: 8, maxValues: Infinity },
    onDone: () => events.push("done"),
  });
  stream.feed(utf8(": hello\n\n"));
  return { stream, events };
}

const EVENT = 'data: {"text":"Hello"}\n\n';
const DONE = "data: [DONE]\n\n";

Deno.test("an event goes unread that is like the plain one before, in the same chunk or another", () => {
  const { stream, events } = watched(true);
  stream.feed(utf8(EVENT.repeat(2)));
  stream.feed(utf8(EVENT.repeat(2) + 'data: {"usage":"x"}\n\n' + DONE));
  assert.deepEqual(events, ["read", "unread", "unread", "unread", "read", "done"]);
});

Deno.test("every event is read where none is plain, and where the one before came in parts", () => {
  const telling = watched(false);
  telling.stream.feed(utf8(EVENT.repeat(2)));
  assert.deepEqual(telling.events, ["read", "read"]);
  const cut = watched(true);
  cut.stream.feed(utf8(EVENT.slice(0, 9)));
  cut.stream.feed(utf8(EVENT.slice(9) + EVENT));
  assert.deepEqual(cut.events, ["read", "read"]);
});

/** Streams of which one part of an event must say nothing of another. */
const STREAMS: [what: string, stream: string, events: number][] = [
  [
    "a plain event before two that are no JSON",
    'data: {"id":"a"}\n\n' + 'data: {"x":[\n\n'.repeat(2),
    1,
  ],
  ["an event that goes on after [DONE]", 'data: [DONE]\ndata: {"usage":{"cost":1}}\n\n', 0],
];

for (const [what, text, events] of STREAMS) {
  Deno.test(`a stream tells the same wherever it is cut: ${what}`, () => {
    for (let cut = 0; cut < text.length; cut++) {
      const contentType = "text/event-stream";
      const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
      meter.feed(utf8(text.slice(0, cut)));
      meter.feed(utf8(text.slice(cut)));
      const { progress, observed } = meter;
      assert.deepEqual([progress.events, observed.cost], [events, null], `cut at ${cut}`);
    }
  });
}
