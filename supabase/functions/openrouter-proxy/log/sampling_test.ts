import assert from "node:assert/strict";
import { oneIn } from "./sampling.ts";

/** Asks at this instant for so many events, each of which stands alone. @returns what was said last */
function asked(times: number, sample: (count: number) => boolean, count = 1): boolean {
  let isPrinted = false;
  for (let n = 0; n < times; n++) isPrinted = sample(count);
  return isPrinted;
}

Deno.test("as many events share a line as the window before had too many", () => {
  let nowMs = 0;
  const sample = oneIn(2, 2, () => nowMs);
  assert.deepEqual([sample(1), sample(2)], [false, true]);
  asked(8, sample);
  // Ten events in two lines.
  nowMs = 10_500;
  assert.deepEqual([sample(4), sample(5)], [false, true]);
  asked(3, sample);
  // Five, those among them that the window began with, of which two lines hold three at most.
  nowMs = 21_000;
  assert.deepEqual([sample(2), sample(3)], [false, true]);
  // Two: one in two is what was asked for.
  nowMs = 31_500;
  assert.deepEqual([sample(1), sample(2)], [false, true]);
});

Deno.test("after a window without events, none is known of", () => {
  let nowMs = 0;
  const sample = oneIn(1, 1, () => nowMs);
  asked(10, sample);
  nowMs = 20_999;
  assert.equal(sample(9), false);
  asked(9, sample);
  nowMs += 21_000;
  assert.equal(sample(1), true);
});

Deno.test("within a window, the share stays as it began", () => {
  let nowMs = 0;
  const sample = oneIn(1, 1, () => nowMs);
  asked(10, sample);
  nowMs = 10_499;
  assert.equal(sample(1), true);
});
