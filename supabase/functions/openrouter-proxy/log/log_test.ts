import assert from "node:assert/strict";
import { boundedLog, mostIn10s, type Printed } from "../testing/bounded_log.ts";

const SUCCESS = { level: "info", event: "request", status: 200 };
const REFUSAL = {
  level: "info",
  event: "request",
  status: 401,
  error: "expired_timestamp: x-did-timestamp is 412 s old",
};
const FAILURE = { level: "error", event: "request", status: 503, error: "store_unavailable: down" };
const ENTRY = { level: "error", event: "settlement_deferred", cause: "down" };

/** How many events of a kind the lines stand for. */
function toldOf(printed: Printed[], isOne: (event: Record<string, unknown>) => boolean): number {
  return printed.filter(({ event }) => isOne(event))
    .reduce((sum, { event }) => sum + Number(event.stands_for ?? 1), 0);
}

const isSuccess = ({ event, status }: Record<string, unknown>) =>
  event === "request" && Number(status) < 400;
const isFailure = ({ level }: Record<string, unknown>) => level === "error";

Deno.test("below the quota each event is a line, as it came, with its time", async () => {
  const { log, printed, pass } = boundedLog();
  for (let second = 0; second < 60; second++) {
    for (const event of [SUCCESS, SUCCESS, REFUSAL, FAILURE]) log({ ...event, second });
    await pass(1_000);
  }
  assert.equal(printed.length, 240);
  assert.deepEqual(printed[3]?.event, { time: "1970-01-01T00:00:00.000Z", ...FAILURE, second: 0 });
  assert.ok(printed.every(({ event }) => event.stands_for === undefined));
});

Deno.test("of too many successes one in so many is a line, evenly, and says for how many it stands", async () => {
  const { log, printed, pass, retire } = boundedLog();
  const perSecond = 1_000;
  for (let ms = 0; ms < 60_000; ms++) {
    log({ ...SUCCESS, ms });
    await pass(1);
  }
  assert.ok(mostIn10s(printed) <= 95, String(mostIn10s(printed)));
  // When the rate is known, they are spread over each window.
  const later = printed.filter(({ atMs }) => atMs >= 21_000);
  assert.ok(later.length >= 200, String(later.length));
  for (const [index, { atMs, event }] of later.entries()) {
    const before = later[index - 1]?.atMs ?? atMs;
    assert.ok(atMs - before < 500, `${before} to ${atMs}`);
    assert.ok(Number(event.stands_for) < perSecond / 2);
  }
  retire();
  assert.equal(toldOf(printed, isSuccess), 60_000);
});

Deno.test("LOG_SUCCESSES prints one in so many, or none, whatever the rate", () => {
  const some = boundedLog(10);
  for (let n = 1; n <= 35; n++) some.log({ ...SUCCESS, n });
  assert.deepEqual(
    some.printed.map(({ event }) => [event.n, event.stands_for]),
    [[10, 10], [20, 10], [30, 10]],
  );
  some.log(REFUSAL);
  some.log(FAILURE);
  assert.equal(some.printed.length, 5, "what failed is told all the same");

  const none = boundedLog(0);
  none.log(SUCCESS);
  none.log({ level: "info", event: "cost_found" });
  none.log(FAILURE);
  none.retire();
  assert.deepEqual(none.printed.map(({ event }) => event.level), ["error"]);
});

Deno.test("a success that has no line yet waits for the next ones, whatever else is told", async () => {
  const { log, printed, pass, waits } = boundedLog(10);
  for (let n = 0; n < 3; n++) log(SUCCESS);
  assert.equal(waits(), 0, "no worker lives longer for it");
  for (let n = 0; n < 91; n++) log(FAILURE);
  assert.equal(waits(), 1);
  await pass(30_000);
  assert.deepEqual([toldOf(printed, isFailure), toldOf(printed, isSuccess), waits()], [91, 0, 0]);
  for (let n = 0; n < 7; n++) log(SUCCESS);
  assert.equal(printed.at(-1)?.event.stands_for, 10);
});

Deno.test("with LOG_SUCCESSES of all each event is a line, however many", () => {
  const { log, printed } = boundedLog("all");
  for (let n = 0; n < 1_000; n++) {
    for (const event of [SUCCESS, REFUSAL, FAILURE, ENTRY]) log(event);
  }
  assert.equal(printed.length, 4_000);
});

Deno.test("in a storm identical failures share a line, which tells how many there were", async () => {
  const { log, printed, pass } = boundedLog();
  for (let ms = 0; ms < 30_000; ms += 10) {
    log({ ...FAILURE, error: `store_unavailable: attempt ${ms}`, request_id: ms });
    log({ ...SUCCESS, ms });
    await pass(10);
  }
  log({ level: "error", event: "booking_failed", error: "TypeError" });
  await pass(30_000);
  assert.ok(mostIn10s(printed) <= 95, String(mostIn10s(printed)));
  assert.equal(toldOf(printed, isFailure), 3_001);
  const other = printed.filter(({ event }) => event.event === "booking_failed");
  assert.deepEqual(other.map(({ event }) => event.stands_for), [undefined]);
});

Deno.test("successes and refusals leave room for failures, and refusals for successes", () => {
  const { log, printed } = boundedLog();
  for (let n = 0; n < 1_000; n++) log(REFUSAL);
  for (let n = 0; n < 1_000; n++) log(SUCCESS);
  for (let n = 0; n < 1_000; n++) log(FAILURE);
  assert.deepEqual(
    [401, 200, 503].map((status) => printed.filter(({ event }) => event.status === status).length),
    [40, 40, 10],
  );
});

Deno.test("fifty kinds of failures are told apart, and the others are one", async () => {
  const { log, printed, pass } = boundedLog();
  const failures = (name: string, count: number) => {
    for (let n = 0; n < count; n++) log({ ...FAILURE, error: `${name}: ${n}` });
  };
  failures("printed", 90);
  for (let n = 0; n < 50; n++) failures(`kind ${n}`, 1);
  failures("kind 0", 3);
  failures("others", 5);
  failures("still others", 5);
  await pass(30_000);
  const told = printed.slice(90).map(({ event }) => [event.error, event.stands_for ?? 1]);
  assert.deepEqual(
    told.sort(),
    [
      ["kind 0: 2", 4],
      ...Array.from({ length: 49 }, (_, n) => [`kind ${n + 1}: 0`, 1]),
      ["still others: 4", 10],
    ].sort(),
  );
});

Deno.test("made-up errors do not make the log hold more and more", async () => {
  const { log, printed, pass } = boundedLog();
  for (let n = 0; n < 5_000; n++) log({ ...FAILURE, error: `made up ${n}` });
  await pass(60_000);
  assert.ok(printed.length < 200, String(printed.length));
  assert.equal(toldOf(printed, isFailure), 5_000);
});

Deno.test("each entry for the books is printed whole, in a storm several in one line", async () => {
  const { log, printed, pass } = boundedLog();
  const entryOf = (n: number) => ({ requestId: n, text: "x".repeat(500) });
  for (let n = 0; n < 3_000; n++) {
    log({ ...ENTRY, ...entryOf(n) });
    log(FAILURE);
  }
  await pass(60_000);
  assert.ok(mostIn10s(printed) <= 95, String(mostIn10s(printed)));
  assert.ok(printed.every(({ line }) => line.length <= 10_000));
  assert.deepEqual(entriesIn(printed), Array.from({ length: 3_000 }, (_, n) => entryOf(n)));
  assert.equal(toldOf(printed, ({ event }) => event === "request"), 3_000);
});

Deno.test("entries for the books that wait go first, and what then waits goes as soon as there is room", async () => {
  const { log, printed, pass, waits } = boundedLog();
  // Two of them share no line.
  const entries = (count: number) => {
    for (let n = 0; n < count; n++) log({ ...ENTRY, text: "x".repeat(6_000) });
  };
  entries(50);
  await pass(5_000);
  entries(45 + 90);
  assert.equal(printed.length, 95);
  await pass(6_000);
  // There is room for 50 lines again.
  for (let n = 0; n < 20; n++) log({ ...FAILURE, error: `kind ${n}: down` });
  assert.equal(printed.length, 95);
  await pass(60_000);
  assert.ok(mostIn10s(printed) <= 95, String(mostIn10s(printed)));
  assert.equal(entriesIn(printed).length, 50 + 45 + 90);
  assert.ok(printed.slice(-20).every(({ event }) => event.event === "request"));
  assert.equal(waits(), 0);
});

Deno.test("entries for the books that found no room are printed as soon as there is some", async () => {
  const { log, printed, pass, waits } = boundedLog();
  for (let n = 0; n < 4 * 95; n++) log({ ...ENTRY, n, text: "x".repeat(6_000) });
  await pass(40_000);
  assert.deepEqual(
    entriesIn(printed).map(({ n }) => n),
    Array.from({ length: 4 * 95 }, (_, n) => n),
  );
  assert.equal(waits(), 0);
});

Deno.test("more entries than the log holds are printed at once: none of them is lost", async () => {
  const { log, printed, pass } = boundedLog();
  for (let n = 0; n < 95 + 4_000; n++) log({ ...ENTRY, n });
  assert.equal(printed.length, 95);
  log({ ...ENTRY, n: "one more" });
  assert.deepEqual([printed.length, printed.at(-1)?.event.n], [96, "one more"]);
  await pass(60_000);
  assert.equal(entriesIn(printed).length, 95 + 4_000 + 1);
});

Deno.test("an entry is never cut, whatever its length", () => {
  const { log, printed } = boundedLog();
  const text = "x".repeat(20_000);
  log({ ...ENTRY, text });
  assert.deepEqual(entriesIn(printed), [{ text }]);
});

Deno.test("a retiring worker prints what waits, and what comes later 50 ms after the first of it", async () => {
  const { log, printed, pass, retire } = boundedLog();
  for (let n = 0; n < 200; n++) log({ ...ENTRY, n });
  for (let n = 0; n < 50; n++) log(FAILURE);
  for (let n = 0; n < 50; n++) log(SUCCESS);
  retire();
  assert.equal(entriesIn(printed).length, 200);
  assert.equal(toldOf(printed, ({ event }) => event === "request"), 100);
  for (let n = 200; n < 400; n++) log({ ...ENTRY, n });
  await pass(49);
  assert.equal(entriesIn(printed).length, 200);
  await pass(1);
  assert.deepEqual(entriesIn(printed), Array.from({ length: 400 }, (_, n) => ({ n })));
});

Deno.test("no line is made of what is not printed", () => {
  const { log, printed } = boundedLog();
  let made = 0;
  for (let n = 0; n < 1_000; n++) log({ ...SUCCESS, told: { toJSON: () => made++ } });
  assert.equal(made, printed.length);
});

/** What the lines hold of entries, in their order. */
function entriesIn(printed: Printed[]): Record<string, unknown>[] {
  return printed.filter(({ event }) => event.event === "settlement_deferred").flatMap(
    ({ event }) => {
      const { time: _time, level: _level, event: _event, cause: _cause, ...entry } = event;
      if (!Array.isArray(entry.entries)) return [entry];
      return entry.entries.map(({ cause: _cause, ...one }) => one);
    },
  );
}
