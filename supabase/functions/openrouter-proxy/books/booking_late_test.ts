/** Bookings that end or are learnt late: retirement, jobs, admissions that nobody heard of. */
import assert from "node:assert/strict";
import type { Booking } from "./booking.ts";
import {
  answer,
  ANSWERED,
  bookkeeping,
  BROKEN,
  CALL,
  GENERATION,
  LEFT,
  USAGE,
} from "../testing/bookkeeping.ts";

Deno.test("retire settles what is open as given up, and what ends afterwards is settled once more", async () => {
  const books = bookkeeping();
  const entries = () =>
    books.settlements.splice(0).map(({ status, errorMessage, cost, givenUp }) =>
      `${status} ${errorMessage} ${cost}${givenUp ? ", given up" : ""}`
    ).sort();
  const streaming = books.openCall(CALL);
  streaming.answering(answer({ id: "gen-1" }));
  const silent = books.openCall(CALL);
  silent.answering(answer({}));
  const ended = books.openCall(CALL);
  ended.answering(answer({}));
  ended.end(LEFT);
  await ended.settled;
  assert.deepEqual(entries(), ["failed client_disconnected null"]);

  books.retire("wall_clock");
  await books.idle();
  assert.deepEqual(entries(), [
    "failed worker_retired: wall_clock null, given up",
    "failed worker_retired: wall_clock null, given up",
  ]);

  // The worker lives on for a while: two of the calls come to their end, and one begins.
  streaming.answering(answer(USAGE));
  streaming.end(ANSWERED);
  silent.end(LEFT);
  const late = books.openCall(CALL);
  late.answering(answer({}));
  late.end(ANSWERED);
  await books.settled();
  assert.deepEqual(entries(), [
    "completed null 0.5",
    "completed null null",
    "failed client_disconnected null",
  ]);
});

Deno.test("a row that a retiring worker has settled takes what comes later, without surprise", async () => {
  const books = bookkeeping({ hasEnded: true });
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  books.retire("wall_clock");
  booking.end(ANSWERED);
  await books.settled();
  assert.equal(books.settlements.length, 2);
  assert.ok(books.lines.every(({ event }) => event === "request"), JSON.stringify(books.lines));
});

Deno.test("a retiring worker tries to settle once, and leaves what fails to the log", async () => {
  const books = bookkeeping({ failures: Infinity });
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  books.retire("memory");
  await books.idle();
  assert.equal(books.attempts(), 1);
  const [deferred] = books.lines;
  assert.deepEqual(
    [deferred?.event, deferred?.givenUp, deferred?.cost],
    ["settlement_deferred", true, "0.5"],
  );
  booking.end(ANSWERED);
  await books.settled();
  assert.equal(books.attempts(), 2);
});

Deno.test("a worker is kept alive for what it settles as it retires", async () => {
  const books = bookkeeping();
  books.openCall(CALL);
  books.openCall(CALL);
  const kept = books.kept();
  books.retire("wall_clock");
  assert.equal(books.kept(), kept + 2);
  await books.idle();
  assert.equal(books.settlements.length, 2);
});

Deno.test("a cost is looked for after retire, as long as the worker lives", async () => {
  const books = bookkeeping({ generation: GENERATION });
  books.retire("wall_clock");
  const booking = books.openCall(CALL);
  booking.answering(answer({}));
  booking.end(ANSWERED);
  await books.settled();
  assert.deepEqual(books.settlements.map(({ status, cost }) => [status, cost]), [
    ["completed", null],
  ]);
  assert.deepEqual(books.lateCosts.map(({ cost }) => cost), ["0.7"]);
});

Deno.test("a call that begins a job ends without a cost, under the job's id", async () => {
  const books = bookkeeping({ generation: GENERATION });
  const booking = books.openCall({ ...CALL, beginsJob: true });
  booking.answering(answer({ id: "job-1" }, { httpStatus: 202 }));
  booking.end(ANSWERED);
  await books.settled();
  const { generationId, status, cost, costSource } = books.settlements[0]!;
  assert.deepEqual([generationId, status, cost, costSource], ["job-1", "completed", null, null]);
  assert.deepEqual(books.asked, []);
});

Deno.test("a call that begins a job whose answer names none is asked after as a call is", async () => {
  const books = bookkeeping({ generation: GENERATION });
  const booking = books.openCall({ ...CALL, beginsJob: true });
  booking.answering(answer({}, { httpStatus: 202, generationId: "gen-1" }));
  booking.end(LEFT);
  await books.settled();
  assert.equal(books.settlements[0]?.generationId, "gen-1");
  assert.deepEqual([books.asked, books.lateCosts.map(({ cost }) => cost)], [["gen-1"], ["0.7"]]);
});

const LOOKS: [what: string, look: (booking: Booking) => void, costs: string[]][] = [
  ["that costs", (job) => {
    job.answering(answer({ cost: "0.4", upstreamCost: "0.3" }));
    job.end(ANSWERED);
  }, ["0.4"]],
  ["that is free", (job) => {
    job.answering(answer({ cost: "0" }));
    job.end(ANSWERED);
  }, ["0"]],
  ["that failed", (job) => {
    job.answering(answer({ id: "job-1", status: "failed" }));
    job.end(ANSWERED);
  }, ["0"]],
  ["that expired and was charged", (job) => {
    job.answering(answer({ id: "job-1", status: "expired", cost: "0.1" }));
    job.end(ANSWERED);
  }, ["0.1"]],
  ["that is not done", (job) => {
    job.answering(answer({ id: "job-1", status: "in_progress" }));
    job.end(ANSWERED);
  }, []],
  ["that is refused", (job) => {
    job.answering(answer({ cost: "0.4" }, { httpStatus: 404 }));
    job.end({ kind: "refused", status: 404 });
  }, []],
  ["that breaks off", (job) => job.end(BROKEN), []],
];

for (const [what, look, costs] of LOOKS) {
  const outcome = costs.length > 0 ? `books its cost of ${costs[0]}` : "books nothing";
  Deno.test(`a look at a job ${what} ${outcome}`, async () => {
    const books = bookkeeping({ failures: costs.length > 0 ? 2 : 0 });
    look(books.openJob({ did: CALL.did, jobId: "job-1" }));
    await books.settled();
    assert.equal(books.settlements.length, 0);
    assert.deepEqual(
      books.lateCosts.map(({ row, usdPerCredit, cost }) => [row, usdPerCredit, cost]),
      costs.map((cost) => [{ did: CALL.did, generationId: "job-1" }, "1", cost]),
    );
    assert.deepEqual(books.jobsAsked, [], "the answer said it all");
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
    booking.end(ANSWERED);
    await books.settled();
    assert.deepEqual(books.jobsAsked, [["job-1", "sk-or-v1-x"]]);
    assert.deepEqual(books.lateCosts.map(({ cost }) => cost), costs);
  });
}

for (
  const [status, apiKey, costs] of [
    [200, "sk", [["0.5", "response"]]],
    [399, "sk", [["0.5", "response"]]],
    [200, null, []],
    [400, "sk", []],
    [404, "sk", []],
  ] as const
) {
  Deno.test(`a look at a job's content with status ${status}, ${apiKey ? "by" : "without"} a key, books ${costs.length} costs`, async () => {
    const books = bookkeeping({ job: { id: "job-1", usage: { cost: "0.5" } } });
    const booking = books.openJob({ did: CALL.did, jobId: "job-1" });
    booking.answering(answer({}, { httpStatus: status, apiKey }));
    booking.firstByte();
    booking.end(ANSWERED);
    await books.settled();
    assert.deepEqual(books.lateCosts.map(({ cost, costSource }) => [cost, costSource]), costs);
  });
}

Deno.test("a look at a job that was not answered books nothing", async () => {
  const books = bookkeeping({ job: { id: "job-1", usage: { cost: "0.5" } } });
  books.openJob({ did: CALL.did, jobId: "job-1" }).end(ANSWERED);
  await books.settled();
  assert.deepEqual([books.lateCosts, books.jobsAsked], [[], []]);
});

Deno.test("a job's cost that Postgres never takes is one line of the log, with all of it", async () => {
  const books = bookkeeping({ failures: Infinity });
  const booking = books.openJob({ did: CALL.did, jobId: "job-1" });
  booking.answering(answer({ id: "job-1", cost: "0.5" }));
  booking.end(ANSWERED);
  await books.settled();
  const [line] = books.lines;
  assert.deepEqual([line?.level, line?.row, line?.cost], [
    "error",
    { did: CALL.did, generationId: "job-1" },
    "0.5",
  ]);
});

Deno.test("a request is withdrawn until its row is found, for as long as a settlement is tried", async () => {
  const books = bookkeeping({ failures: 1 });
  books.withdraw(CALL.did, "request");
  await books.settled();
  assert.deepEqual(books.withdrawn, new Array(6).fill("request"));
  assert.deepEqual([books.attempts(), books.lines], [7, []]);
});

Deno.test("a request that is found is withdrawn once", async () => {
  const books = bookkeeping({ hasEnded: true });
  books.withdraw(CALL.did, "request");
  await books.settled();
  assert.equal(books.attempts(), 1);
});
