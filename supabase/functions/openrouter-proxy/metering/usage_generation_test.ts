import assert from "node:assert/strict";
import { nothingObserved } from "./usage.ts";
import { seenOfGeneration } from "../testing/observations.ts";

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

Deno.test("observeGeneration keeps what the answer gave where it says nothing", () => {
  const before = {
    ...nothingObserved(),
    inputTokens: 1,
    outputTokens: 2,
    cachedTokens: 3,
    reasoningTokens: 4,
    cost: "5",
    upstreamCost: "6",
  };
  const { inputTokens, outputTokens, cachedTokens, reasoningTokens, cost, upstreamCost } =
    seenOfGeneration('{"is_byok":true}', before);
  assert.deepEqual(
    [inputTokens, outputTokens, cachedTokens, reasoningTokens, cost, upstreamCost],
    [1, 2, 3, 4, "5", "6"],
  );
});

Deno.test("observeGeneration corrects counts and keeps the names that the answer gave", () => {
  const before = {
    ...nothingObserved(),
    model: "a/b:free",
    provider: "P",
    nativeFinishReason: "stop",
    inputTokens: 1,
    outputTokens: 1,
  };
  const after = seenOfGeneration(
    GENERATION.replace("{", '{"native_finish_reason":"length",'),
    before,
  );
  const { model, provider, nativeFinishReason, inputTokens, outputTokens } = after;
  assert.deepEqual(
    [model, provider, nativeFinishReason, inputTokens, outputTokens],
    ["a/b:free", "P", "stop", 64, 98],
  );
});

for (const data of ["null", "[]", '{"total_cost":null,"native_tokens_prompt":null}']) {
  Deno.test(`observeGeneration learns nothing from ${data}`, () => {
    assert.deepEqual(seenOfGeneration(data), {});
  });
}

Deno.test("what a generation says of its cost and its tokens holds, whatever was learnt before", () => {
  const before = { ...nothingObserved(), cost: "1", inputTokens: 1, outputTokens: 1 };
  const told = '{"total_cost":0.5,"native_tokens_prompt":2,"native_tokens_completion":3}';
  assert.deepEqual(seenOfGeneration(told, before), {
    cost: "0.5",
    inputTokens: 2,
    outputTokens: 3,
  });
});
