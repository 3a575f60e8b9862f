import assert from "node:assert/strict";
import { createPurges } from "./purges.ts";
import type { Turn } from "./turn.ts";

/** The job, where each purge forgets so many, in a turn that is over after so many purges. */
async function purged(forgotten: number[], turnOverAfter = Infinity) {
  let purges = 0;
  const job = createPurges({ purge: () => Promise.resolve(forgotten[purges++]!) });
  const stopped = () => purges < turnOverAfter ? null : "budget";
  return { outcome: await job({ stopped } as unknown as Turn), purges };
}

Deno.test("what has expired is forgotten until there is nothing left to forget", async () => {
  assert.deepEqual(await purged([3, 2, 0]), { outcome: { done: 5, left: 0 }, purges: 3 });
  assert.deepEqual(await purged([0]), { outcome: { done: 0, left: 0 }, purges: 1 });
});

Deno.test("nobody knows what is left to forget when the turn is over", async () => {
  assert.deepEqual(await purged([3, 2, 0], 2), { outcome: { done: 5, left: null }, purges: 2 });
});
