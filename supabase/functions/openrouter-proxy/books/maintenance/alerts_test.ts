import assert from "node:assert/strict";
import { fakeClock, turnOf } from "../../testing/maintenance.ts";
import { createAlerts } from "./alerts.ts";

Deno.test("all alerts that are due are delivered within the job's turn, and it says how many it was", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock, 1_000);
  const job = createAlerts({
    deliver(most, isOver) {
      assert.equal(most, Infinity);
      assert.equal(isOver(), false);
      clock.pass(1_000);
      assert.equal(isOver(), true);
      return Promise.resolve({ done: 3, failed: 1, left: 2 });
    },
  });
  assert.deepEqual(await job(turn), { done: 3, left: 2, details: { failed: 1 } });
});
