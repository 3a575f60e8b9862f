import assert from "node:assert/strict";
import {
  nothingObserved,
  observe,
  type Observed,
  observeGeneration,
  parseWithExactMoney,
  storable,
} from "./usage.ts";

/** What these messages say, one after the other, as far as they say anything. */
function seen(...messages: string[]): Partial<Observed> {
  const observed = nothingObserved();
  for (const message of messages) observe(observed, parseWithExactMoney(message));
  return said(observed);
}

function seenOfGeneration(data: string, before = nothingObserved()): Partial<Observed> {
  observeGeneration(before, parseWithExactMoney(data));
  return said(before);
}

function said({ messageTokens: _, ...observed }: Observed): Partial<Observed> {
  return Object.fromEntries(Object.entries(observed).filter(([, value]) => value !== null));
}

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

Deno.test("total_tokens say nothing where their parts are told", () => {
  const { inputTokens } = seen(chunk('{"completion_tokens":3,"total_tokens":9}'));
  assert.equal(inputTokens, undefined);
});

const chunk = (members: string) => `{"id":"gen-1","choices":[{"index":0}],"usage":${members}}`;
const USAGE = '{"prompt_tokens":37,"completion_tokens":8,"cost":0.5}';
const BOOKED = { id: "gen-1", inputTokens: 37, outputTokens: 8, cost: "0.5" };

Deno.test("observe reads usage on a chunk that also has choices", () => {
  // BerriAI/litellm #36168
  assert.deepEqual(seen(chunk(USAGE)), BOOKED);
});

Deno.test("a later usage of null, or none, erases nothing", () => {
  assert.deepEqual(seen(chunk(USAGE), chunk("null"), '{"choices":[]}'), BOOKED);
});

Deno.test("null in a later usage erases nothing", () => {
  const later = '{"prompt_tokens":null,"completion_tokens":null,"cost":null}';
  assert.deepEqual(seen(chunk(USAGE), chunk(later)), BOOKED);
});

Deno.test("of two usages the last one holds, and they are not added up", () => {
  const early = '{"prompt_tokens":37,"completion_tokens":0,"cost":0.1}';
  assert.deepEqual(seen(chunk(early), chunk(USAGE)), BOOKED);
});

for (const details of ["null", "{}", '{"cached_tokens":null}', '"none"', "[]"]) {
  Deno.test(`details that are ${details} say nothing`, () => {
    assert.deepEqual(
      seen(chunk(
        `{"prompt_tokens":1,"prompt_tokens_details":${details},"completion_tokens_details":${details},"cost_details":${details},"is_byok":true}`,
      )),
      { id: "gen-1", inputTokens: 1 },
    );
  });
}

Deno.test("zero is not missing", () => {
  // BerriAI/litellm #37992
  assert.deepEqual(
    seen(chunk(
      '{"prompt_tokens":0,"completion_tokens":0,"cost":0,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}',
    )),
    {
      id: "gen-1",
      inputTokens: 0,
      outputTokens: 0,
      cachedTokens: 0,
      reasoningTokens: 0,
      cost: "0",
    },
  );
});

Deno.test("a zero replaces an earlier count", () => {
  assert.equal(seen(chunk(USAGE), chunk('{"completion_tokens":0,"cost":0}')).cost, "0");
});

Deno.test("cached and reasoning tokens are not added to the tokens that they are part of", () => {
  // bifrost #3451
  const { inputTokens, outputTokens } = seen(chunk(
    '{"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"cached_tokens":80},"completion_tokens_details":{"reasoning_tokens":40}}',
  ));
  assert.deepEqual([inputTokens, outputTokens], [100, 50]);
});

Deno.test("cache buckets beside prompt_tokens, which hold them already, are not added", () => {
  const { inputTokens } = seen(chunk('{"prompt_tokens":100,"cache_read_input_tokens":80}'));
  assert.equal(inputTokens, 100);
});

Deno.test("the upstream cost of an ordinary call is no cost of its own", () => {
  // yvgude/lean-ctx #746
  const usage = '{"cost":0.5,"is_byok":false,"cost_details":{"upstream_inference_cost":0.5}}';
  assert.deepEqual(seen(chunk(usage)), { id: "gen-1", cost: "0.5" });
});

Deno.test("the upstream cost of a call with the customer's own key stands beside the fee", () => {
  // forgecode #1641
  const usage = '{"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":7.765e-06}}';
  assert.deepEqual(seen(chunk(usage)), { id: "gen-1", cost: "0", upstreamCost: "7.765e-06" });
});

for (
  const cost of [
    "0",
    "0.000007765",
    "7.765E-6",
    "1e-10",
    "1e2",
    "12",
    "0.1234567890123456789",
    "0.00000000000000000000012345",
    "0.10",
    "999999999.999999999999",
    "7.765e-06",
    "1e+01",
  ]
) {
  Deno.test(`a cost of ${cost} keeps all its digits`, () => {
    // BerriAI/litellm PR #16162, otari #691
    assert.equal(seen(chunk(`{"cost":${cost}}`)).cost, cost);
    assert.equal(seenOfGeneration(`{"total_cost":${cost}}`).cost, cost);
  });
}

Deno.test("a cost that is a text counts when it is a number", () => {
  assert.equal(seen(chunk('{"cost":"0.00042"}')).cost, "0.00042");
});

for (
  const cost of [
    '""',
    '"free"',
    '"NaN"',
    '"0x10"',
    '" 1"',
    '"1e9999"',
    "true",
    "{}",
    "[1]",
    "-1",
    "-0.5",
    "1e400",
    "1e-400",
    "1000000001",
    "123456789012345678901234567890.5",
    `0.${"1".repeat(17_000)}`,
    "9".repeat(400),
  ]
) {
  const usage =
    `{"cost":${cost},"is_byok":true,"cost_details":{"upstream_inference_cost":${cost}}}`;
  Deno.test(`a cost of ${cost.slice(0, 40)}, which no price could reach, is none`, () => {
    assert.deepEqual(seen(chunk(usage)), { id: "gen-1" });
    assert.deepEqual(
      seenOfGeneration(
        `{"total_cost":${cost},"is_byok":true,"upstream_inference_cost":${cost}}`,
      ),
      {},
    );
  });
}

for (
  const tokens of ["-1", "1.5", "1e300", "1e400", "9007199254740991", "1000000001", '"7"', "true"]
) {
  Deno.test(`${tokens} tokens are none`, () => {
    assert.deepEqual(seen(chunk(`{"prompt_tokens":${tokens}}`)), { id: "gen-1" });
  });
}

const ERRORS: [what: string, message: string, error: string][] = [
  // BerriAI/litellm #40578: an error inside a 200 was logged as success.
  [
    "in a chunk",
    '{"id":"gen-1","error":{"code":429,"message":"Rate limit exceeded","metadata":{}},"choices":[{"finish_reason":"error"}]}',
    "429: Rate limit exceeded",
  ],
  [
    "alone",
    '{"error":{"code":502,"message":"Provider returned error"}}',
    "502: Provider returned error",
  ],
  ["whose code is a word", '{"error":{"code":"server_error","message":"m"}}', "server_error: m"],
  ["in a choice", '{"choices":[{},{"error":{"code":502,"message":"m"}}]}', "502: m"],
  [
    "of the Messages API",
    '{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
    "overloaded_error: m",
  ],
  [
    "of the Responses API",
    '{"type":"error","code":"rate_limit","message":"m","param":null}',
    "rate_limit: m",
  ],
  ["that is a text", '{"error":"m"}', "m"],
  ["without a message", '{"error":{"code":500}}', "500: no message"],
  ["whose message is null", '{"error":{"message":null}}', "no message"],
  ["whose message is an object", '{"error":{"message":{"toString":1}}}', '{"toString":1}'],
  [
    "that a finish_reason alone tells of",
    '{"choices":[{},{"finish_reason":"error"}]}',
    "the model stopped because of an error",
  ],
  [
    "that the status of a response alone tells of",
    '{"object":"response","status":"failed","error":null}',
    "the response failed",
  ],
  [
    "that the last event of a response alone tells of",
    '{"type":"response.failed","response":{"status":"failed"}}',
    "the response failed",
  ],
  ["that is an empty object", '{"error":{}}', "no message"],
];

for (const [what, message, error] of ERRORS) {
  Deno.test(`observe reads an error ${what}`, () => {
    assert.equal(seen(message).error, error);
  });
}

Deno.test("the first error holds", () => {
  assert.equal(
    seen('{"error":{"message":"cause"}}', '{"error":{"message":"effect"}}').error,
    "cause",
  );
});

for (
  const none of [
    '{"error":null}',
    '{"error":""}',
    '{"error":false}',
    '{"choices":[null,1]}',
    '{"choices":[{"finish_reason":"length"}]}',
    '{"id":"v1","status":"failed"}',
  ]
) {
  Deno.test(`${none} is no error`, () => {
    assert.equal(seen(none).error, undefined);
  });
}

for (
  const message of [
    "null",
    "[]",
    '"x"',
    "1",
    '{"usage":[]}',
    '{"usage":"x"}',
    '{"model":7,"id":{}}',
  ]
) {
  Deno.test(`${message} says nothing`, () => {
    assert.deepEqual(seen(message), {});
  });
}

Deno.test("observe bounds texts, and keeps what Postgres cannot store out of them", () => {
  const { model, error } = seen(
    JSON.stringify({ model: "a\0b\ud800", error: { message: "m".repeat(10_000) } }),
  );
  assert.equal(model, "ab\ufffd");
  assert.equal(error?.length, 500);
  assert.equal(storable("x".repeat(300)).length, 256);
});

Deno.test("an id is kept whole, or not at all", () => {
  const idOf = (id: string) => seen(JSON.stringify({ id })).id;
  for (const length of [257, 512]) assert.equal(idOf("g".repeat(length))?.length, length);
  for (const id of ["g".repeat(513), "", "g\0", "g\ud800"]) assert.equal(idOf(id), undefined);
});

Deno.test("a bounded text is not cut inside a character", () => {
  assert.equal(storable(`${"x".repeat(255)}🙂`), `${"x".repeat(255)}\ufffd`);
});

const GENERATION =
  '{"id":"gen-1","model":"a/b","total_cost":0.00003452,"usage":0.00003452,"upstream_inference_cost":0.2,"is_byok":false,"tokens_prompt":65,"tokens_completion":116,"native_tokens_prompt":64,"native_tokens_completion":98,"native_tokens_reasoning":0,"native_tokens_cached":0,"provider_name":"DeepInfra"}';
const OF_GENERATION = {
  model: "a/b",
  provider: "DeepInfra",
  inputTokens: 64,
  outputTokens: 98,
  cachedTokens: 0,
  reasoningTokens: 0,
  cost: "0.00003452",
};

Deno.test("observeGeneration reads the total cost and the native tokens", () => {
  assert.deepEqual(seenOfGeneration(GENERATION), OF_GENERATION);
});

Deno.test("observeGeneration reads the upstream cost of a call with the customer's own key", () => {
  const data = GENERATION.replace('"is_byok":false', '"is_byok":true');
  assert.deepEqual(seenOfGeneration(data), { ...OF_GENERATION, upstreamCost: "0.2" });
});

Deno.test("observeGeneration corrects counts and keeps the names that the answer gave", () => {
  const before = {
    ...nothingObserved(),
    model: "a/b:free",
    provider: "P",
    inputTokens: 1,
    outputTokens: 1,
  };
  const { model, provider, inputTokens, outputTokens } = seenOfGeneration(GENERATION, before);
  assert.deepEqual([model, provider, inputTokens, outputTokens], ["a/b:free", "P", 64, 98]);
});

for (const data of ["null", "[]", '{"total_cost":null,"native_tokens_prompt":null}']) {
  Deno.test(`observeGeneration learns nothing from ${data}`, () => {
    assert.deepEqual(seenOfGeneration(data), {});
  });
}

const REASONS: [what: string, message: string, reason: string | undefined][] = [
  [
    "a chat",
    '{"choices":[{"finish_reason":"stop","native_finish_reason":"STOP"}]}',
    "STOP",
  ],
  [
    "a chat that goes on",
    '{"choices":[{"finish_reason":null,"native_finish_reason":null}]}',
    undefined,
  ],
  ["a message", '{"type":"message","stop_reason":"max_tokens"}', "max_tokens"],
  ["a response", '{"object":"response","status":"completed"}', "completed"],
  [
    "a response that is incomplete",
    '{"type":"response.incomplete","response":{"object":"response","status":"incomplete",' +
    '"incomplete_details":{"reason":"max_output_tokens"}}}',
    "max_output_tokens",
  ],
  ["a response that goes on", '{"object":"response","status":"in_progress"}', undefined],
  ["a video", '{"id":"v1","status":"completed"}', undefined],
];

for (const [what, message, reason] of REASONS) {
  Deno.test(`${what} says why the model stopped: ${reason ?? "not yet"}`, () => {
    assert.equal(seen(message).nativeFinishReason, reason);
  });
}

Deno.test("a later event without a reason to stop erases none", () => {
  const stop = '{"choices":[{"native_finish_reason":"STOP"}]}';
  assert.equal(seen(stop, '{"choices":[],"usage":{"cost":1}}').nativeFinishReason, "STOP");
});
