/** What a meter learns of bytes that pass is what `observe` says of the parsed messages. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { createMeter } from "./meter.ts";
import { parseWithExactMoney } from "./told_values.ts";
import { nothingObserved, observe, type Observed } from "./usage.ts";
import { cut } from "../testing/cut.ts";

const FOLDER = new URL("./testdata/", import.meta.url);
const SAMPLES = [
  "chat.sse",
  "chat_empty_choices.sse",
  "chat_error.sse",
  "responses.sse",
  "messages.sse",
  "image.sse",
];

/** Read after the standard, all at once. */
function expectedOf(stream: string): Observed {
  const observed = nothingObserved();
  for (const event of stream.split("\n\n")) {
    const data = event.split("\n").filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5)).join("\n");
    if (data.trim() !== "" && data.trim() !== "[DONE]") {
      observe(observed, parseWithExactMoney(data));
    }
  }
  return observed;
}

function metered(contentType: string, chunks: Uint8Array[]): Observed {
  const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
  for (const chunk of chunks) meter.feed(chunk);
  meter.end();
  return meter.observed;
}

const places = fc.array(fc.nat(), { maxLength: 20 });
const lineEnd = fc.constantFrom("\n", "\r", "\r\n");

for (const name of SAMPLES) {
  Deno.test(`${name} is metered as it is parsed, in any pieces and with any line ends`, async () => {
    const sample = await Deno.readTextFile(new URL(name, FOLDER));
    fc.assert(
      fc.property(places, lineEnd, (at, end) => {
        const chunks = cut(utf8(sample.replaceAll("\n", end)), at);
        assert.deepEqual(metered("text/event-stream", chunks), expectedOf(sample));
      }),
      { numRuns: 200 },
    );
  });
}

const text = fc.constantFrom(
  "gen-1",
  "openai/gpt",
  "error",
  "response",
  "completed",
  "stop",
  "",
  "é\ud83d\ude00",
  'a"\\\n',
);
const count = fc.constantFrom(0, 1, 37, 2 ** 53, -1, 0.5);
const money = fc.constantFrom(
  "0.000007765",
  "7.765e-06",
  "0",
  "1E-10",
  "12345678901234567890.1",
  "null",
  '"1"',
);
const odd: fc.Arbitrary<unknown> = fc.constantFrom(
  null,
  "",
  "x",
  0,
  true,
  [],
  [1, { error: "x" }],
  {},
);
const record = (members: Record<string, fc.Arbitrary<unknown>>) =>
  fc.oneof(
    { weight: 5, arbitrary: fc.record(members, { requiredKeys: [] }) },
    { weight: 1, arbitrary: odd },
  );
/** A decimal that JSON.stringify would round: put into the text afterwards. */
const exact = money.map((digits) => `<<${digits}>>`);

const usage = record({
  prompt_tokens: count,
  input_tokens: count,
  completion_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_creation_input_tokens: count,
  prompt_tokens_details: record({ cached_tokens: count }),
  output_tokens_details: record({ reasoning_tokens: count }),
  cost: exact,
  is_byok: fc.boolean(),
  cost_details: record({ upstream_inference_cost: exact }),
});
const error = record({ code: fc.oneof(text, count), type: text, message: text, cost: exact });
const choice = record({
  finish_reason: text,
  native_finish_reason: text,
  error,
  delta: record({ content: text, error, usage }),
});
const envelope = {
  id: text,
  object: text,
  type: text,
  status: text,
  model: text,
  provider: text,
  stop_reason: text,
  incomplete_details: record({ reason: text }),
  usage,
  error,
  code: text,
  choices: fc.oneof(fc.array(choice, { maxLength: 3 }), odd),
  content: fc.array(record({ error, usage, id: text }), { maxLength: 2 }),
};
const message = record({
  ...envelope,
  delta: record({ stop_reason: text, usage }),
  response: record(envelope),
  // No list: of its text nobody has a use.
  message: fc.oneof(fc.record(envelope, { requiredKeys: [] }), text, fc.constant(null)),
});
const written = fc.tuple(message, fc.nat({ max: 1 })).map(([value, indent]) =>
  JSON.stringify(value, null, indent).replaceAll(
    /"<<(.*?)>>"/g,
    (_, digits: string) => digits.replaceAll('\\"', '"'),
  )
);

Deno.test("any JSON answer is metered as it is parsed, in any pieces", () => {
  fc.assert(
    fc.property(written, places, (json, at) => {
      const expected = nothingObserved();
      observe(expected, parseWithExactMoney(json));
      assert.deepEqual(metered("application/json", cut(utf8(json), at)), expected);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("any stream of events is metered as it is parsed, in any pieces", () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 4 }), places, lineEnd, (events, at, end) => {
      const stream = events.map((json) => `${json.replaceAll(/^/gm, "data:")}\n\n`).join("");
      const chunks = cut(utf8(stream.replaceAll("\n", end)), at);
      assert.deepEqual(metered("text/event-stream", chunks), expectedOf(stream));
    }),
    { numRuns: 1_000 },
  );
});
