import assert from "node:assert/strict";
import { awakeTimeout } from "./awake_timeout.ts";

/** Runs a test on timers and a clock of its own. */
function withTimers(
  test: (given: { timers: { run: () => void; ms: number }[]; at: (ms: number) => void }) => void,
) {
  const { setTimeout } = globalThis;
  const { now } = performance;
  const timers: { run: () => void; ms: number }[] = [];
  let nowMs = 0;
  globalThis.setTimeout =
    ((run: () => void, ms: number) => timers.push({ run, ms })) as unknown as typeof setTimeout;
  performance.now = () => nowMs;
  try {
    test({ timers, at: (ms) => nowMs = ms });
  } finally {
    globalThis.setTimeout = setTimeout;
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

Deno.test("awakeTimeout that is taken back leaves no timer", () => {
  // Deno's sanitizer would find it.
  awakeTimeout(() => assert.fail("it ran"), 60_000)();
});
