import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../bytes/encodings.ts";
import { eventShape } from "./event_shape.ts";
import { createMeter } from "./meter.ts";

const EVENT = 'data: {"n":7,"text":"Hello","end":null}\n\n';
const SHAPE = eventShape(utf8(EVENT), [
  { start: EVENT.indexOf("7"), end: EVENT.indexOf("7") + 1, isText: false },
  { start: EVENT.indexOf("Hello"), end: EVENT.indexOf("Hello") + 5, isText: true },
])!;

for (
  const [event, why] of [
    [EVENT, "itself"],
    ['data: {"n":-12.5e+3,"text":"","end":null}\n\n', "another number, and no text"],
    ['data: {"n":1,"text":"a \\"quote\\", } and \\\\","end":null}\n\n', "escaped characters"],
    ['data: {"n":1,"text":"žlutý 🐎","end":null}\n\n', "characters of several bytes"],
  ] as const
) {
  Deno.test(`eventShape knows an event that differs by what is passed over: ${why}`, () => {
    const bytes = utf8(event);
    assert.equal(SHAPE.endIn(bytes, 0), bytes.length);
    assert.equal(SHAPE.endIn(utf8(`: x\n\n${event}data: `), 5), 5 + bytes.length);
  });
}

for (
  const [event, why] of [
    ['data: {"n":7,"text":"Hello","end":1}\n\n', "another value"],
    ['data: {"n":7,"text":"Hello","end":null,"usage":{}}\n\n', "one member more"],
    ['data: {"n":7,"text":"Hello","end":null}\r\n\r\n', "other line ends"],
    ['data: {"n":7,"text":"Hello","end":null}\n', "no blank line yet"],
    ['data: {"n":7,"text":"Hello', "half a text"],
    ['data: {"n":7,"text":"Hello\\', "half an escape"],
    ['data: {"n":7,"text":"Hel\nlo","end":null}\n\n', "a line that ends in a text"],
    ['data: {"n":"7","text":"Hello","end":null}\n\n', "a text in place of a number"],
    ['data: {"n":,"text":"Hello","end":null}\n\n', "no number"],
    ['data: {"n":7,"text":"a","usage":"b","end":null}\n\n', "a text that ends before"],
    ["", "nothing"],
  ] as const
) {
  Deno.test(`eventShape does not take for it an event with ${why}`, () => {
    assert.equal(SHAPE.endIn(utf8(event), 0), -1);
  });
}

Deno.test("eventShape remembers an event whose memory is used again", () => {
  const memory = utf8(EVENT);
  const shape = eventShape(memory, [])!;
  memory.fill(0);
  assert.equal(shape.endIn(utf8(EVENT), 0), EVENT.length);
});

Deno.test("eventShape does not remember what is long", () => {
  assert.equal(eventShape(utf8(`data: "${"x".repeat(4_096)}"\n\n`), []), null);
  const places = Array.from({ length: 65 }, () => ({ start: 0, end: 0, isText: true }));
  assert.equal(eventShape(utf8(EVENT), places), null);
});

/** What a stream's events have: each differs from the others by any of it. */
const text = fc.constantFrom("", "Hello", 'a "b" \\', '"usage":{"cost":1}', "\u2028 🐎", "user_id");
const chatEvent = fc.record({
  id: fc.constantFrom("gen-1", "gen-2"),
  model: fc.constantFrom("a/b", "a/c"),
  choices: fc.array(
    fc.record({
      index: fc.nat(2),
      delta: fc.record({ content: text }),
      finish_reason: fc.constantFrom(null, "stop"),
    }),
    { maxLength: 2 },
  ),
  usage: fc.option(fc.record({ completion_tokens: fc.nat(9), cost: fc.constantFrom(0, 0.5) })),
  user_id: text,
}, { requiredKeys: ["id", "choices"] });
const messagesEvent = fc.oneof(
  fc.record({
    type: fc.constant("content_block_delta"),
    index: fc.nat(2),
    delta: fc.record({ type: fc.constant("text_delta"), text }),
  }),
  fc.record({
    type: fc.constantFrom("message_delta", "message_stop", "ping"),
    delta: fc.record({ stop_reason: fc.constantFrom(null, "end_turn") }),
    usage: fc.record({ output_tokens: fc.nat(9) }),
  }, { requiredKeys: ["type"] }),
);
const responsesEvent = fc.record({
  type: fc.constantFrom("response.output_text.delta", "response.completed"),
  sequence_number: fc.nat(200),
  delta: text,
  response: fc.record({ usage: fc.record({ cost: fc.constantFrom(0, 0.25) }) }),
  error: fc.record({ message: text }),
}, { requiredKeys: ["type", "sequence_number"] });
const event = fc.oneof(chatEvent, messagesEvent, responsesEvent)
  .map((data) => `data: ${JSON.stringify(data)}\n\n`);
/** A few events, that come again and again in any order. */
const stream = fc.tuple(
  fc.array(event, { minLength: 1, maxLength: 4 }),
  fc.array(fc.nat(3), { maxLength: 16 }),
).map(([events, order]) => order.map((index) => events[index % events.length]).join(""));

/** What a meter learns from a stream, and lets pass. */
function metered(chunks: Uint8Array[]) {
  const meter = createMeter({
    contentType: "text/event-stream",
    isError: false,
    keepsLength: false,
    linkOf: null,
  });
  const passed = chunks.map((chunk) => new TextDecoder("latin1").decode(meter.feed(chunk)));
  passed.push(new TextDecoder("latin1").decode(meter.end()));
  const { observed, progress } = meter;
  return {
    observed,
    progress,
    passed: passed.join(""),
    isCut: meter.isCut(),
    isDone: meter.isDone(),
    isEmpty: meter.isEmpty(),
  };
}

Deno.test("a meter learns the same whether it reads an event or knows its shape", () => {
  fc.assert(
    fc.property(stream, (text) => {
      const bytes = utf8(text);
      // No event comes in one chunk, so that no shape is remembered.
      const read = metered(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)));
      assert.deepEqual(metered([bytes]), read);
      const events = text.split(/(?<=\n\n)/).map(utf8);
      assert.deepEqual(metered(events), read);
    }),
    { numRuns: 300 },
  );
});
