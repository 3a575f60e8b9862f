import assert from "node:assert/strict";
import { unfinishedIn } from "./maintenance_client.ts";

Deno.test("a run that did nothing, or stopped before it was done, is not taken for a whole one", () => {
  const run = { ran: true, ms: 1, drifts: [] };
  assert.equal(unfinishedIn({ ...run, ran: false, jobs: {} }).length, 1);
  const done = { done: 1, left: 0, ms: 1 };
  assert.deepEqual(unfinishedIn({ ...run, jobs: { comparison: done } }), []);
  assert.deepEqual(
    unfinishedIn({
      ...run,
      jobs: { comparison: { ...done, left: 4, stopped: "openrouter_is_busy" } },
    }),
    ["comparison: openrouter is busy before it was done; run this again later"],
  );
});
