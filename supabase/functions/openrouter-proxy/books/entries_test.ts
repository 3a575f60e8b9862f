import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { AT_ONCE, BACK_OFF_MS, createEntries, MAX_ENTRIES, TIDIED_AT_ONCE } from "./entries.ts";

const DOWN = new Error("down");

/** Entries whose clock is a test's: what sleeps wakes when the test says so. */
function entriesWithClock() {
  const lines: Record<string, unknown>[] = [];
  let nowMs = 0;
  let sleepers: { untilMs: number; wake: () => void }[] = [];
  const entries = createEntries({
    sleep: (ms) => new Promise((resolve) => sleepers.push({ untilMs: nowMs + ms, wake: resolve })),
    log: (line) => lines.push(line),
  });
  return {
    ...entries,
    enterOf: entries.enter,
    /** For whom does not matter. */
    enter: <T>(write: () => Promise<T>, entry: object) => entries.enter("did:key:a", write, entry),
    until: (write: () => Promise<boolean>) => entries.until("did:key:a", write),
    lines,
    /** Lets this much time pass, and all that is to be done in it. */
    async pass(ms: number) {
      const endMs = nowMs + ms;
      for (;;) {
        await idle();
        const next = Math.min(...sleepers.map(({ untilMs }) => untilMs));
        if (next > endMs) break;
        nowMs = next;
        const due = sleepers.filter(({ untilMs }) => untilMs <= nowMs);
        sleepers = sleepers.filter(({ untilMs }) => untilMs > nowMs);
        for (const { wake } of due) wake();
      }
      nowMs = endMs;
    },
    now: () => nowMs,
    isAsleep: () => sleepers.length > 0,
  };
}

function idle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

Deno.test("an entry is tried after 0.25, 1, 4, 15, 30 and 60 s, and then left to the log with its cause", async () => {
  const { enter, pass, now, lines } = entriesWithClock();
  const attempts: number[] = [];
  const entered = enter(() => {
    attempts.push(now());
    return Promise.reject(DOWN);
  }, { requestId: "r", cost: "0.5" });
  await pass(1_000_000);
  assert.equal(await entered, null);
  assert.deepEqual(attempts, [0, 250, 1_250, 5_250, 20_250, 50_250, 110_250]);
  assert.equal(lines.length, 1);
  const { cause, ...line } = lines[0]!;
  assert.deepEqual(line, {
    level: "error",
    event: "settlement_deferred",
    requestId: "r",
    cost: "0.5",
  });
  assert.match(String(cause), /down/);
});

Deno.test("the log has the beginning of a cause that is long", async () => {
  const { enter, pass, lines } = entriesWithClock();
  const cause = `\0${"c".repeat(5_000)}`;
  const entered = enter(
    () => Promise.reject(new GatewayError("store_unavailable", "down", { cause })),
    {},
  );
  await pass(1_000_000);
  await entered;
  assert.equal(lines[0]?.cause, "c".repeat(499));
});

Deno.test("an entry says what Postgres answered, and whether that was at the first attempt", async () => {
  const { enter, pass } = entriesWithClock();
  assert.deepEqual(await enter(() => Promise.resolve(7), {}), { answer: 7, isFirstAttempt: true });
  let isUp = false;
  const entered = enter(() => isUp ? Promise.resolve(8) : Promise.reject(DOWN), {});
  await pass(200);
  isUp = true;
  await pass(1_000);
  assert.deepEqual(await entered, { answer: 8, isFirstAttempt: false });
});

Deno.test("after a failure all entries wait, new ones too, and those that fail together count once", async () => {
  const { enter, pass, now } = entriesWithClock();
  const attempts: number[] = [];
  const write = () => {
    attempts.push(now());
    return Promise.reject(DOWN);
  };
  for (let entry = 0; entry < 5; entry++) enter(write, {});
  await pass(100);
  assert.deepEqual(attempts.splice(0), [0, 0, 0, 0, 0]);
  enter(write, {});
  await pass(100);
  assert.deepEqual(attempts.splice(0), [], "the store has 250 ms to come back");
  await pass(100);
  // One that failed first has failed for all.
  assert.ok(attempts.length >= 1 && attempts.every((at) => at === 250), String(attempts));
  await pass(1_000_000);
});

Deno.test("an entry that fails alone is as patient as one that fails with all others", async () => {
  const { enter, pass, now } = entriesWithClock();
  const attempts: number[] = [];
  enter(() => {
    attempts.push(now());
    return Promise.reject(DOWN);
  }, {});
  for (let second = 0; second < 120; second++) {
    const other = enter(() => Promise.resolve(true), {});
    await pass(1_000);
    assert.ok(await other);
  }
  assert.equal(attempts.length, BACK_OFF_MS.length + 1);
  assert.ok(attempts.at(-1)! >= 110_250, String(attempts));
});

Deno.test(`at most ${AT_ONCE} entries are tried at once, in the order in which they came`, async () => {
  const { enter, pass } = entriesWithClock();
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const most = 3 * AT_ONCE;
  const enterNext = (entry: number) =>
    enter(() => {
      begun.push(entry);
      return new Promise<void>((resolve) => ends.push(resolve));
    }, {});
  for (let entry = 0; entry < most - 1; entry++) enterNext(entry);
  await pass(0);
  assert.equal(begun.length, AT_ONCE);
  ends[3]!();
  await pass(0);
  // One that comes now waits like the others: its turn was given to the next one.
  enterNext(most - 1);
  await pass(0);
  assert.equal(begun.length, AT_ONCE + 1);
  while (begun.length < most) {
    for (const end of ends) end();
    await pass(0);
  }
  assert.deepEqual(begun, Array.from({ length: most }, (_, entry) => entry));
});

Deno.test("the entries of one DID wait for none but the next of each other one", async () => {
  const { enterOf, pass } = entriesWithClock();
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const dids = [...Array<string>(3 * AT_ONCE).fill("did:key:flood"), "did:key:quiet"];
  for (const did of dids) {
    enterOf(did, () => {
      begun.push(did);
      return new Promise<void>((resolve) => ends.push(resolve));
    }, {});
  }
  await pass(0);
  ends[0]!();
  ends[1]!();
  await pass(0);
  assert.deepEqual(begun.slice(AT_ONCE), ["did:key:flood", "did:key:quiet"]);
});

Deno.test(`of over ${MAX_ENTRIES} entries those beyond are left to the log at once`, async () => {
  const { enter, waiting, pass, lines } = entriesWithClock();
  const store = Promise.withResolvers<void>();
  const entered = Array.from({ length: MAX_ENTRIES }, () => enter(() => store.promise, {}));
  assert.equal(waiting(), MAX_ENTRIES);
  assert.equal(await enter(() => Promise.reject(DOWN), { requestId: "beyond" }), null);
  assert.deepEqual(lines.map(({ requestId }) => requestId), ["beyond"]);
  assert.match(String(lines[0]?.cause), /too many entries/);

  store.resolve();
  await pass(0);
  assert.equal((await Promise.all(entered)).filter((taken) => taken === null).length, 0);
  assert.equal(waiting(), 0);
  assert.deepEqual(await enter(() => Promise.resolve(1), {}), { answer: 1, isFirstAttempt: true });
});

Deno.test("what is to be tidied up, however much, stands in no entry's way, and is bounded too", async () => {
  // Each call that an outage refuses may have to be withdrawn.
  const { enter, until, waiting, pass, lines } = entriesWithClock();
  const store = Promise.withResolvers<boolean>();
  let asked = 0;
  const tidied = Array.from({ length: MAX_ENTRIES }, () =>
    until(() => {
      asked++;
      return store.promise;
    }));
  await pass(0);
  assert.deepEqual([asked, waiting()], [TIDIED_AT_ONCE, 0]);
  assert.deepEqual(await enter(() => Promise.resolve(1), {}), { answer: 1, isFirstAttempt: true });
  store.resolve(true);
  await pass(0);
  await Promise.all(tidied);
  assert.equal(asked, 1_000);
  assert.deepEqual(lines, []);
});

Deno.test("an entry that comes when the store is back waits 4 s at most, however long it was away", async () => {
  const { enter, pass, now } = entriesWithClock();
  let isUp = false;
  let failedAt = 0;
  const write = () => {
    if (isUp) return Promise.resolve();
    failedAt = now();
    return Promise.reject(DOWN);
  };
  enter(write, {});
  for (let second = 0; second < 60; second++) {
    enter(write, {});
    await pass(1_000);
  }
  isUp = true;
  let enteredAt = 0;
  enter(() => Promise.resolve(), {}).then(() => enteredAt = now());
  await pass(4_000);
  assert.equal(enteredAt, failedAt + 4_000);
  await pass(1_000_000);
});

Deno.test("until tries as long as an entry is tried, whether it fails or is false, and leaves no trace", async () => {
  const { until, pass, now, lines } = entriesWithClock();
  const attempts: number[] = [];
  const tried = until(() => {
    attempts.push(now());
    return attempts.length % 2 === 0 ? Promise.resolve(false) : Promise.reject(DOWN);
  });
  await pass(1_000_000);
  await tried;
  assert.deepEqual(attempts, [0, 250, 1_250, 5_250, 20_250, 50_250, 110_250]);
  assert.deepEqual(lines, []);
});

Deno.test("until ends when it is true", async () => {
  const { until, pass, isAsleep } = entriesWithClock();
  let attempts = 0;
  const tried = until(() => Promise.resolve(++attempts === 2));
  await pass(1_000);
  await tried;
  assert.deepEqual([attempts, isAsleep()], [2, false]);
});

Deno.test("with retire each entry that waits is tried once more at once, and no new one twice", async () => {
  const { enter, until, retire, pass, now, lines } = entriesWithClock();
  const attempts: string[] = [];
  const write = (name: string) => () => {
    attempts.push(`${name} at ${now()}`);
    return Promise.reject(DOWN);
  };
  const first = enter(write("first"), { requestId: "first" });
  await pass(100);
  const second = enter(write("second"), { requestId: "second" });
  const withdrawn = until(write("withdrawn"));
  await pass(100);
  retire();
  await pass(0);
  await Promise.all([first, second, withdrawn]);
  assert.equal(await enter(write("late"), { requestId: "late" }), null);
  assert.deepEqual(attempts.toSorted(), [
    "first at 0",
    "first at 200",
    "late at 200",
    "second at 200",
    "withdrawn at 200",
  ]);
  assert.deepEqual(lines.map(({ requestId }) => requestId).toSorted(), ["first", "late", "second"]);
});
