import assert from "node:assert/strict";
import { createMeter } from "./meter.ts";
import type { Observed } from "./usage.ts";
import { BOOKED, chunk, seen, USAGE } from "../testing/observations.ts";

const SHAPES: [what: string, messages: string[], expected: Partial<Observed>][] = [
  [
    "a chat completion",
    [
      '{"id":"gen-1","model":"a/b","provider":"P","choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":37,"completion_tokens":8,"total_tokens":45,"cost":0.000007765,"is_byok":false,"prompt_tokens_details":{"cached_tokens":3},"cost_details":{"upstream_inference_cost":0.000007765},"completion_tokens_details":{"reasoning_tokens":8}}}',
    ],
    {
      id: "gen-1",
      model: "a/b",
      provider: "P",
      inputTokens: 37,
      outputTokens: 8,
      cachedTokens: 3,
      reasoningTokens: 8,
      cost: "0.000007765",
    },
  ],
  [
    "an answer of the Responses API",
    [
      '{"id":"gen-2","object":"response","status":"completed","model":"a/b","error":null,"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":25,"output_tokens_details":{"reasoning_tokens":5},"cost":0.0012,"is_byok":false}}',
    ],
    {
      id: "gen-2",
      model: "a/b",
      inputTokens: 10,
      outputTokens: 25,
      cachedTokens: 4,
      reasoningTokens: 5,
      nativeFinishReason: "completed",
      status: "completed",
      cost: "0.0012",
    },
  ],
  ...["completed", "incomplete"].map((
    status,
  ): [string, string[], Partial<Observed>] => [
    `response.${status} of a stream`,
    [
      '{"type":"response.created","response":{"id":"gen-2","model":"a/b","usage":null}}',
      `{"type":"response.${status}","response":{"id":"gen-2","status":"${status}","usage":{"input_tokens":10,"output_tokens":25,"cost":0.0012}}}`,
    ],
    { id: "gen-2", model: "a/b", status, inputTokens: 10, outputTokens: 25, cost: "0.0012" },
  ]),
  [
    "a response that has begun, of which no cost is the whole",
    [
      '{"type":"response.created","response":{"id":"gen-2","status":"in_progress","usage":{"input_tokens":10,"output_tokens":0,"cost":0}}}',
    ],
    { id: "gen-2", status: "in_progress", inputTokens: 10 },
  ],
  [
    "a message that has begun, of which no cost is the whole",
    [
      '{"type":"message_start","message":{"id":"gen-3","usage":{"input_tokens":12,"output_tokens":1,"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":0}}}}',
    ],
    { id: "gen-3", inputTokens: 12 },
  ],
  ...["pending", "in_progress"].map((status): [string, string[], Partial<Observed>] => [
    `a job that is ${status}, of which no cost is the whole`,
    [`{"id":"gen-vid-1","status":"${status}","usage":{"cost":0,"is_byok":false}}`],
    { id: "gen-vid-1", status },
  ]),
  [
    "response.failed of a stream",
    [
      '{"type":"response.failed","response":{"id":"gen-2","status":"failed","error":{"code":"server_error","message":"broke"},"usage":{"input_tokens":10,"output_tokens":2,"cost":0.001}}}',
    ],
    {
      id: "gen-2",
      status: "failed",
      error: "server_error: broke",
      inputTokens: 10,
      outputTokens: 2,
      cost: "0.001",
    },
  ],
  [
    "a message of the Messages API, whose cache buckets stand beside input_tokens",
    [
      '{"id":"gen-3","type":"message","model":"a/c","usage":{"input_tokens":12,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":15,"cost":0.000797286}}',
    ],
    {
      id: "gen-3",
      model: "a/c",
      inputTokens: 117,
      outputTokens: 15,
      cachedTokens: 100,
      cost: "0.000797286",
    },
  ],
  // otari #256: a streaming message had 0 tokens.
  [
    "a stream of the Messages API",
    [
      '{"type":"message_start","message":{"id":"gen-3","model":"a/c","provider":"A","usage":{"input_tokens":12,"output_tokens":1}}}',
      '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":12,"output_tokens":15,"cost":0.000797286}}',
      '{"type":"message_stop"}',
    ],
    {
      id: "gen-3",
      model: "a/c",
      provider: "A",
      inputTokens: 12,
      outputTokens: 15,
      nativeFinishReason: "end_turn",
      cost: "0.000797286",
    },
  ],
  [
    "a stream of the Messages API whose last usage leaves the cache buckets out",
    [
      '{"type":"message_start","message":{"id":"gen-3","usage":{"input_tokens":12,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":1}}}',
      '{"type":"message_delta","usage":{"input_tokens":12,"output_tokens":15,"cost":0.5}}',
    ],
    { id: "gen-3", inputTokens: 117, outputTokens: 15, cachedTokens: 100, cost: "0.5" },
  ],
  [
    "a stream of the Messages API that repeats the cache buckets",
    [
      '{"type":"message_start","message":{"usage":{"input_tokens":12,"cache_read_input_tokens":100,"output_tokens":1}}}',
      '{"type":"message_delta","usage":{"input_tokens":12,"cache_read_input_tokens":100,"output_tokens":15}}',
    ],
    { inputTokens: 112, outputTokens: 15, cachedTokens: 100 },
  ],
  [
    "a stream of the Messages API whose last usage counts the output alone",
    [
      '{"type":"message_start","message":{"usage":{"input_tokens":12,"cache_read_input_tokens":100,"output_tokens":1}}}',
      '{"type":"message_delta","usage":{"output_tokens":15}}',
    ],
    { inputTokens: 112, outputTokens: 15, cachedTokens: 100 },
  ],
  [
    "embeddings",
    ['{"object":"list","model":"a/e","usage":{"prompt_tokens":6,"total_tokens":6,"cost":1.2e-7}}'],
    { model: "a/e", inputTokens: 6, cost: "1.2e-7" },
  ],
  [
    "a reranking",
    ['{"id":"gen-4","model":"a/r","usage":{"total_tokens":9,"search_units":1,"cost":0.002}}'],
    { id: "gen-4", model: "a/r", inputTokens: 9, cost: "0.002" },
  ],
  [
    "a message that was compacted, whose top level leaves that out",
    [
      '{"id":"gen-3","usage":{"input_tokens":23,"cache_read_input_tokens":7,"output_tokens":10,"cost":0.5,"iterations":[{"type":"compaction","input_tokens":180,"cache_read_input_tokens":2,"cache_creation_input_tokens":1,"output_tokens":35},{"type":"message","input_tokens":23,"output_tokens":10}]}}',
    ],
    { id: "gen-3", inputTokens: 213, outputTokens: 45, cachedTokens: 7, cost: "0.5" },
  ],
  [
    "an image of a stream",
    [
      '{"type":"image_generation.partial_image","b64_json":"AA=="}',
      '{"type":"image_generation.completed","usage":{"prompt_tokens":6,"completion_tokens":1290,"cost":0.03879}}',
    ],
    { inputTokens: 6, outputTokens: 1290, cost: "0.03879" },
  ],
  [
    "a transcription with tokens",
    ['{"text":"x","usage":{"seconds":7.5,"input_tokens":14,"output_tokens":45,"cost":0.0007}}'],
    { inputTokens: 14, outputTokens: 45, cost: "0.0007" },
  ],
  [
    "a transcription without tokens",
    ['{"text":"x","usage":{"seconds":7.5,"cost":0.0007}}'],
    { cost: "0.0007" },
  ],
  [
    "a video that is done",
    ['{"id":"v1","status":"completed","usage":{"cost":0.4,"is_byok":false}}'],
    { id: "v1", status: "completed", cost: "0.4" },
  ],
  ["a video that is not", ['{"id":"v1","status":"in_progress"}'], {
    id: "v1",
    status: "in_progress",
  }],
];

for (const [what, messages, expected] of SHAPES) {
  Deno.test(`observe reads ${what}`, () => {
    assert.deepEqual(seen(...messages), expected);
  });
}

Deno.test("total_tokens say nothing where their parts are told", () => {
  const { inputTokens } = seen(chunk('{"completion_tokens":3,"total_tokens":9}'));
  assert.equal(inputTokens, undefined);
});

Deno.test("observe reads usage on a chunk that also has choices", () => {
  // BerriAI/litellm #36168
  assert.deepEqual(seen(chunk(USAGE)), BOOKED);
});

Deno.test("a later usage of null, or none, erases nothing", () => {
  assert.deepEqual(seen(chunk(USAGE), chunk("null"), '{"choices":[]}'), BOOKED);
});

Deno.test("observe reads usage beside a response, and a reason to stop of any choice", () => {
  const beside = '{"type":"response.completed","response":{"id":"gen-1"},"usage":{"cost":0.5}}';
  assert.deepEqual(seen(beside), { id: "gen-1", cost: "0.5" });
  const choices = '{"choices":[{"native_finish_reason":null},{"native_finish_reason":"length"}]}';
  assert.deepEqual(seen(choices), { nativeFinishReason: "length" });
});

Deno.test("a value that is too large to be read erases nothing, and is none", () => {
  const large = "x".repeat(70_000);
  const contentType = "application/json";
  const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
  meter.feed(new TextEncoder().encode(`{"id":"gen-1","model":"a/b","provider":"${large}"}`));
  meter.end();
  assert.deepEqual([meter.observed.model, meter.observed.provider], ["a/b", null]);
});

Deno.test("an error that is too large to be read is one", () => {
  const contentType = "application/json";
  const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
  meter.feed(new TextEncoder().encode(`{"error":{"message":"${"x".repeat(300_000)}"}}`));
  meter.end();
  assert.match(meter.observed.error!, /too large/);
});

Deno.test("a value is read up to 64 KiB, and an error up to 256", () => {
  const read = (json: string) => {
    const contentType = "application/json";
    const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
    meter.feed(new TextEncoder().encode(json));
    meter.end();
    return meter.observed;
  };
  const provider = (bytes: number) => read(`{"provider":"${"x".repeat(bytes - 2)}"}`).provider;
  assert.deepEqual([provider(65_536), provider(65_537)], ["x".repeat(256), null]);
  const error = (bytes: number) => read(`{"error":{"message":"${"x".repeat(bytes - 14)}"}}`).error!;
  assert.doesNotMatch(error(262_144), /too large/);
  assert.match(error(262_145), /too large/);
});

Deno.test("observe keeps parts that a later usage does not tell", () => {
  const details = '"completion_tokens_details":{"reasoning_tokens":3},' +
    '"prompt_tokens_details":{"cached_tokens":2}';
  const first = `{"usage":{"prompt_tokens":5,"completion_tokens":4,${details}}}`;
  const { reasoningTokens, cachedTokens } = seen(first, '{"usage":{"completion_tokens":9}}');
  assert.deepEqual([reasoningTokens, cachedTokens], [3, 2]);
});

Deno.test("observe takes the last reason to stop that is told", () => {
  const reason = (why: string) => `{"choices":[{"native_finish_reason":${why}}]}`;
  const { nativeFinishReason } = seen(reason('"tool_calls"'), reason('"stop"'), reason("null"));
  assert.equal(nativeFinishReason, "stop");
  // Of a text of control characters alone nothing is stored.
  const told = seen(reason('"stop"'), reason('""'), reason('"\\u0000\\u001f"'));
  assert.equal(told.nativeFinishReason, "stop");
});
