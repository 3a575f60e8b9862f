import assert from "node:assert/strict";
import { BOOKED, chunk, seen, seenOfGeneration, USAGE } from "../testing/observations.ts";

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

// envoyproxy/ai-gateway #1631, rust-genai #258
Deno.test("zeros in a later usage take nothing back, and what is not zero corrects", () => {
  const usage = '{"prompt_tokens":9,"completion_tokens":8,"cost":0.5,"is_byok":true,' +
    '"cost_details":{"upstream_inference_cost":0.7},"prompt_tokens_details":{"cached_tokens":7},' +
    '"completion_tokens_details":{"reasoning_tokens":6}}';
  const first = seen(chunk(usage));
  assert.equal(first.cost, "0.5");
  for (const zero of ["0", "0.0", "0e-9"]) {
    const zeros = usage.replaceAll(/(?<=":)[\d.]+/g, (number) => number.includes(".") ? zero : "0");
    assert.deepEqual(seen(chunk(usage), chunk(zeros)), first);
  }
  const less = usage.replace(/9/, "3").replace("0.5", "0.1");
  assert.deepEqual(seen(chunk(usage), chunk(less)), { ...first, inputTokens: 3, cost: "0.1" });
});

Deno.test("a prompt that is all in the cache stays counted where a later message has no input", () => {
  const start = '{"input_tokens":0,"cache_read_input_tokens":5}';
  const { inputTokens, outputTokens } = seen(
    `{"type":"message_start","message":{"usage":${start}}}`,
    '{"type":"message_delta","usage":{"output_tokens":4,' +
      '"iterations":[{"type":"compaction","input_tokens":10,"output_tokens":20}]}}',
  );
  assert.deepEqual([inputTokens, outputTokens], [15, 24]);
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
    `0.${"4".repeat(40)}`,
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
    `0.${"4".repeat(41)}`,
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
  const tokens of [
    "-1",
    "-0.5",
    "1e300",
    "1000000000.5",
    "1e400",
    "9007199254740991",
    "1000000001",
    '"7"',
    "true",
  ]
) {
  Deno.test(`${tokens} tokens are none`, () => {
    assert.deepEqual(seen(chunk(`{"prompt_tokens":${tokens}}`)), { id: "gen-1" });
  });
}

Deno.test("a part of a token, as images have them, counts whole", () => {
  const usage = `{"prompt_tokens":12,"completion_tokens":14417.92,"total_tokens":14429.92}`;
  assert.deepEqual(seen(chunk(usage)), { id: "gen-1", inputTokens: 12, outputTokens: 14_418 });
  assert.deepEqual(seenOfGeneration('{"native_tokens_completion":0.25}'), { outputTokens: 1 });
});

Deno.test("an upstream cost stays where a later message tells none", () => {
  const told = '{"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":0.25}}';
  const silent = '{"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":null}}';
  assert.equal(seen(chunk(told), chunk(silent)).upstreamCost, "0.25");
});
