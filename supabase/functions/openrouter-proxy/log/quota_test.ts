import assert from "node:assert/strict";
import { Quota } from "./quota.ts";

Deno.test("a line counts for ten and a half seconds, each by itself", () => {
  let nowMs = 0;
  const quota = new Quota(() => nowMs);
  assert.equal(quota.used(), 0);
  quota.spend();
  nowMs = 4_000;
  quota.spend();
  nowMs = 4_001;
  quota.spend();
  const used = [10_499, 10_500, 14_499, 14_500, 14_501].map((ms) => {
    nowMs = ms;
    return quota.used();
  });
  assert.deepEqual(used, [3, 2, 2, 1, 0]);
});
