import assert from "node:assert/strict";
import { isWithin } from "./is_within.ts";

for (
  const [at, expected] of [
    [-Infinity, false],
    [900, false],
    [901, true],
    [1_000, true],
    [1_001, false],
  ] as const
) {
  Deno.test(`${at} ${expected ? "is" : "is not"} within 100 ms of 1000`, () => {
    assert.equal(isWithin(100, at, 1_000), expected);
  });
}
