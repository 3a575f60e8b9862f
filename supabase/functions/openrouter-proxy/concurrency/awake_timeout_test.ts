import assert from "node:assert/strict";
import { awakeTimeout } from "./awake_timeout.ts";

/** Runs a test on timers and a clock of its own. */
function withTimers(
  test: (given: {
    /** How long each timer that runs has been set for. */
    running: () => number[];
    /** The first of those that run is due, at this time. */
    ring: (nowMs: number) => void;
    at: (ms: number) => void;
  }) => void,
) {
  const { setTimeout, clearTimeout } = globalThis;
  const { now } = performance;
  const timers = new Map<number, { due: () => void; ms: number }>();
  let set = 0;
  let nowMs = 0;
  globalThis.setTimeout = ((due: () => void, ms: number) => {
    timers.set(++set, { due, ms });
    return set;
  }) as unknown as typeof setTimeout;
  globalThis.clearTimeout = (timer) => void timers.delete(timer as unknown as number);
  performance.now = () => nowMs;
  try {
    test({
      running: () => [...timers.values()].map(({ ms }) => ms),
      ring(ms) {
        nowMs = ms;
        const [timer, { due }] = timers.entries().next().value!;
        timers.delete(timer);
        due();
      },
      at: (ms) => nowMs = ms,
    });
    assert.deepEqual([...timers], [], "no timer is left");
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = now;
  }
}

for (const ms of [4_999.5, 5_000, 5_999]) {
  Deno.test(`awakeTimeout runs where its timer comes after ${ms} of 5000 ms`, () => {
    withTimers(({ running, ring }) => {
      let runs = 0;
      awakeTimeout(() => runs++, 5_000);
      assert.deepEqual(running(), [5_000]);
      ring(ms);
      assert.equal(runs, 1);
    });
  });
}

Deno.test("awakeTimeout waits for another second where it is very late", () => {
  withTimers(({ running, ring }) => {
    let runs = 0;
    awakeTimeout(() => runs++, 5_000);
    ring(6_000);
    assert.deepEqual([runs, running()], [0, [1_000]]);
    ring(90_000);
    assert.equal(runs, 1);
  });
});

Deno.test("awakeTimeout that is taken back leaves no timer, late or not", () => {
  for (const isLate of [false, true]) {
    withTimers(({ running, ring }) => {
      const takeBack = awakeTimeout(() => assert.fail("it ran"), 5_000);
      if (isLate) ring(6_000);
      assert.equal(running().length, 1);
      takeBack();
      assert.deepEqual(running(), []);
      takeBack();
    });
  }
});

Deno.test("awakeTimeouts of one length share a timer, and each runs when it is due", () => {
  withTimers(({ running, ring, at }) => {
    const ran: string[] = [];
    for (const [name, ms] of [["a", 0], ["b", 0], ["c", 700], ["d", 2_000]] as const) {
      at(ms);
      awakeTimeout(() => ran.push(name), 5_000);
    }
    assert.deepEqual(running(), [5_000]);
    ring(5_000);
    assert.deepEqual([ran, running()], [["a", "b"], [700]]);
    ring(5_900);
    assert.deepEqual([ran, running()], [["a", "b", "c"], [1_100]]);
    ring(7_000);
    assert.deepEqual(ran, ["a", "b", "c", "d"]);
  });
});

Deno.test("awakeTimeouts of other lengths have timers of their own", () => {
  withTimers(({ running, ring }) => {
    const ran: number[] = [];
    for (const ms of [5_000, 1_000]) awakeTimeout(() => ran.push(ms), ms);
    assert.deepEqual(running(), [5_000, 1_000]);
    ring(5_000);
    assert.deepEqual([ran, running()], [[5_000], [1_000]]);
    ring(5_001);
    assert.deepEqual([ran, running()], [[5_000], [1_000]], "that one is late by then");
    ring(6_001);
    assert.deepEqual(ran, [5_000, 1_000]);
  });
});

Deno.test("an awakeTimeout finds the timer of its length while anybody waits, and is due in its time", () => {
  withTimers(({ running, ring, at }) => {
    const ran: string[] = [];
    const takeBack = awakeTimeout(() => assert.fail("it ran"), 60_000);
    awakeTimeout(() => assert.fail("it ran"), 5_000)();
    assert.deepEqual(running(), [60_000, 5_000], "the timer stays, for whoever is next");
    at(2_000);
    awakeTimeout(() => ran.push("next"), 5_000);
    assert.deepEqual(running(), [60_000, 5_000]);
    at(3_000);
    takeBack();
    assert.deepEqual(running(), [60_000, 5_000]);
    // The two come in any order; this is the one that was set first.
    ring(5_000);
    assert.deepEqual([ran, running()], [[], [5_000]]);
    ring(5_000);
    assert.deepEqual([ran, running()], [[], [2_000]]);
    ring(7_000);
    assert.deepEqual(ran, ["next"]);
  });
});

Deno.test("the last that runs leaves no timer of another length", () => {
  withTimers(({ running, ring }) => {
    awakeTimeout(() => {}, 5_000);
    awakeTimeout(() => assert.fail("it ran"), 60_000)();
    assert.deepEqual(running(), [5_000, 60_000]);
    ring(5_000);
    assert.deepEqual(running(), []);
  });
});

Deno.test("an awakeTimeout that others are taken back before is still due in its time", () => {
  withTimers(({ running, ring, at }) => {
    const ran: string[] = [];
    const takeBack = awakeTimeout(() => ran.push("first"), 5_000);
    at(3_000);
    awakeTimeout(() => ran.push("second"), 5_000);
    takeBack();
    takeBack();
    assert.deepEqual(running(), [5_000], "the timer stays, for whoever is next");
    ring(5_000);
    assert.deepEqual([ran, running()], [[], [3_000]]);
    ring(8_000);
    assert.deepEqual(ran, ["second"]);
  });
});

Deno.test("what runs may wait anew, and take others back that have not run", () => {
  withTimers(({ running, ring, at }) => {
    const ran: string[] = [];
    let takeBack = () => {};
    awakeTimeout(() => {
      ran.push("first");
      awakeTimeout(() => ran.push("anew"), 5_000);
      takeBack();
    }, 5_000);
    at(10);
    takeBack = awakeTimeout(() => ran.push("second"), 5_000);
    ring(5_000);
    assert.deepEqual([ran, running()], [["first"], [10]]);
    ring(5_010);
    assert.deepEqual(running(), [4_990]);
    ring(10_000);
    assert.deepEqual(ran, ["first", "anew"]);
  });
});

Deno.test("what is taken back by what runs with it does not run", () => {
  withTimers(({ ring }) => {
    let takeBack = () => {};
    awakeTimeout(() => takeBack(), 5_000);
    takeBack = awakeTimeout(() => assert.fail("it ran"), 5_000);
    ring(5_000);
  });
});

Deno.test("after a standstill each that is late has its second, and whoever is not is due in time", () => {
  withTimers(({ running, ring, at }) => {
    const ran: string[] = [];
    awakeTimeout(() => ran.push("a"), 5_000);
    at(4_000);
    awakeTimeout(() => ran.push("b"), 5_000);
    at(55_500);
    awakeTimeout(() => ran.push("c"), 5_000);
    ring(60_000);
    assert.deepEqual([ran, running()], [[], [500]]);
    ring(60_500);
    assert.deepEqual([ran, running()], [["c"], [500]]);
    ring(61_000);
    assert.deepEqual(ran, ["c", "a", "b"]);
  });
});

Deno.test("a second standstill takes nobody's second from who became due over it", () => {
  withTimers(({ running, ring, at }) => {
    const ran: string[] = [];
    awakeTimeout(() => ran.push("a"), 5_000);
    at(3_500);
    awakeTimeout(() => ran.push("b"), 5_000);
    ring(7_000);
    assert.deepEqual([ran, running()], [[], [1_000]]);
    ring(60_000);
    assert.deepEqual([ran, running()], [["a"], [1_000]]);
    ring(61_000);
    assert.deepEqual(ran, ["a", "b"]);
  });
});

Deno.test("one that waits out its second is passed by none that is late after it", () => {
  withTimers(({ running, ring, at }) => {
    const ran: string[] = [];
    const takeBack = awakeTimeout(() => ran.push("a"), 5_000);
    at(10);
    awakeTimeout(() => ran.push("b"), 5_000);
    ring(60_000);
    takeBack();
    assert.deepEqual([ran, running()], [[], [1_000]]);
    ring(60_999.5);
    assert.deepEqual([ran, running()], [[], [0.5]], "the timer was of another one, and early");
    ring(61_000);
    assert.deepEqual(ran, ["b"]);
  });
});
