import assert from "node:assert/strict";
import { failuresOf, reportLines, unfinishedIn } from "./maintenance_client.ts";

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

Deno.test("what a job passed over is told beside what it did, and is a failure of the run", () => {
  const failed = "passed over 1, the first because of this: OpenRouter answered with status 403";
  const jobs = { comparison: { done: 3, left: 1, failed, ms: 5 }, alerts: { failed: "x", ms: 7 } };
  const run = { ran: true, ms: 12, drifts: [], jobs };
  assert.deepEqual(reportLines(run), [
    `comparison: 3 done, 1 left, ${failed} (5 ms)`,
    "alerts: failed after 7 ms: x",
  ]);
  assert.deepEqual(failuresOf(run), [`comparison: ${failed}`, "alerts: x"]);
});
