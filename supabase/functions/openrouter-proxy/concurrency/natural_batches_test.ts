import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { naturalBatches } from "./natural_batches.ts";

class Refused extends Error {}

/** Calls that a test answers one by one. */
function callsInHand() {
  const begun: string[][] = [];
  const ends: { answer: (missing?: string[]) => void; fail: (error: Error) => void }[] = [];

  function begin(items: string[]): Promise<ReadonlyMap<string, string>> {
    begun.push(items);
    return new Promise((resolve, reject) => {
      ends.push({
        answer: (missing = []) =>
          resolve(
            new Map(
              items.filter((item) => !missing.includes(item)).map((
                item,
              ) => [item, `${item} of ${items.length}`]),
            ),
          ),
        fail: reject,
      });
    });
  }

  return {
    begun,
    ends,
    calls: {
      one: async (item: string) => (await begin([item])).get(item)!,
      many: begin,
      keyOf: (item: string) => item.split("/")[0]!,
      ownerOf: (item: string) => item[0]!,
      mayPassAlone: (error: unknown) => error instanceof Refused,
    },
  };
}

const LIMITS = { atOnce: 3, aloneAtOnce: 2, patienceMs: 2 ** 31 - 1, gatherMs: null };

const { setTimeout, clearTimeout } = globalThis;

/** Lets whatever is ready to go on do so, and what waits for that. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise((resolve) => setImmediate(resolve));
}

/** Runs a test of who waits for calls under way, which says when patience ends. */
async function withPatience(
  test: (patience: {
    /** How long each of the timers that run is to last. */
    running: () => unknown[];
    /** Lets those that run run out. */
    end: () => Promise<unknown>;
  }) => Promise<void>,
) {
  const timers = new Map<number, { run: () => void; ms: unknown }>();
  let set = 0;
  globalThis.setTimeout = ((run: () => void, ms: unknown) => {
    timers.set(++set, { run, ms });
    return set;
  }) as unknown as typeof setTimeout;
  globalThis.clearTimeout = (timer) => void timers.delete(Number(timer));
  try {
    await test({
      running: () => [...timers.values()].map(({ ms }) => ms),
      end() {
        const due = [...timers.values()];
        timers.clear();
        for (const { run } of due) run();
        return turn();
      },
    });
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}

Deno.test("naturalBatches asks for one item at once, alone", async () => {
  const { begun, ends, calls } = callsInHand();
  const answer = naturalBatches(calls, LIMITS).ask("a");
  assert.deepEqual(begun, [["a"]]);
  ends[0]!.answer();
  assert.equal(await answer, "a of 1");
});

Deno.test("naturalBatches sends what came meanwhile together, in its order, so many at once", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, LIMITS);
  const answers = ["a", "b", "c", "d", "e"].map(ask);
  assert.deepEqual(begun, [["a"]]);
  ends[0]!.answer();
  await turn();
  assert.deepEqual(begun, [["a"], ["b", "c", "d"]]);
  ends[1]!.answer();
  await turn();
  assert.deepEqual(begun, [["a"], ["b", "c", "d"], ["e"]]);
  ends[2]!.answer();
  assert.deepEqual(await Promise.all(answers), ["a of 1", "b of 3", "c of 3", "d of 3", "e of 1"]);
});

Deno.test("after a call for several, what comes in one turn of the event loop goes together", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, LIMITS);
  const answers = ["a", "b", "c"].map(ask);
  ends[0]!.answer();
  await turn();
  ends[1]!.answer();
  await turn();
  assert.deepEqual(begun, [["a"], ["b", "c"]]);

  answers.push(...["d", "e"].map(ask));
  assert.equal(begun.length, 2);
  await turn();
  assert.deepEqual(begun[2], ["d", "e"]);
  // Those that wait when it returns go with what comes in the same turn.
  answers.push(ask("f"));
  ends[2]!.answer();
  await answers[4];
  answers.push(ask("g"));
  await turn();
  assert.deepEqual(begun[3], ["f", "g"]);
  ends[3]!.answer();
  await turn();

  answers.push(ask("h"));
  await turn();
  assert.deepEqual(begun[4], ["h"]);
  ends[4]!.answer();
  await turn();
  // After a call for one, nothing waits.
  answers.push(ask("i"));
  assert.deepEqual(begun[5], ["i"]);
  ends[5]!.answer();
  assert.deepEqual(
    (await Promise.all(answers)).map((answer) => answer.at(-1)),
    ["1", "2", "2", "2", "2", "2", "2", "1", "1"],
  );
});

const GATHERING = { ...LIMITS, gatherMs: 7 };

Deno.test("what nobody waits for gathers, from the first of those that go together on", async () => {
  await withPatience(async ({ running, end }) => {
    const { begun, ends, calls } = callsInHand();
    const { ask } = naturalBatches(calls, GATHERING);
    const answers = ["a", "b"].map(ask);
    await turn();
    assert.deepEqual([begun, running()], [[], [7]]);
    await end();
    assert.deepEqual([begun, running()], [[["a", "b"]], []]);

    // Those that wait when it returns do so, too.
    const { patienceMs } = LIMITS;
    answers.push(ask("c"));
    assert.deepEqual(running(), [patienceMs]);
    ends[0]!.answer();
    await turn();
    assert.deepEqual([begun.length, running()], [1, [patienceMs, 7]]);
    answers.push(ask("d"));
    await end();
    assert.deepEqual(begun[1], ["c", "d"]);
    ends[1]!.answer();
    answers.push(ask("e"));
    await turn();
    await end();
    ends[2]!.answer();
    assert.deepEqual(
      (await Promise.all(answers)).map((answer) => answer.at(-1)),
      ["2", "2", "2", "2", "1"],
    );
  });
});

Deno.test("what gathers goes as soon as a call is full", async () => {
  await withPatience(async ({ running }) => {
    const { begun, ends, calls } = callsInHand();
    const { ask } = naturalBatches(calls, GATHERING);
    for (const item of ["a", "b"]) ask(item);
    assert.deepEqual([begun, running()], [[], [7]]);
    for (const item of ["c", "d", "e", "f"]) ask(item);
    assert.deepEqual(running(), []);
    await turn();
    assert.deepEqual(begun, [["a", "b", "c"]]);
    // As many as go together wait when it returns.
    ends[0]!.answer();
    await turn();
    assert.deepEqual(begun[1], ["d", "e", "f"]);
    assert.ok(!running().includes(7));
  });
});

Deno.test("what gathers goes when somebody waits for it", async () => {
  await withPatience(async ({ running }) => {
    const { begun, ends, calls } = callsInHand();
    const { ask, hurry } = naturalBatches(calls, GATHERING);
    ask("a");
    hurry();
    assert.deepEqual([begun, running()], [[], []]);
    // What it is about may be asked for a little later.
    await Promise.resolve();
    ask("b");
    await turn();
    assert.deepEqual(begun, [["a", "b"]]);
    // What gathers after that does so as before.
    ends[0]!.answer();
    await turn();
    ask("c");
    await turn();
    assert.deepEqual([begun.length, running()], [1, [7]]);
  });
});

Deno.test("what comes next goes in its turn of the event loop when somebody waits for it", async () => {
  await withPatience(async ({ running }) => {
    const { begun, ends, calls } = callsInHand();
    const { ask, hurry } = naturalBatches(calls, GATHERING);
    hurry();
    ask("a");
    ask("b");
    assert.deepEqual([begun, running()], [[], []]);
    await turn();
    assert.deepEqual(begun, [["a", "b"]]);

    // While a call is under way, it is what goes next.
    ask("c");
    hurry();
    ends[0]!.answer();
    await turn();
    assert.deepEqual(begun[1], ["c"]);
    assert.ok(!running().includes(7));
  });
});

Deno.test("all go that waited when somebody did, however many calls it takes", async () => {
  await withPatience(async ({ running }) => {
    const { begun, ends, calls } = callsInHand();
    const { ask, hurry } = naturalBatches(calls, GATHERING);
    for (const item of ["a", "b", "c"]) ask(item);
    await turn();
    assert.deepEqual(begun, [["a", "b", "c"]]);
    for (const item of ["d", "e", "f", "g"]) ask(item);
    hurry();
    for (const { answer } of ends.splice(0)) answer();
    await turn();
    for (const { answer } of ends.splice(0)) answer();
    await turn();
    assert.deepEqual(begun.slice(1), [["d", "e", "f"], ["g"]]);
    assert.ok(!running().includes(7));
  });
});

Deno.test("a hurry is nothing to what does not gather", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask, hurry } = naturalBatches(calls, LIMITS);
  hurry();
  for (const item of ["a", "b"]) ask(item);
  hurry();
  assert.deepEqual(begun, [["a"]]);
  ends[0]!.answer();
  await turn();
  assert.deepEqual(begun[1], ["b"]);
});

Deno.test("naturalBatches never sends two items of one key together", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, LIMITS);
  const answers = ["a", "b/1", "b/2", "c"].map(ask);
  ends[0]!.answer();
  await turn();
  assert.deepEqual(begun[1], ["b/1", "c"]);
  // Answers are found by key.
  answers.forEach((answer) => answer.catch(() => {}));
  ends[1]!.fail(new Error("over"));
  await turn();
  assert.deepEqual(begun[2], ["b/2"]);
  ends[2]!.answer();
  assert.equal(await answers[2], "b/2 of 1");
});

Deno.test("naturalBatches asks alone for what a call for several left out", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, LIMITS);
  const [, b, c] = ["a", "b", "c"].map(ask);
  ends[0]!.answer();
  await turn();
  ends[1]!.answer(["b"]);
  assert.equal(await c, "c of 2");
  await turn();
  assert.deepEqual(begun[2], ["b"]);
  ends[2]!.answer();
  assert.equal(await b, "b of 1");
});

Deno.test("naturalBatches asks alone for each of those whose call did nothing", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, LIMITS);
  const [, b, c] = ["a", "b", "c"].map(ask);
  ends[0]!.answer();
  await turn();
  ends[1]!.fail(new Refused());
  await turn();
  assert.deepEqual(begun.slice(2), [["b"], ["c"]]);
  ends[2]!.fail(new Refused());
  ends[3]!.answer();
  await assert.rejects(b!, Refused);
  assert.equal(await c, "c of 1");
});

Deno.test("naturalBatches lets owners take turns: however much one asks for, another's goes next", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, LIMITS);
  const flood = Array.from({ length: 9 }, (_, n) => `f${n}`);
  for (const item of [...flood, "q"]) ask(item).catch(() => {});
  ends[0]!.answer();
  await turn();
  assert.deepEqual(begun[1], ["f1", "q", "f2"]);
  ends[1]!.answer();
  await turn();
  assert.deepEqual(begun[2], ["f3", "f4", "f5"]);
  ends[2]!.answer();
  await turn();
  assert.deepEqual(begun[3], ["f6", "f7", "f8"]);
});

Deno.test("naturalBatches asks alone for so many at once, of owners in turns, and holds up no other calls", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, LIMITS);
  for (const item of ["a", "f1", "f2", "f3", "f4", "q1", "q2"]) ask(item).catch(() => {});
  ends[0]!.answer();
  await turn();
  assert.deepEqual(begun[1], ["f1", "q1", "f2"]);
  ends[1]!.answer(["f1", "q1", "f2"]);
  await turn();
  assert.deepEqual(begun.slice(2), [["f1"], ["q1"], ["q2", "f3", "f4"]]);
  ends[4]!.answer(["q2", "f3", "f4"]);
  await turn();
  assert.equal(begun.length, 5);
  ends[2]!.fail(new Error("over"));
  ends[3]!.answer();
  await turn();
  assert.deepEqual(begun.slice(5), [["f2"], ["q2"]]);
});

Deno.test("naturalBatches lets owners take turns in being asked for alone", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, LIMITS);
  for (const item of ["a", "f1", "f2", "f3", "f4", "q1"]) ask(item).catch(() => {});
  ends[0]!.answer();
  await turn();
  assert.deepEqual(begun[1], ["f1", "q1", "f2"]);
  ends[1]!.answer(["f1", "q1", "f2"]);
  await turn();
  assert.deepEqual(begun.slice(2), [["f1"], ["q1"], ["f3", "f4"]]);
  for (const item of ["f5", "q2"]) ask(item).catch(() => {});
  ends[4]!.answer(["f3", "f4"]);
  await turn();
  assert.deepEqual(begun[5], ["f5", "q2"]);
  ends[5]!.answer(["f5", "q2"]);
  await turn();
  for (const n of [2, 3]) ends[n]!.answer();
  await turn();
  // Of f2, f3, f4, f5 and q2, who came last.
  assert.deepEqual(begun.slice(6), [["f2"], ["q2"]]);
});

Deno.test("naturalBatches rejects all whose call failed, and goes on with the others", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, LIMITS);
  const answers = ["a", "b", "c", "d", "e"].map((item) =>
    ask(item).catch((error) => error.message)
  );
  ends[0]!.fail(new Error("first"));
  await turn();
  ends[1]!.fail(new Error("second"));
  await turn();
  ends[2]!.answer();
  assert.deepEqual(await Promise.all(answers), ["first", "second", "second", "second", "e of 1"]);
  assert.equal(begun.length, 3);
});

Deno.test("a call for one item that throws at once fails that item, and holds up no other", async () => {
  const { calls, begun, ends } = callsInHand();
  const { ask } = naturalBatches({
    ...calls,
    one(item) {
      if (item.startsWith("bad")) throw new TypeError(`${item} is not a function`);
      return calls.one(item);
    },
  }, LIMITS);
  await assert.rejects(ask("bad"), TypeError);
  const good = ask("good");
  assert.deepEqual(begun, [["good"]]);
  const [bad, left, more] = ["bad/2", "left", "more"].map(ask);
  ends[0]!.answer();
  assert.equal(await good, "good of 1");
  await turn();
  assert.deepEqual(begun, [["good"], ["bad/2", "left", "more"]]);
  // All three are asked for alone: the one that throws at once takes no place among them for good.
  ends[1]!.answer(["bad", "bad/2", "left", "more"]);
  await assert.rejects(bad!, TypeError);
  await turn();
  assert.deepEqual(begun.slice(2), [["left"], ["more"]]);
  ends[2]!.answer();
  ends[3]!.answer();
  assert.deepEqual(await Promise.all([left, more]), ["left of 1", "more of 1"]);
});

Deno.test("naturalBatches lets nothing wait for ever for a call that hangs", async () => {
  const { begun, ends, calls } = callsInHand();
  const { ask } = naturalBatches(calls, { ...LIMITS, patienceMs: 1 });
  ask("hangs");
  const [b, c] = ["b", "c"].map(ask);
  while (begun.length < 2) await turn();
  assert.deepEqual(begun[1], ["b", "c"]);
  ends[1]!.answer();
  assert.deepEqual(await Promise.all([b, c]), ["b of 2", "c of 2"]);
});

Deno.test("naturalBatches lets items go beside a call that hangs, so many at each end of patience", async () => {
  await withPatience(async ({ running, end }) => {
    const { begun, calls } = callsInHand();
    const { ask } = naturalBatches(calls, { ...LIMITS, patienceMs: 100 });
    ask("hangs");
    assert.deepEqual(running(), [], "nobody waits");
    for (const item of ["b", "c", "d", "e"]) ask(item);
    assert.deepEqual(running(), [100], "they wait together");
    await end();
    assert.deepEqual([begun[1], running()], [["b", "c", "d"], [100]]);
    await end();
    assert.deepEqual([begun[2], running()], [["e"], []]);
  });
});

Deno.test("naturalBatches has patience anew with each call that goes", async () => {
  await withPatience(async ({ running, end }) => {
    const { begun, ends, calls } = callsInHand();
    const { ask } = naturalBatches(calls, { ...LIMITS, patienceMs: 100 });
    for (const item of ["a", "b"]) ask(item);
    assert.deepEqual(running(), [100]);
    ends[0]!.answer();
    await turn();
    assert.deepEqual([begun[1], running()], [["b"], []], "what it was for has gone");
    ask("c");
    assert.deepEqual(running(), [100]);
    await end();
    assert.deepEqual([begun[2], running()], [["c"], []]);
    for (const { answer } of ends.slice(1)) answer();
    await turn();
    assert.deepEqual(begun.length, 3);
  });
});

Deno.test("whoever loses patience in a turn in which a call begins goes with it", async () => {
  await withPatience(async ({ running, end }) => {
    const { begun, ends, calls } = callsInHand();
    const { ask } = naturalBatches(calls, { ...LIMITS, patienceMs: 100 });
    const answers = ["a", "b", "c"].map(ask);
    ends[0]!.answer();
    await turn();
    answers.push(ask("d"));
    assert.deepEqual([begun[1], running()], [["b", "c"], [100]]);
    ends[1]!.answer();
    await answers[2];
    // The call has ended once its answers are given.
    for (let n = 0; n < 9; n++) await null;
    const ended = end();
    answers.push(ask("e"));
    await ended;
    assert.deepEqual([begun.slice(2), running()], [[["d", "e"]], []]);
    ends[2]!.answer();
    assert.deepEqual((await Promise.all(answers)).slice(3), ["d of 2", "e of 2"]);
  });
});

Deno.test("as many calls begin as have ended in a turn of the event loop", async () => {
  await withPatience(async ({ end }) => {
    const { begun, ends, calls } = callsInHand();
    const { ask } = naturalBatches(calls, { ...LIMITS, patienceMs: 100 });
    const answers = [..."abcdefghijklmnop"].map(ask);
    await end();
    await end();
    assert.deepEqual(begun, [["a"], ["b", "c", "d"], ["e", "f", "g"]]);
    for (const { answer } of ends) answer();
    await turn();
    assert.deepEqual(begun.slice(3), [["h", "i", "j"], ["k", "l", "m"], ["n", "o", "p"]]);
    for (const { answer } of ends.slice(3)) answer();
    assert.equal((await Promise.all(answers)).at(-1), "p of 3");
  });
});
