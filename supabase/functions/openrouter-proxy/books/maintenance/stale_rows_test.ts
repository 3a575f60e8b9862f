import assert from "node:assert/strict";
import { createStaleRows } from "./stale_rows.ts";
import type { Turn } from "./turn.ts";

/** The job, where so many rows end each time, in a turn that is over after so many times. */
async function ended(rows: number[], turnOverAfter = Infinity) {
  let asked = 0;
  const job = createStaleRows({ expireStaleRequests: () => Promise.resolve(rows[asked++]!) });
  const stopped = () => asked < turnOverAfter ? null : "budget";
  return { outcome: await job({ stopped } as unknown as Turn), asked };
}

Deno.test("rows whose gateway died end until there are none, also after a single one", async () => {
  assert.deepEqual(await ended([3, 1, 2, 0]), { outcome: { done: 6, left: 0 }, asked: 4 });
  assert.deepEqual(await ended([0]), { outcome: { done: 0, left: 0 }, asked: 1 });
});

Deno.test("nobody knows which rows are left to end when the turn is over", async () => {
  assert.deepEqual(await ended([3, 1, 2, 0], 2), { outcome: { done: 4, left: null }, asked: 2 });
});
