import assert from "node:assert/strict";
import { retryAfterMs } from "./retry_after.ts";

const NOW = Date.parse("2026-11-22T10:00:00Z");

const CASES: [value: string | null, ms: number | null][] = [
  [null, null],
  ["0", 0],
  ["3", 3_000],
  ["120", 120_000],
  ["Sun, 22 Nov 2026 10:00:05 GMT", 5_000],
  ["22 Nov 2026 10:00:05 GMT", 5_000],
  ["Sun, 22 Nov 2026 09:59:55 GMT", 0],
  ["", null],
  ["soon", null],
  ["-", null],
  ["-5", 0],
];

for (const [value, ms] of CASES) {
  Deno.test(`Retry-After: ${value} is ${ms} ms`, () => {
    assert.equal(retryAfterMs(value, NOW), ms);
  });
}
