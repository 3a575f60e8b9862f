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
  ["a number that goes on in the next line", 'data: {"usage":{"cost":1\ndata: 5}}\n\n', 0],
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

/** How far a stream has come that ends with this. */
function endOf(end: string) {
  const contentType = "text/event-stream";
  const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
  meter.feed(utf8(`data: {"choices":[{"index":0,"finish_reason":null}]}\n\n${end}`));
  meter.end();
  return { isDone: meter.isDone(), isCut: meter.isCut(), events: meter.progress.events };
}

Deno.test("[DONE] ends a stream by itself alone, and without its blank line too", () => {
  for (const end of ["\n\n", "\n", ""]) {
    assert.deepEqual(endOf(`data: [DONE]${end}`), { isDone: true, isCut: false, events: 1 });
    for (const other of ["data: [DONE]]", "data: [DONE] 1", "data: x[DONE]", ": [DONE]"]) {
      assert.deepEqual(endOf(other + end), { isDone: false, isCut: true, events: 1 }, other);
    }
  }
});

Deno.test("a stream that says when it is over is cut before that, whatever came last", () => {
  for (const end of ["", ": hi\n\n", 'data: {"id":"gen-1"}\n\n', 'data: {"choices":[]}\n\n']) {
    assert.equal(endOf(end).isCut, true, end);
  }
});

Deno.test("an event counts again where another one came between", () => {
  const contentType = "text/event-stream";
  const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
  const event = (model: string) => `data: {"id":"gen-1","model":"${model}"}\n\n`;
  const telling = 'data: {"id":"gen-1","model":"a/c","usage":{"cost":1}}\n\n';
  meter.feed(utf8(`: hello\n\n${event("a/b")}${telling}${event("a/b")}`));
  assert.equal(meter.observed.model, "a/b");
});

Deno.test("a last event without its blank line is read", () => {
  const { isCut, events } = endOf('data: {"choices":[{"index":0,"finish_reason":"stop"}]}');
  assert.deepEqual([isCut, events], [false, 2]);
});

Deno.test("an event is counted whether it is read or like the one before", () => {
  const contentType = "text/event-stream";
  const event = 'data: {"id":"gen-1","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n';
  for (const chunks of [[event.repeat(5)], Array(5).fill(event)]) {
    const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
    for (const chunk of [": hello\n\n", ...chunks]) meter.feed(utf8(chunk));
    assert.equal(meter.progress.events, 5);
  }
});
