import assert from "node:assert/strict";
import { withClock } from "../../testing/with_clock.ts";
import { silenceWatch } from "./silence_watch.ts";

/** A watch that has started, and what it has said since it was last asked. */
function watched(idleTimeoutMs: number, isQuietPassed = true) {
  let said: string[] = [];
  const watch = silenceWatch(idleTimeoutMs, {
    onSilent: () => said.push("silent"),
    onStalled: () => said.push("stalled"),
    onQuiet: () => {
      said.push("quiet");
      return isQuietPassed;
    },
  });
  watch.start();
  return {
    watch,
    said() {
      const all = said;
      said = [];
      return all;
    },
  };
}

Deno.test("OpenRouter is silent from its limit on, counted from when it was to act", async () => {
  await withClock((pass) => {
    const { watch, said } = watched(40_000);
    pass(100_000);
    watch.hasPassed();
    watch.reading();
    pass(9_999);
    assert.deepEqual(said(), []);
    pass(30_000);
    assert.deepEqual(said(), ["quiet", "quiet", "quiet"]);
    pass(1);
    assert.deepEqual(said(), ["silent"]);
  });
});

Deno.test("time in which the process stood still is nobody's silence", async () => {
  await withClock((pass, _, freeze) => {
    const { watch, said } = watched(40_000);
    watch.reading();
    pass(5_000);
    freeze(3_600_000);
    assert.deepEqual(said(), []);
    // What came meanwhile is read now; where nothing came, OpenRouter has what was left of its time.
    pass(32_999);
    assert.ok(!said().includes("silent"));
    pass(1);
    assert.deepEqual(said(), ["silent"]);
  });
});

Deno.test("a standstill of half a silence is left out, of what the client waits for, too", async () => {
  await withClock((pass, _, freeze) => {
    const { watch, said } = watched(40_000);
    watch.reading();
    // Looked for after 2 s: the process stood still for 5 s.
    freeze(7_000);
    assert.deepEqual(said(), []);
    pass(37_999);
    assert.ok(!said().includes("silent"));
    pass(1);
    assert.deepEqual(said(), ["silent"]);
  });
});

Deno.test("who is to act since the end of a standstill has all of the time", async () => {
  await withClock((pass, _, freeze) => {
    const { watch, said } = watched(40_000);
    const { now } = performance;
    performance.now = () => now() + 20_000;
    watch.reading();
    freeze(0);
    pass(39_999);
    assert.ok(!said().includes("silent"));
    pass(1);
    assert.deepEqual(said(), ["silent"]);
  });
});

Deno.test("time before a watch starts is no standstill", async () => {
  await withClock((pass) => {
    const said: string[] = [];
    const watch = silenceWatch(40_000, {
      onSilent: () => said.push("silent"),
      onStalled: () => said.push("stalled"),
      onQuiet: () => false,
    });
    pass(20_000);
    watch.start();
    watch.reading();
    pass(39_999);
    assert.deepEqual(said, []);
    pass(1);
    assert.deepEqual(said, ["silent"]);
  });
});

Deno.test("a client stalls after an hour, counted from when it was to act", async () => {
  await withClock((pass) => {
    const { watch, said } = watched(40_000);
    pass(4_000);
    watch.reading();
    pass(4_000);
    watch.hasRead();
    pass(3_599_999);
    assert.deepEqual(said(), []);
    pass(1);
    assert.deepEqual(said(), ["stalled"]);
  });
});

for (const [idleTimeoutMs, silenceMs] of [[40_000, 10_000], [600_000, 15_000]] as const) {
  Deno.test(`a limit of ${idleTimeoutMs} ms has a quiet of ${silenceMs} ms told, by a fifth of that late at most`, async () => {
    await withClock((pass, intervalMs) => {
      const { watch, said } = watched(idleTimeoutMs);
      assert.equal(intervalMs(), silenceMs / 5);
      watch.reading();
      pass(silenceMs - 1);
      assert.deepEqual(said(), []);
      pass(1);
      assert.deepEqual(said(), ["quiet"]);
      // What it said broke the quiet, and so does what passes.
      pass(silenceMs - 1);
      watch.hasPassed();
      pass(silenceMs - 1);
      assert.deepEqual(said(), []);
      pass(1);
      assert.deepEqual(said(), ["quiet"]);
    });
  });
}

Deno.test("a quiet that nothing could break is told again at the next look", async () => {
  await withClock((pass) => {
    const { watch, said } = watched(40_000, false);
    watch.reading();
    pass(10_000);
    pass(2_000);
    assert.deepEqual(said(), ["quiet", "quiet"]);
  });
});

Deno.test("a watch that is stopped looks no more", async () => {
  await withClock((_, intervalMs) => {
    const { watch } = watched(40_000);
    watch.stop();
    assert.equal(intervalMs(), null);
  });
});
