import assert from "node:assert/strict";
import { answer, bookkeeping, CALL, USAGE } from "../testing/bookkeeping.ts";

/** A call that OpenRouter answered with this status because it does not have the path. */
async function discarded(options: Parameters<typeof bookkeeping>[0] = {}, httpStatus = 404) {
  const books = bookkeeping(options);
  const booking = books.openCall(CALL);
  booking.answering(answer({ error: "404: Not Found" }, { httpStatus }));
  books.at(1_250.4);
  booking.end({ kind: "no_such_path" });
  booking.end({ kind: "refused", status: httpStatus });
  await books.settled();
  await booking.settled;
  return books;
}

for (const status of [404, 405]) {
  Deno.test(`a call on a path that OpenRouter answers with ${status} leaves no row, and a line in the log`, async () => {
    const books = await discarded({}, status);
    assert.deepEqual(books.discarded, [[CALL.requestId, CALL.requestTime]]);
    assert.deepEqual(books.settlements, []);
    assert.deepEqual(books.asked, [], "nobody asks what it cost");
    assert.deepEqual(books.lines, [{
      level: "info",
      event: "request",
      request_id: CALL.requestId,
      did: CALL.did,
      method: "POST",
      route: CALL.route,
      model: CALL.model,
      status,
      outcome: "discarded",
      input_tokens: null,
      output_tokens: null,
      cost_usd: 0,
      ms: 250,
    }]);
  });
}

Deno.test("a row is discarded as soon as Postgres takes it", async () => {
  const books = await discarded({ failures: 3 });
  assert.equal(books.discarded.length, 1);
  assert.deepEqual(books.lines.map(({ event }) => event), ["request"]);
});

Deno.test("a row that Postgres never discards is left to operators in the log", async () => {
  const books = await discarded({ failures: Infinity });
  assert.equal(books.attempts(), 7);
  assert.deepEqual(books.discarded, []);
  assert.deepEqual(books.lines[0], {
    level: "error",
    event: "settlement_deferred",
    cause: "Error: settle_request: 57P01 terminating connection",
    requestId: CALL.requestId,
    requestTime: CALL.requestTime,
    outcome: "discarded",
  });
  assert.equal(books.lines[1]?.event, "request");
});

Deno.test("a row that is gone after an attempt without an answer is no surprise", async () => {
  const books = await discarded({ failures: 1, hasEnded: true });
  assert.deepEqual(books.lines.map(({ event }) => event), ["request"]);
});

Deno.test("a row that had ended before is a surprise", async () => {
  const books = await discarded({ hasEnded: true });
  assert.deepEqual(books.lines.map(({ event }) => event), ["discard_ignored", "request"]);
  assert.deepEqual(books.lines[0], {
    level: "error",
    event: "discard_ignored",
    requestId: CALL.requestId,
    requestTime: CALL.requestTime,
    outcome: "discarded",
  });
});

Deno.test("a row that a retiring worker has settled stays so, without surprise", async () => {
  const books = bookkeeping({ hasEnded: true });
  const booking = books.openCall(CALL);
  books.retire("wall clock");
  booking.answering(answer(USAGE, { httpStatus: 404 }));
  booking.end({ kind: "no_such_path" });
  await books.settled();
  const events = books.lines.map(({ event }) => event);
  assert.ok(!events.includes("discard_ignored"), String(events));
});

Deno.test("a look at a job of which OpenRouter knows no such path changes nothing", async () => {
  const books = bookkeeping();
  const booking = books.openJob({ did: CALL.did, jobId: "job-1" });
  booking.answering(answer({}, { httpStatus: 404 }));
  booking.end({ kind: "no_such_path" });
  await books.settled();
  assert.deepEqual([books.discarded, books.lateCosts, books.jobsAsked], [[], [], []]);
});
