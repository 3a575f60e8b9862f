import assert from "node:assert/strict";
import { StoreUnavailable } from "../../store/rpc.ts";
import { fakeClock, keyThatIs, refusedWith, turnOf } from "../../testing/maintenance.ts";
import { createTurn, inParallel, TurnIsOver } from "./turn.ts";

/** An attempt that fails with these, one after the other, and then succeeds. */
function failing(...errors: Error[]) {
  const attempts = { count: 0 };
  const attempt = () => {
    const error = errors[attempts.count++];
    return error === undefined ? Promise.resolve("answer") : Promise.reject(error);
  };
  return { attempts, attempt };
}

Deno.test("a turn waits for as long as OpenRouter asks after a 429", async () => {
  const clock = fakeClock();
  const { attempt, attempts } = failing(refusedWith(429, "7"), refusedWith(429));
  assert.equal(await turnOf(clock).ask(attempt), "answer");
  assert.deepEqual([attempts.count, clock.waits], [3, [7_000, 5_000]]);
});

Deno.test("one answer of 429 makes all wait that are under way", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock);
  let asked = 0;
  await turn.ask(failing(refusedWith(429, "7")).attempt);
  const after = clock.now();
  await turn.ask(() => Promise.resolve(asked++));
  assert.deepEqual([asked, clock.now()], [1, after]);
  const busy = turn.ask(failing(refusedWith(429, "9")).attempt);
  await Promise.resolve();
  await turn.ask(() => Promise.resolve());
  assert.equal(clock.now(), after + 9_000);
  await busy;
});

for (const seconds of ["60", "61"]) {
  Deno.test(`a turn of a minute ends where OpenRouter asks to wait for ${seconds} s`, async () => {
    const clock = fakeClock();
    const turn = turnOf(clock);
    await assert.rejects(turn.ask(failing(refusedWith(429, seconds)).attempt), TurnIsOver);
    assert.equal(turn.stopped(), "openrouter_is_busy");
    assert.deepEqual(clock.waits, []);
    await assert.rejects(turn.ask(() => assert.fail("asked in a turn that is over")), TurnIsOver);
  });
}

Deno.test("of two waits that OpenRouter asks for the longer one holds", async () => {
  const sleeps: number[] = [];
  let nowMs = 0;
  const turn = createTurn({
    now: () => nowMs,
    async sleep(ms) {
      sleeps.push(nowMs + ms);
      const untilMs = nowMs + ms;
      await Promise.resolve();
      nowMs = Math.max(nowMs, untilMs);
    },
    ...keyThatIs("accepted"),
  }, 60_000);
  await Promise.all([
    turn.ask(failing(refusedWith(429, "9")).attempt),
    turn.ask(failing(refusedWith(429, "2")).attempt),
  ]);
  assert.deepEqual(sleeps, [9_000, 9_000]);
});

Deno.test("a turn waits for as long as OpenRouter asks when it is down, too", async () => {
  const clock = fakeClock();
  await turnOf(clock).ask(failing(refusedWith(503, "7"), refusedWith(503)).attempt);
  assert.deepEqual(clock.waits, [7_000, 2_000]);
});

Deno.test("OpenRouter is down where each of its failures asks to wait", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock);
  const { attempt, attempts } = failing(...Array.from({ length: 9 }, () => refusedWith(503, "1")));
  await assert.rejects(turn.ask(attempt), TurnIsOver);
  assert.deepEqual([attempts.count, turn.stopped()], [4, "openrouter_is_down"]);
});

Deno.test("what always fails and asks to wait is alone with that where others are answered", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock);
  const down = refusedWith(503, "1");
  const one = turn.ask(failing(...Array.from({ length: 9 }, () => down)).attempt);
  assert.equal(await turn.ask(() => Promise.resolve("answer")), "answer");
  await assert.rejects(one, down);
  assert.equal(turn.stopped(), null);
});

for (const retryAfter of ["0", "Thu, 01 Jan 1970 00:00:00 GMT"]) {
  Deno.test(`a turn waits where OpenRouter asks it to come back at once: ${retryAfter}`, async () => {
    const clock = fakeClock();
    const turn = turnOf(clock);
    await turn.ask(failing(refusedWith(429, retryAfter)).attempt);
    assert.deepEqual(clock.waits, [5_000]);
    const { attempt, attempts } = failing(
      ...Array.from({ length: 9 }, () => refusedWith(503, retryAfter)),
    );
    await assert.rejects(turn.ask(attempt), TurnIsOver);
    assert.deepEqual([attempts.count, turn.stopped()], [4, "openrouter_is_down"]);
  });
}

for (const status of [null, 408, 500, 503]) {
  Deno.test(`a turn ends where OpenRouter is down (${status}), after some patience`, async () => {
    const clock = fakeClock();
    const turn = turnOf(clock);
    const patient = failing(refusedWith(status), refusedWith(status), refusedWith(status));
    assert.equal(await turn.ask(patient.attempt), "answer");
    assert.deepEqual(clock.waits, [1_000, 2_000, 4_000]);
    const { attempt, attempts } = failing(...Array.from({ length: 9 }, () => refusedWith(status)));
    await assert.rejects(turn.ask(attempt), TurnIsOver);
    assert.deepEqual([attempts.count, turn.stopped()], [4, "openrouter_is_down"]);
  });
}

Deno.test("OpenRouter is busy, not down, where it says so after it was down", async () => {
  const clock = fakeClock();
  const down = [refusedWith(500), refusedWith(null), refusedWith(503)];
  const { attempt, attempts } = failing(...down, refusedWith(429), refusedWith(429, "3"));
  assert.equal(await turnOf(clock).ask(attempt), "answer");
  assert.deepEqual([attempts.count, clock.waits], [6, [1_000, 2_000, 4_000, 5_000, 3_000]]);
});

Deno.test("OpenRouter is down where it answers in between that it is busy, and never more", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock);
  const [busy, down] = [refusedWith(429, "1"), refusedWith(500)];
  const { attempt, attempts } = failing(down, busy, down, busy, down, busy, down, busy);
  await assert.rejects(turn.ask(attempt), TurnIsOver);
  assert.deepEqual([attempts.count, turn.stopped()], [7, "openrouter_is_down"]);
});

Deno.test("who waits goes on waiting where OpenRouter asks for more meanwhile", async () => {
  let nowMs = 0;
  const sleeps: { untilMs: number; wake: () => void }[] = [];
  const turn = createTurn({
    now: () => nowMs,
    sleep: (ms) => new Promise((wake) => sleeps.push({ untilMs: nowMs + ms, wake })),
    ...keyThatIs("accepted"),
  }, 60_000);
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  const { promise: slow, reject: refuse } = Promise.withResolvers<string>();
  const one = turn.ask(failing(refusedWith(429, "5")).attempt);
  const attempts = [() => slow, () => Promise.resolve("late")];
  const other = turn.ask(() => attempts.shift()!());
  await settled();
  // One has to wait until 5 s; then the other hears that it shall be 9 s from 3 s on.
  nowMs = 3_000;
  refuse(refusedWith(429, "9"));
  await settled();
  nowMs = 5_000;
  for (const { wake } of sleeps.splice(0)) wake();
  await settled();
  assert.deepEqual(sleeps.map(({ untilMs }) => untilMs), [12_000, 12_000]);
  nowMs = 12_000;
  for (const { wake } of sleeps.splice(0)) wake();
  assert.deepEqual(await Promise.all([one, other]), ["answer", "late"]);
});

Deno.test("a refusal is nothing to wait for", async () => {
  const clock = fakeClock();
  const refused = refusedWith(401);
  await assert.rejects(turnOf(clock).ask(failing(refused).attempt), refused);
  assert.deepEqual(clock.waits, []);
});

Deno.test("what fails for as long as a turn is patient is alone with that where others are answered", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock);
  const down = refusedWith(500);
  const { attempt, attempts } = failing(...Array.from({ length: 9 }, () => down));
  const one = turn.ask(attempt);
  assert.equal(await turn.ask(() => Promise.resolve("answer")), "answer");
  await assert.rejects(one, down);
  assert.deepEqual([attempts.count, turn.stopped()], [4, null]);
  assert.equal(await turn.ask(() => Promise.resolve("answer")), "answer");
});

for (
  const [what, error, keyState] of [
    ["OpenRouter refuses to tell of it", refusedWith(400), "refused"],
    ["OpenRouter refuses it, and takes the management key", refusedWith(403), "accepted"],
    ["OpenRouter fails at it alone", refusedWith(500), "unknown"],
    ["Postgres refuses it", new StoreUnavailable("22003", false, true), "refused"],
  ] as const
) {
  Deno.test(`one thing is passed over where ${what}`, async () => {
    const turn = turnOf(fakeClock(), 60_000, keyState);
    assert.equal(await turn.passOver({ did: "did:x:1" })(error), null);
    assert.deepEqual(turn.passedOver(), [{ subject: { did: "did:x:1" }, error }]);
  });
}

for (
  const [what, error, keyState] of [
    ["OpenRouter refuses the management key (401)", refusedWith(401), "refused"],
    ["OpenRouter refuses the management key (403)", refusedWith(403), "refused"],
    ["OpenRouter does not say whether it takes the key", refusedWith(401), "unknown"],
    ["Postgres is away", new StoreUnavailable("57P01", true), "accepted"],
    ["Postgres takes nothing", new StoreUnavailable("53100", false), "accepted"],
    ["the turn is over", new TurnIsOver(), "accepted"],
    ["there is a bug", new TypeError("a bug"), "accepted"],
  ] as const
) {
  Deno.test(`nothing is passed over where ${what}`, async () => {
    const turn = turnOf(fakeClock(), 60_000, keyState);
    await assert.rejects(turn.passOver({ did: "did:x:1" })(error), error);
    assert.deepEqual(turn.passedOver(), []);
  });
}

Deno.test("a turn is over when its time is", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock);
  assert.equal(turn.stopped(), null);
  clock.pass(60_000);
  assert.equal(turn.stopped(), "out_of_time");
  await assert.rejects(turn.ask(() => Promise.resolve()), TurnIsOver);
});

Deno.test("a turn asks as often as a worker's CPU time allows, and no more", async () => {
  const turn = turnOf(fakeClock());
  let asked = 0;
  const ask = () => turn.ask(() => Promise.resolve(++asked));
  while (asked < 2_000) await ask();
  await assert.rejects(ask(), TurnIsOver);
  assert.deepEqual([asked, turn.stopped()], [2_000, "enough_for_one_run"]);
});

Deno.test("what ended a turn first is told, whatever would have ended it later", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock);
  let asked = 0;
  while (asked < 2_000) await turn.ask(() => Promise.resolve(++asked));
  clock.pass(60_000);
  assert.equal(turn.stopped(), "out_of_time");
  await assert.rejects(turn.ask(() => Promise.resolve()), TurnIsOver);
  assert.equal(turn.stopped(), "out_of_time");
});

Deno.test("a turn that was over before OpenRouter was down for long is told as that", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock);
  let attempts = 0;
  const attempt = () => {
    if (++attempts === 4) clock.pass(60_000);
    if (attempts === 4) turn.stopped();
    return Promise.reject(refusedWith(500));
  };
  await assert.rejects(turn.ask(attempt), TurnIsOver);
  assert.deepEqual([attempts, turn.stopped()], [4, "out_of_time"]);
});

Deno.test("no more is under way at a time than may be, and all is done", async () => {
  const clock = fakeClock();
  let running = 0;
  let most = 0;
  const done: number[] = [];
  const finished = await inParallel([1, 2, 3, 4, 5, 6, 7], 3, turnOf(clock), async (item) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    done.push(item);
  });
  assert.deepEqual([finished, most, done.toSorted()], [7, 3, [1, 2, 3, 4, 5, 6, 7]]);
});

Deno.test("what TurnIsOver breaks off is no failure", async () => {
  const finished = await inParallel(
    [1, 2, 3],
    2,
    turnOf(fakeClock()),
    (item) => item === 2 ? Promise.reject(new TurnIsOver()) : Promise.resolve(),
  );
  assert.equal(finished, 2);
});

Deno.test("nothing is begun in a turn that is over, and what broke off does not count", async () => {
  const clock = fakeClock();
  const turn = turnOf(clock);
  const begun: number[] = [];
  const finished = await inParallel([1, 2, 3, 4], 1, turn, (item) => {
    begun.push(item);
    if (item === 2) clock.pass(60_000);
    if (item === 2) throw new TurnIsOver();
    return Promise.resolve();
  });
  assert.deepEqual([finished, begun], [1, [1, 2]]);
});

Deno.test("what fails stops the others, once they are done with what they have", async () => {
  const clock = fakeClock();
  const failure = new Error("the store is away");
  const ended: number[] = [];
  await assert.rejects(
    inParallel([1, 2, 3, 4], 2, turnOf(clock), async (item) => {
      if (item === 1) throw failure;
      await Promise.resolve();
      ended.push(item);
    }),
    failure,
  );
  assert.deepEqual(ended, [2]);
});

Deno.test("of several failures the first is told", async () => {
  const [first, second] = [new Error("first"), new Error("second")];
  const work = inParallel([1, 2], 2, turnOf(fakeClock()), (item) => {
    if (item === 2) return Promise.reject(first);
    return new Promise((_resolve, reject) => setTimeout(() => reject(second)));
  });
  await assert.rejects(work, first);
});
