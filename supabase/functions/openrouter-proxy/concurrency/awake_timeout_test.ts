import assert from "node:assert/strict";
import { awakeTimeout } from "./awake_timeout.ts";

/** Runs a test on timers, of which some are taken back, and a clock of its own. */
function withTimers(
  test: (given: {
    timers: { run: () => void; ms: number }[];
    takenBack: unknown[];
    at: (ms: number) => void;
  }) => void,
) {
  const { setTimeout, clearTimeout } = globalThis;
  const takenBack: unknown[] = [];
  const { now } = performance;
  const timers: { run: () => void; ms: number }[] = [];
  let nowMs = 0;
  globalThis.setTimeout =
    ((run: () => void, ms: number) => timers.push({ run, ms })) as unknown as typeof setTimeout;
  globalThis.clearTimeout = (timer) => void takenBack.push(timer);
  performance.now = () => nowMs;
  try {
    test({ timers, takenBack, at: (ms) => nowMs = ms });
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = now;
  }
}

Deno.test("awakeTimeout runs in time, and a little late", () => {
  for (const ms of [5_000, 5_999]) {
    withTimers(({ timers, at }) => {
      let runs = 0;
      awakeTimeout(() => runs++, 5_000);
      at(ms);
      timers[0]!.run();
      assert.deepEqual([runs, timers.length, timers[0]!.ms], [1, 1, 5_000]);
    });
  }
});

Deno.test("awakeTimeout waits for another second where it is very late", () => {
  withTimers(({ timers, at }) => {
    let runs = 0;
    awakeTimeout(() => runs++, 5_000);
    at(6_000);
    timers[0]!.run();
    assert.deepEqual([runs, timers[1]?.ms], [0, 1_000]);
    at(90_000);
    timers[1]!.run();
    assert.equal(runs, 1);
  });
});

Deno.test("awakeTimeout that is taken back leaves no timer, late or not", () => {
  withTimers(({ timers, takenBack, at }) => {
    const takeBack = awakeTimeout(() => assert.fail("it ran"), 5_000);
    takeBack();
    assert.deepEqual(takenBack, [1]);
    at(6_000);
    timers[0]!.run();
    takeBack();
    assert.deepEqual([timers.length, takenBack], [2, [1, 2]]);
  });
});
