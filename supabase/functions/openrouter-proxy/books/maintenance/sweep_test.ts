import assert from "node:assert/strict";
import { fakeClock } from "../../testing/maintenance.ts";
import { createSweep } from "./sweep.ts";

Deno.test("an isolate sweeps and tries alerts once a minute at most, or when the clock was set back, and a sweep that fails is nobody's concern", async () => {
  const clock = fakeClock();
  const waiting: Promise<unknown>[] = [];
  let sweeps = 0;
  let alerted = 0;
  const sweep = createSweep({
    store: {
      expireStaleRequests() {
        sweeps++;
        return Promise.reject(new Error("the store is away"));
      },
    },
    alerts: { soon: () => alerted++ },
    now: clock.now,
    waitUntil: (promise) => waiting.push(promise),
  });
  for (
    const [passMs, expected] of [[0, 1], [0, 1], [59_999, 1], [1, 2], [10, 2], [-99_999, 3], [
      59_999,
      3,
    ]] as const
  ) {
    clock.pass(passMs);
    sweep();
    assert.deepEqual([sweeps, alerted], [expected, expected]);
  }
  await Promise.all(waiting);
  assert.equal(waiting.length, 3);
});
