import assert from "node:assert/strict";
import { untilNothingIsLeft } from "./job.ts";
import type { Turn } from "./turn.ts";

/** The job, whose steps put so many things right, in a turn that is over after so many steps. */
async function done(each: number[], turnOverAfter = Infinity) {
  let steps = 0;
  const job = untilNothingIsLeft(() => Promise.resolve(each[steps++]!));
  const stopped = () => steps < turnOverAfter ? null : "budget";
  return { outcome: await job({ stopped } as unknown as Turn), steps };
}

Deno.test("a job goes on until there is nothing left, also after a single thing", async () => {
  assert.deepEqual(await done([3, 1, 2, 0]), { outcome: { done: 6, left: 0 }, steps: 4 });
  assert.deepEqual(await done([0]), { outcome: { done: 0, left: 0 }, steps: 1 });
});

Deno.test("nobody knows what is left when the turn is over", async () => {
  assert.deepEqual(await done([3, 1, 2, 0], 2), { outcome: { done: 4, left: null }, steps: 2 });
});
