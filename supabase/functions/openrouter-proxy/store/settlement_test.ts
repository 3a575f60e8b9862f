import assert from "node:assert/strict";
import { settledOf, settlementMembers } from "./settlement.ts";

Deno.test("a settlement has all of a request's end", () => {
  assert.deepEqual(
    settlementMembers({
      requestId: "r",
      requestTime: "t",
      status: "failed",
      httpStatus: 502,
      errorMessage: "broke off",
      givenUp: true,
      generationId: "g",
      cost: "0.5",
      costSource: "generation",
      firstByteMs: 7,
      mayBeRepeated: true,
      model: "a/b",
      provider: "P",
      nativeFinishReason: "stop",
      inputTokens: 1,
      outputTokens: 2,
      cachedTokens: 3,
      reasoningTokens: 4,
      upstreamCost: "0.1",
      usdPerCredit: "1.5",
    }),
    {
      request_id: "r",
      request_time: "t",
      status: "failed",
      http_status: 502,
      error_message: "broke off",
      given_up: true,
      generation_id: "g",
      cost: "0.5",
      cost_source: "generation",
      first_byte_ms: 7,
      may_be_repeated: true,
      model: "a/b",
      provider: "P",
      native_finish_reason: "stop",
      input_tokens: 1,
      output_tokens: 2,
      cached_tokens: 3,
      reasoning_tokens: 4,
      upstream_cost: "0.1",
      usd_per_credit: "1.5",
    },
  );
});

Deno.test("what became of a settlement is told, an alert only where there is one", () => {
  const told = { settled: true, total_cost: "0.75", left_out: "model" };
  const settled = { settled: true, totalCostUsd: "0.75", leftOut: "model" };
  assert.deepEqual(settledOf({ ...told, alerted: true }), { ...settled, isAlerted: true });
  assert.deepEqual(settledOf(told), { ...settled, isAlerted: false });
});
