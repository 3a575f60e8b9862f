import assert from "node:assert/strict";
import { seen } from "../testing/observations.ts";

/** The usage of a message's beginning and of its end → what it has read, and of that from the cache. */
const MESSAGES: [what: string, start: string, delta: string, input: number, cached: number][] = [
  [
    "whose end counts nothing, which takes nothing back",
    '"input_tokens":50,"cache_read_input_tokens":2400,"cache_creation_input_tokens":120',
    '"input_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"output_tokens":0',
    2570,
    2400,
  ],
  [
    "whose end alone tells what came of the cache",
    '"input_tokens":1002',
    '"cache_read_input_tokens":3604,"output_tokens":9',
    4606,
    3604,
  ],
  [
    "whose end corrects what came of the cache",
    '"input_tokens":7206',
    '"input_tokens":3602,"cache_read_input_tokens":3604,"output_tokens":9',
    7206,
    3604,
  ],
  [
    "whose end tells less of the cache, which is a correction",
    '"input_tokens":10,"cache_read_input_tokens":100',
    '"cache_read_input_tokens":90,"output_tokens":9',
    100,
    90,
  ],
];

for (const [what, start, delta, input, cached] of MESSAGES) {
  Deno.test(`observe reads a message ${what}`, () => {
    const { inputTokens, cachedTokens } = seen(
      `{"type":"message_start","message":{"usage":{${start},"output_tokens":1}}}`,
      `{"type":"message_delta","usage":{${delta}}}`,
    );
    assert.deepEqual([inputTokens, cachedTokens], [input, cached]);
  });
}

Deno.test("the output that a message's beginning counts is not what it has", () => {
  const start = '{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}';
  assert.deepEqual(seen(start), { inputTokens: 5 });
  assert.equal(seen(start, '{"type":"message_delta","usage":{"output_tokens":0}}').outputTokens, 0);
});

Deno.test("a message that has read nothing at its beginning has not been counted", () => {
  const nothing = '"input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0';
  const start = `{"type":"message_start","message":{"id":"m","usage":{${nothing}}}}`;
  assert.deepEqual(seen(start), { id: "m" });
  assert.deepEqual(seen(start, `{"type":"message_delta","usage":{${nothing}}}`), {
    id: "m",
    inputTokens: 0,
    outputTokens: 0,
    cachedTokens: 0,
  });
  const cached = '"input_tokens":0,"cache_read_input_tokens":7';
  assert.deepEqual(seen(`{"type":"message_start","message":{"usage":{${cached}}}}`), {
    inputTokens: 7,
    cachedTokens: 7,
  });
});

/** A message's `iterations` → what it has read and written with them, of 10 and 3 of its own. */
const ITERATIONS: [what: string, iterations: string, input: number, output: number][] = [
  ["none", "[]", 10, 3],
  ["of which none is a compaction", '[{"type":"message","input_tokens":10},7,null]', 10, 3],
  ["that are no list", '{"type":"compaction","input_tokens":5}', 10, 3],
  [
    "with compactions, each of which counts what it tells",
    '[{"type":"compaction","input_tokens":100,"output_tokens":20},{"type":"message","input_tokens":9},{"type":"compaction","cache_read_input_tokens":1000,"cache_creation_input_tokens":4000,"output_tokens":70}]',
    5_110,
    93,
  ],
  ["with a compaction that tells nothing", '[{"type":"compaction"}]', 10, 3],
];

for (const [what, iterations, input, output] of ITERATIONS) {
  Deno.test(`a message has iterations ${what}`, () => {
    const usage = `{"input_tokens":10,"output_tokens":3,"iterations":${iterations}}`;
    assert.deepEqual(seen(`{"type":"message","usage":${usage}}`), {
      inputTokens: input,
      outputTokens: output,
    });
  });
}

Deno.test("compactions count no more than any model reads, whatever they say", () => {
  const part = '{"type":"compaction","input_tokens":1000000000,"output_tokens":1000000000}';
  const { inputTokens, outputTokens } = seen(
    `{"usage":{"input_tokens":1,"output_tokens":2,"iterations":[${part},${part}]}}`,
  );
  assert.deepEqual([inputTokens, outputTokens], [1_000_000_001, 1_000_000_002]);
});
