import assert from "node:assert/strict";
import { nothingObserved } from "../metering/usage.ts";
import { knownUsage } from "./known_usage.ts";

Deno.test("a part is never above its whole, and stays where its whole is not known", () => {
  const parts = (inputTokens: number | null, outputTokens: number | null) => {
    const part = { cachedTokens: 5, reasoningTokens: 7 };
    const known = knownUsage({ ...nothingObserved(), inputTokens, outputTokens, ...part }, "1");
    return [known.cachedTokens, known.reasoningTokens];
  };
  assert.deepEqual(parts(4, 100), [4, 7]);
  assert.deepEqual(parts(100, 6), [5, 6]);
  assert.deepEqual(parts(0, 0), [0, 0]);
  assert.deepEqual(parts(null, null), [5, 7]);
  const { cachedTokens } = knownUsage({ ...nothingObserved(), inputTokens: 3 }, "1");
  assert.equal(cachedTokens, null);
});
