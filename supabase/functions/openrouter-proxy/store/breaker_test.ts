import assert from "node:assert/strict";
import { storeBreaker } from "./breaker.ts";

/** A store whose calls take as long as a test says. */
function store() {
  let nowMs = 0;
  const asked: string[] = [];
  const breaker = storeBreaker(10_000, () => nowMs, () => new Error("not asked"));
  return {
    asked,
    isOpen: breaker.isOpen,
    answers: () =>
      breaker.run(() => {
        asked.push("answers");
        return Promise.resolve("answer");
      }),
    fails: (afterMs: number) =>
      breaker.run(() => {
        asked.push("fails");
        nowMs += afterMs;
        return Promise.reject(new Error("failed"));
      }),
    /** Asked, and without an end until the test gives one. */
    waits() {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const result = breaker.run(() => {
        asked.push("waits");
        return promise;
      });
      return { result, resolve, reject };
    },
  };
}

Deno.test("a store that answers, or refuses at once, is always asked", async () => {
  const { answers, fails, asked } = store();
  for (let i = 0; i < 5; i++) await assert.rejects(fails(100), /failed/);
  assert.equal(await answers(), "answer");
  assert.equal(asked.length, 6);
});

Deno.test("after three time-outs in a row one call at a time finds out, and others fail at once", async () => {
  const { answers, fails, waits, asked, isOpen } = store();
  for (let i = 0; i < 3; i++) await assert.rejects(fails(10_000), /failed/);
  assert.equal(isOpen(), false);
  const probe = waits();
  assert.equal(isOpen(), true);
  await assert.rejects(answers(), /not asked/);
  await assert.rejects(answers(), /not asked/);
  assert.equal(asked.length, 4);
  probe.resolve("answer");
  assert.equal(await probe.result, "answer");
  assert.equal(isOpen(), false);
  assert.equal(await answers(), "answer");
});

Deno.test("a call from before that ends while one finds out lets no other be asked", async () => {
  const { answers, fails, waits, isOpen } = store();
  const before = waits();
  for (let i = 0; i < 3; i++) await assert.rejects(fails(10_000), /failed/);
  const probe = waits();
  before.reject(new Error("late"));
  await assert.rejects(before.result, /late/);
  assert.equal(isOpen(), true);
  await assert.rejects(answers(), /not asked/);
  probe.resolve("answer");
  await probe.result;
  assert.equal(isOpen(), false);
});

Deno.test("two time-outs in a row are none that others must wait for", async () => {
  const { fails, waits, isOpen } = store();
  for (let i = 0; i < 2; i++) await assert.rejects(fails(10_000), /failed/);
  const calls = [waits(), waits()];
  assert.equal(isOpen(), false);
  for (const { result, resolve } of calls) {
    resolve("answer");
    assert.equal(await result, "answer");
  }
});

Deno.test("a probe that fails leaves the next one to find out", async () => {
  const { answers, fails } = store();
  for (let i = 0; i < 4; i++) await assert.rejects(fails(10_000), /failed/);
  assert.equal(await answers(), "answer");
  assert.equal(await answers(), "answer");
});

Deno.test("an answer between time-outs makes them no row", async () => {
  const { answers, fails, waits } = store();
  for (let i = 0; i < 2; i++) await assert.rejects(fails(10_000), /failed/);
  await answers();
  await assert.rejects(fails(10_000), /failed/);
  const one = waits();
  const other = waits();
  for (const { result, resolve } of [one, other]) {
    resolve("answer");
    assert.equal(await result, "answer");
  }
});

Deno.test("a quick refusal between time-outs makes them no row, and counts for none", async () => {
  const { fails, waits, isOpen } = store();
  for (const afterMs of [10_000, 10_000, 9_999, 10_000, 10_000]) {
    await assert.rejects(fails(afterMs), /failed/);
  }
  const { result, resolve } = waits();
  assert.equal(isOpen(), false);
  resolve("answer");
  assert.equal(await result, "answer");
});

Deno.test("an answer to a call from before lets others be asked, though one is still finding out", async () => {
  const { answers, fails, waits, isOpen } = store();
  const before = waits();
  for (let i = 0; i < 3; i++) await assert.rejects(fails(10_000), /failed/);
  const probe = waits();
  before.resolve("answer");
  assert.equal(await before.result, "answer");
  assert.equal(isOpen(), false);
  assert.equal(await answers(), "answer");
  probe.resolve("answer");
  assert.equal(await probe.result, "answer");
});

for (const what of ["an answer", "a quick refusal"]) {
  Deno.test(`it takes three time-outs after ${what}, and no fewer or more`, async () => {
    const { answers, fails, waits, isOpen } = store();
    await (what === "an answer" ? answers() : assert.rejects(fails(1), /failed/));
    /** Whether the store is not asked while another call is under way. */
    const isOpenBeside = async () => {
      const { result, resolve } = waits();
      const seen = isOpen();
      resolve("answer");
      await result;
      return seen;
    };
    for (let i = 0; i < 3; i++) await assert.rejects(fails(10_000), /failed/);
    assert.equal(await isOpenBeside(), true);
    for (let i = 0; i < 2; i++) await assert.rejects(fails(10_000), /failed/);
    assert.equal(await isOpenBeside(), false);
  });
}
