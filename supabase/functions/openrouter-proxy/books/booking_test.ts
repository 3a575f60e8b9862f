import assert from "node:assert/strict";
import type { Answer, Ending } from "./booking.ts";
import {
  answer,
  bookkeeping,
  BROKEN,
  CALL,
  GENERATION,
  TIMEOUT,
  USAGE,
} from "../testing/bookkeeping.ts";

interface Expected {
  status: string;
  error: string | null;
  cost: string | null;
  source: string | null;
}

const completed = (cost: string | null, source: string | null): Expected => ({
  status: "completed",
  error: null,
  cost,
  source,
});
const failed = (error: string, cost: string | null, source: string | null): Expected => ({
  status: "failed",
  error,
  cost,
  source,
});

const ENDINGS: [what: string, answer: Answer | null, ending: Ending, known: unknown, Expected][] = [
  ["a whole answer", answer(USAGE), { kind: "answered" }, null, completed("0.5", "response")],
  [
    "a whole answer that cost nothing",
    answer({ ...USAGE, cost: "0" }),
    { kind: "answered" },
    null,
    completed("0", "response"),
  ],
  [
    "a whole answer without usage",
    answer({}),
    { kind: "answered" },
    GENERATION,
    completed("0.7", "generation"),
  ],
  [
    "a whole answer with tokens and without cost",
    answer({ inputTokens: 3 }),
    { kind: "answered" },
    GENERATION,
    completed("0.7", "generation"),
  ],
  [
    "a whole answer of which nobody knows the cost",
    answer({}),
    { kind: "answered" },
    null,
    completed(null, null),
  ],
  [
    "an error inside a 200",
    answer({ error: "429: slow down" }),
    { kind: "answered" },
    { ...GENERATION, total_cost: "0" },
    failed("429: slow down", "0", "generation"),
  ],
  [
    "an error inside a 200 that was charged",
    answer({ ...USAGE, error: "502: broke" }),
    { kind: "answered" },
    null,
    failed("502: broke", "0.5", "response"),
  ],
  [
    "an error status",
    answer({ error: "402: more credits" }, { httpStatus: 402 }),
    { kind: "refused" },
    GENERATION,
    failed("402: more credits", null, null),
  ],
  [
    "an error status without a message",
    answer({}, { httpStatus: 503 }),
    { kind: "refused" },
    GENERATION,
    failed("OpenRouter answered with status 503", null, null),
  ],
  // llmgateway PR #2231: a client's cancel was logged as an error of the gateway.
  [
    "a client that left before the headers",
    null,
    { kind: "client_disconnected" },
    GENERATION,
    failed("client_disconnected", null, null),
  ],
  // BerriAI/litellm #14457, bifrost PR #3709: free output, or one token of it.
  [
    "a client that left before the usage",
    answer({ id: "gen-1" }),
    { kind: "client_disconnected" },
    GENERATION,
    failed("client_disconnected", "0.7", "generation"),
  ],
  [
    "a client that left before the usage, of which OpenRouter knows nothing",
    answer({}),
    { kind: "client_disconnected" },
    null,
    failed("client_disconnected", null, null),
  ],
  [
    "a client that left after the usage",
    answer(USAGE),
    { kind: "client_disconnected" },
    GENERATION,
    completed("0.5", "response"),
  ],
  [
    "a connection that broke before the headers",
    null,
    BROKEN,
    GENERATION,
    failed("upstream_unreachable: it broke", null, null),
  ],
  [
    "a connection that broke within the answer",
    answer({}),
    BROKEN,
    GENERATION,
    failed("upstream_unreachable: it broke", "0.7", "generation"),
  ],
  [
    "a connection that broke after the usage",
    answer(USAGE),
    BROKEN,
    GENERATION,
    failed("upstream_unreachable: it broke", "0.5", "response"),
  ],
  [
    "a request that could not be sent",
    null,
    { kind: "not_sent", error: BROKEN.error },
    GENERATION,
    failed("upstream_unreachable: it broke", null, null),
  ],
  [
    "silence before the headers",
    null,
    TIMEOUT,
    GENERATION,
    failed("upstream_timeout: silent", null, null),
  ],
  [
    "silence within the answer",
    answer({}),
    TIMEOUT,
    GENERATION,
    failed("upstream_timeout: silent", "0.7", "generation"),
  ],
  [
    "a bug of the gateway",
    null,
    { kind: "broken", error: new TypeError("secret of the stack") },
    null,
    failed("TypeError", null, null),
  ],
];

for (const [what, answering, ending, generation, expected] of ENDINGS) {
  Deno.test(`${what} is settled as ${expected.status}, cost ${expected.cost} of ${expected.source}`, async () => {
    const books = bookkeeping({ generation });
    const booking = books.openCall(CALL);
    if (answering) booking.answering(answering);
    booking.end(ending);
    await books.settled();

    assert.equal(books.settlements.length, 1);
    const { status, errorMessage, cost, costSource, httpStatus, requestId, requestTime } = books
      .settlements[0]!;
    assert.deepEqual({ status, error: errorMessage, cost, source: costSource }, expected);
    assert.equal(httpStatus, answering?.httpStatus ?? null);
    assert.equal(requestId, CALL.requestId);
    assert.equal(requestTime, CALL.requestTime);
    assert.equal(
      books.settlements[0]?.mayBeRepeated,
      ending.kind === "not_sent" || (httpStatus ?? 0) >= 400,
    );
    assert.equal(
      books.asked.length,
      expected.source === "generation" || (
          answering !== null && expected.source === null && ending.kind !== "refused"
        )
        ? 1
        : 0,
    );
    assert.ok(!JSON.stringify(books.lines).includes("sk-or-v1"));

    assert.equal(books.lines.length, 1);
    const { event, level, outcome, error, request_id } = books.lines[0]!;
    assert.deepEqual({ event, outcome, error, request_id }, {
      event: "request",
      outcome: expected.status,
      error: expected.error ?? undefined,
      request_id: CALL.requestId,
    });
    assert.equal(level, expected.status === "completed" ? "info" : "warn");
  });
}

Deno.test("a generation is read with the key that made the call, by the id of the header before that of the body", async () => {
  const books = bookkeeping();
  const byHeader = books.openCall(CALL);
  byHeader.answering(answer({ id: "of-the-body" }));
  byHeader.end({ kind: "answered" });
  const byBody = books.openCall(CALL);
  byBody.answering(answer({ id: "of-the-body" }, { generationId: null, apiKey: "sk-2" }));
  byBody.end({ kind: "answered" });
  const unnamed = books.openCall(CALL);
  unnamed.answering(answer({}, { generationId: null }));
  unnamed.end({ kind: "answered" });
  await books.settled();
  assert.deepEqual(books.asked, [["gen-1", "sk-or-v1-x"], ["of-the-body", "sk-2"]]);
  assert.deepEqual(books.settlements.map((settlement) => settlement.generationId), [
    null,
    "gen-1",
    "of-the-body",
  ]);
});

Deno.test("a settlement has all that was learnt, from the answer and from the generation", async () => {
  const books = bookkeeping({ generation: { ...GENERATION, native_tokens_cached: 5 } });
  const booking = books.openCall(CALL);
  books.at(1_234.4);
  booking.firstByte();
  books.at(5_000);
  booking.firstByte();
  booking.answering(answer({ provider: "P", reasoningTokens: 2, outputTokens: 1 }));
  booking.end({ kind: "client_disconnected" });
  await books.settled();
  const { requestId: _id, requestTime: _time, ...settlement } = books.settlements[0]!;
  assert.deepEqual(settlement, {
    status: "failed",
    httpStatus: 200,
    errorMessage: "client_disconnected",
    model: "of/generation",
    provider: "P",
    generationId: "gen-1",
    nativeFinishReason: "stop",
    inputTokens: 70,
    outputTokens: 71,
    cachedTokens: 5,
    reasoningTokens: 2,
    cost: "0.7",
    upstreamCost: null,
    usdPerCredit: "1",
    costSource: "generation",
    firstByteMs: 234,
    givenUp: false,
    mayBeRepeated: false,
  });
});

Deno.test("a request's line has its figures, the cost as a number with all its digits", async () => {
  const books = bookkeeping();
  const booking = books.openCall(CALL);
  booking.answering(answer({ ...USAGE, cost: "0.12345678901234567891" }));
  books.at(1_500.6);
  booking.end({ kind: "answered" });
  await books.settled();
  assert.equal(
    JSON.stringify(books.lines[0]),
    '{"level":"info","event":"request","request_id":"11111111-1111-4111-8111-111111111111",' +
      '"did":"did:key:z6Mk","method":"POST","route":"/api/v1/openrouter/chat/completions",' +
      '"model":"m","status":200,"outcome":"completed","input_tokens":3,"output_tokens":4,' +
      '"cost_usd":0.12345678901234567891,"ms":501}',
  );
});

Deno.test("a booking ends once, by what came first", async () => {
  const books = bookkeeping();
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  booking.end({ kind: "answered" });
  booking.end(BROKEN);
  booking.end({ kind: "client_disconnected" });
  await books.settled();
  assert.deepEqual(books.settlements.map(({ status }) => status), ["completed"]);
});

Deno.test("a settlement that Postgres does not take is tried again until it does", async () => {
  for (const failures of [1, 4]) {
    const books = bookkeeping({ failures });
    const booking = books.openCall(CALL);
    booking.answering(answer(USAGE));
    booking.end({ kind: "answered" });
    await books.settled();
    assert.equal(books.settlements.length, 1);
    assert.deepEqual(books.waits, [250, 1_000, 4_000, 15_000].slice(0, failures));
    assert.deepEqual(books.lines.map(({ event }) => event), ["request"]);
  }
});

// BerriAI/litellm #38157, #34820, #33873: a failed flush lost its rows.
Deno.test("a settlement that Postgres never takes is one line of the log, with all of it", async () => {
  const books = bookkeeping({ failures: Infinity });
  const booking = books.openCall(CALL);
  booking.answering(answer({ ...USAGE, cachedTokens: 1, reasoningTokens: 2, upstreamCost: "9" }));
  booking.firstByte();
  booking.end({ kind: "answered" });
  await books.settled();

  assert.equal(books.attempts(), 5);
  assert.deepEqual(books.waits, [250, 1_000, 4_000, 15_000]);
  const deferred = books.lines.filter(({ event }) => event === "settlement_deferred");
  assert.deepEqual(deferred, [{
    level: "error",
    event: "settlement_deferred",
    cause: "Error: settle_request: 57P01 terminating connection",
    requestId: CALL.requestId,
    requestTime: CALL.requestTime,
    status: "completed",
    httpStatus: 200,
    errorMessage: null,
    model: "m",
    provider: "P",
    generationId: "gen-1",
    nativeFinishReason: null,
    inputTokens: 3,
    outputTokens: 4,
    cachedTokens: 1,
    reasoningTokens: 2,
    cost: "0.5",
    upstreamCost: "9",
    usdPerCredit: "1",
    costSource: "response",
    firstByteMs: 0,
    givenUp: false,
    mayBeRepeated: false,
  }]);
});

Deno.test("a settlement that was sent again, because its answer got lost, is no surprise", async () => {
  const books = bookkeeping({ failures: 1, hasEnded: true });
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  booking.end({ kind: "answered" });
  await books.settled();
  assert.deepEqual(books.lines.map(({ level, event }) => [level, event]), [["info", "request"]]);
});

Deno.test("a client that left before OpenRouter got a byte has sent nothing", async () => {
  const books = bookkeeping();
  books.openCall(CALL).end({ kind: "client_disconnected", neverSent: true });
  books.openCall(CALL).end({ kind: "client_disconnected" });
  await books.settled();
  assert.deepEqual(books.settlements.map(({ mayBeRepeated }) => mayBeRepeated), [true, false]);
});

Deno.test("a settlement that finds its row ended leaves all of it in the log", async () => {
  const books = bookkeeping({ hasEnded: true });
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  books.retire("wall_clock");
  booking.end({ kind: "answered" });
  await books.settled();
  const ignored = books.lines.filter(({ event }) => event === "settlement_ignored");
  assert.deepEqual(ignored.map(({ level, requestId, cost }) => [level, requestId, cost]), [
    ["error", CALL.requestId, "0.5"],
  ]);
});
