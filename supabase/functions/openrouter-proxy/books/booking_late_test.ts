/** Bookings that end or are learnt late: retirement, jobs, admissions that nobody heard of. */
import assert from "node:assert/strict";
import type { Booking } from "./booking.ts";
import { answer, bookkeeping, BROKEN, CALL, GENERATION, USAGE } from "../testing/bookkeeping.ts";

Deno.test("retire settles what is open, and what ends or is learnt afterwards is settled once more", async () => {
  const generation = Promise.withResolvers<unknown>();
  const books = bookkeeping({ generation: generation.promise });
  const entries = () =>
    books.settlements.splice(0).map(({ status, errorMessage, cost }) =>
      `${status} ${errorMessage} ${cost}`
    ).sort();
  const streaming = books.openCall(CALL);
  streaming.answering(answer({ id: "gen-1" }));
  const silent = books.openCall(CALL);
  silent.answering(answer({}));
  const waiting = books.openCall(CALL);
  waiting.answering(answer({}));
  waiting.end({ kind: "client_disconnected" });
  await Promise.resolve();

  books.retire("wall_clock");
  // The worker lives on for a while: two of the calls come to their end, and one begins.
  streaming.answering(answer(USAGE));
  streaming.end({ kind: "answered" });
  silent.end({ kind: "client_disconnected" });
  const late = books.openCall(CALL);
  late.answering(answer({}));
  late.end({ kind: "answered" });
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(entries(), [
    "completed null 0.5",
    "completed null null",
    "failed client_disconnected null",
    "failed client_disconnected null",
    "failed worker_retired: wall_clock null",
    "failed worker_retired: wall_clock null",
  ]);

  generation.resolve(GENERATION);
  await books.settled();
  assert.deepEqual(entries(), [
    "completed null 0.7",
    "failed client_disconnected 0.7",
    "failed client_disconnected 0.7",
  ]);
});

Deno.test("a call whose generation stays unknown after retire is settled as it stood", async () => {
  const books = bookkeeping({ generation: null });
  books.retire("wall_clock");
  const booking = books.openCall(CALL);
  booking.answering(answer({}));
  booking.end({ kind: "answered" });
  await books.settled();
  assert.deepEqual(books.settlements.map(({ status, cost }) => [status, cost]), [
    ["completed", null],
  ]);
});

Deno.test("a call that begins a job ends without a cost, under the job's id", async () => {
  const books = bookkeeping({ generation: GENERATION });
  const booking = books.openCall({ ...CALL, beginsJob: true });
  booking.answering(answer({ id: "job-1" }, { httpStatus: 202 }));
  booking.end({ kind: "answered" });
  await books.settled();
  const { generationId, status, cost, costSource } = books.settlements[0]!;
  assert.deepEqual([generationId, status, cost, costSource], ["job-1", "completed", null, null]);
  assert.deepEqual(books.asked, []);
});

const LOOKS: [what: string, look: (booking: Booking) => void, booked: boolean][] = [
  ["that costs", (job) => {
    job.answering(answer({ cost: "0.4", upstreamCost: "0.3" }));
    job.end({ kind: "answered" });
  }, true],
  ["that is free", (job) => {
    job.answering(answer({ cost: "0" }));
    job.end({ kind: "answered" });
  }, true],
  ["that is not done", (job) => {
    job.answering(answer({ id: "job-1" }));
    job.end({ kind: "answered" });
  }, false],
  ["that is refused", (job) => {
    job.answering(answer({ cost: "0.4" }, { httpStatus: 404 }));
    job.end({ kind: "refused" });
  }, false],
  ["that breaks off", (job) => job.end(BROKEN), false],
];

for (const [what, look, booked] of LOOKS) {
  Deno.test(`a look at a job ${what} ${booked ? "books its cost" : "books nothing"}`, async () => {
    const books = bookkeeping({ failures: booked ? 2 : 0 });
    look(books.openJob({ did: CALL.did, jobId: "job-1" }));
    await books.settled();
    assert.equal(books.settlements.length, 0);
    assert.deepEqual(
      books.lateCosts.map(({ row, usdPerCredit }) => [row, usdPerCredit]),
      booked ? [[{ did: CALL.did, generationId: "job-1" }, "1"]] : [],
    );
  });
}

for (
  const [what, job, costs] of [
    ["books what the job costs", { id: "job-1", usage: { cost: "0.4" } }, ["0.4"]],
    ["of a job without a cost books nothing", { id: "job-1" }, []],
    ["of a job that nobody can be asked for books nothing", null, []],
  ] as const
) {
  Deno.test(`a look at a job's content, which says nothing of it, ${what}`, async () => {
    const books = bookkeeping({ job });
    const booking = books.openJob({ did: CALL.did, jobId: "job-1" });
    booking.answering(answer({}));
    booking.end({ kind: "answered" });
    await books.settled();
    assert.deepEqual(books.asked, [["job-1", "sk-or-v1-x"]]);
    assert.deepEqual(books.lateCosts.map(({ cost }) => cost), costs);
  });
}

Deno.test("a request is withdrawn until its row is found, at most four times", async () => {
  const books = bookkeeping({ failures: 1 });
  books.withdraw("request");
  await books.settled();
  assert.deepEqual(books.withdrawn, ["request", "request", "request"]);
  assert.deepEqual(books.waits, [250, 1_000, 4_000, 15_000]);
});

Deno.test("a request that is found is withdrawn once", async () => {
  const books = bookkeeping({ hasEnded: true });
  books.withdraw("request");
  await books.settled();
  assert.deepEqual([books.attempts(), books.waits], [1, []]);
});
