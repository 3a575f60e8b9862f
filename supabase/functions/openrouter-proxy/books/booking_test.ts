import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { MAX_LINE_BYTES } from "../log/line.ts";
import { nothingObserved, observe, type Observed } from "../metering/usage.ts";
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
import {
  type Answer,
  type Bookkeeper,
  type BookkeeperDeps,
  createBookkeeper,
  MAX_CALLS,
} from "./booking.ts";
import type { Ending } from "./verdict.ts";

interface Expected {
  status: string;
  error: string | null;
  cost: string | null;
}

const completed = (cost: string | null): Expected => ({ status: "completed", error: null, cost });
const failed = (error: string, cost: string | null): Expected => ({
  status: "failed",
  error,
  cost,
});

/** What of the verdict's table reaches the row and the log; the table has tests of its own. */
const ENDINGS: [what: string, answer: Answer | null, ending: Ending, Expected, asks: boolean][] = [
  ["a whole answer", answer(USAGE), ANSWERED, completed("0.5"), false],
  ["a whole answer that tells no cost", answer({}), ANSWERED, completed(null), true],
  [
    "an error status",
    answer({ error: "402: more credits" }, {
      httpStatus: 402,
      progress: { hasBegun: false, beginsWithError: false, isOver: false, mayTellMore: false },
    }),
    { kind: "refused", status: 402 },
    failed("402: more credits", "0"),
    false,
  ],
  [
    "an error behind output that had begun",
    answer({ error: "502: it broke" }, {
      progress: { hasBegun: true, beginsWithError: false, isOver: false, mayTellMore: false },
    }),
    ANSWERED,
    failed("502: it broke", null),
    true,
  ],
  [
    "a stream of an error, which names a generation",
    answer({ error: "502: it broke" }, {
      progress: { hasBegun: true, beginsWithError: true, isOver: false, mayTellMore: false },
    }),
    ANSWERED,
    failed("502: it broke", null),
    true,
  ],
  [
    "a stream of an error that names no generation",
    answer({ error: "429: slow down" }, {
      generationId: null,
      progress: { hasBegun: true, beginsWithError: true, isOver: false, mayTellMore: false },
    }),
    ANSWERED,
    failed("429: slow down", "0"),
    false,
  ],
  [
    "a connection that broke behind the end and the usage",
    answer(USAGE, {
      progress: { hasBegun: true, beginsWithError: false, isOver: true, mayTellMore: false },
    }),
    BROKEN,
    completed("0.5"),
    false,
  ],
  // llmgateway PR #2231: a client's cancel was logged as an error of the gateway.
  [
    "a client that left before the headers",
    null,
    LEFT,
    failed("client_disconnected", null),
    false,
  ],
  // BerriAI/litellm #14457, bifrost PR #3709: free output, or one token of it.
  [
    "a client that left before the usage",
    answer({ id: "gen-1" }),
    LEFT,
    failed("client_disconnected", null),
    true,
  ],
  [
    "a connection that broke within the answer",
    answer({}),
    BROKEN,
    failed("upstream_unreachable: it broke", null),
    true,
  ],
  [
    "a bug of the gateway",
    null,
    { kind: "broken", sent: false, error: new TypeError("secret of the stack") },
    failed("TypeError", "0"),
    false,
  ],
];

for (const [what, answering, ending, expected, asks] of ENDINGS) {
  Deno.test(`${what} is settled at once as ${expected.status}, with the cost ${expected.cost}`, async () => {
    const books = bookkeeping();
    const booking = books.openCall(CALL);
    if (answering) booking.answering(answering);
    booking.end(ending);
    await booking.settled;

    assert.equal(books.settlements.length, 1);
    const { status, errorMessage, cost, costSource, httpStatus, requestId, requestTime } = books
      .settlements[0]!;
    assert.deepEqual({ status, error: errorMessage, cost }, expected);
    assert.equal(costSource, cost === null ? null : "response");
    assert.equal(httpStatus, answering?.httpStatus ?? null);
    assert.equal(requestId, CALL.requestId);
    assert.equal(requestTime, CALL.requestTime);
    await books.settled();
    assert.deepEqual(books.asked, asks ? ["gen-1"] : []);
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

const MODELS: [what: string, observed: Partial<Observed>, model: string | null][] = [
  ["that told its model and cost", { model: "a/b", cost: "0.5" }, "a/b"],
  ["that told its cost alone", { cost: "0.5" }, "asked/for"],
  // Anybody may invent one, and totals are kept for each.
  ["that told neither", { outputTokens: 2 }, null],
  ["that failed, at a cost", { cost: "0.5", error: "502: x" }, null],
];

for (const [what, observed, model] of MODELS) {
  Deno.test(`the row of a call ${what} names ${model ?? "no model"}`, async () => {
    const books = bookkeeping();
    const booking = books.openCall(CALL);
    booking.answering(answer(observed));
    booking.end(ANSWERED);
    await booking.settled;
    assert.equal(books.settlements[0]?.model, model);
  });
}

Deno.test("a row ends before OpenRouter knows its cost, which follows", async () => {
  const generation = Promise.withResolvers<unknown>();
  const books = bookkeeping({ generation: generation.promise });
  const booking = books.openCall(CALL);
  booking.answering(answer({ model: "m", outputTokens: 2 }));
  booking.end(ANSWERED);
  await booking.settled;
  const [settlement] = books.settlements;
  assert.deepEqual(
    [settlement?.status, settlement?.generationId, settlement?.outputTokens, settlement?.cost],
    ["completed", "gen-1", 2, null],
  );
  assert.deepEqual(books.lateCosts, []);

  generation.resolve({ ...GENERATION, native_tokens_cached: 5 });
  await books.settled();
  assert.deepEqual(books.lateCosts, [{
    row: { requestId: CALL.requestId, requestTime: CALL.requestTime },
    model: "of/generation",
    provider: "G",
    nativeFinishReason: "stop",
    inputTokens: 70,
    outputTokens: 71,
    cachedTokens: 5,
    reasoningTokens: null,
    cost: "0.7",
    upstreamCost: null,
    usdPerCredit: "1",
    costSource: "generation",
  }]);
  assert.equal(books.settlements.length, 1);
  assert.equal(
    JSON.stringify(books.lines[1]),
    '{"level":"info","event":"cost_found","request_id":"11111111-1111-4111-8111-111111111111",' +
      '"did":"did:key:z6Mk","generation_id":"gen-1","cost":0.7}',
  );
});

for (
  const [what, generation] of [
    ["nothing", null],
    ["all but the cost", { ...GENERATION, total_cost: null }],
    ["a cost that is none", { ...GENERATION, total_cost: "-1" }],
  ] as const
) {
  Deno.test(`a generation of which OpenRouter knows ${what} books nothing more`, async () => {
    const books = bookkeeping({ generation });
    const booking = books.openCall(CALL);
    booking.answering(answer({}));
    booking.end(ANSWERED);
    await books.settled();
    assert.deepEqual([books.settlements.length, books.lateCosts], [1, []]);
    assert.deepEqual(books.lines.map(({ event }) => event), ["request"]);
  });
}

Deno.test("a cost that somebody else has booked meanwhile is no news", async () => {
  const books = bookkeeping({ generation: GENERATION, hasCost: true });
  const booking = books.openCall(CALL);
  booking.answering(answer({}));
  booking.end(ANSWERED);
  await books.settled();
  assert.deepEqual(books.lines.map(({ event }) => event), ["request"]);
});

Deno.test("a generation is asked for by the id of the header before that of the body, and not without one", async () => {
  const books = bookkeeping();
  const ids: [header: string | null, body: string | null][] = [
    ["gen-1", "of-the-body"],
    [null, "of-the-body"],
    [null, null],
  ];
  for (const [generationId, id] of ids) {
    const booking = books.openCall(CALL);
    booking.answering(answer({ id }, { generationId }));
    booking.end(ANSWERED);
    await booking.settled;
  }
  await books.settled();
  assert.deepEqual(books.asked, ["gen-1", "of-the-body"]);
  assert.deepEqual(books.settlements.map((settlement) => settlement.generationId), [
    "gen-1",
    "of-the-body",
    null,
  ]);
});

Deno.test("what is free or comes from the response cache costs 0, and nobody is asked", async () => {
  const books = bookkeeping();
  const free = books.openCall({ ...CALL, isFree: true });
  free.answering(answer({}));
  free.end(LEFT);
  const cached = books.openCall(CALL);
  cached.answering(answer({}, { isCacheHit: true }));
  cached.end(ANSWERED);
  await books.settled();
  assert.deepEqual(books.settlements.map(({ cost, costSource }) => [cost, costSource]), [
    ["0", "response"],
    ["0", "response"],
  ]);
  assert.deepEqual(books.asked, []);
});

Deno.test("a call that OpenRouter may charge although it fails is asked for where it was begun", async () => {
  const books = bookkeeping();
  const call = { ...CALL, chargesErrors: true };
  for (const generationId of ["gen-1", null]) {
    const refused = books.openCall(call);
    refused.answering(answer({ error: "502: it broke" }, { httpStatus: 502, generationId }));
    refused.end({ kind: "refused", status: 502 });
  }
  await books.settled();
  assert.deepEqual(books.settlements.map(({ cost }) => cost), [null, "0"]);
  assert.deepEqual(books.asked, ["gen-1"]);
});

Deno.test("of usage that was cut off the input alone is booked, and the rest asked for", async () => {
  const progress = { hasBegun: true, beginsWithError: false, isOver: false, mayTellMore: true };
  const observed = { ...USAGE, reasoningTokens: 2, upstreamCost: "0.3" };
  for (const named of [true, false]) {
    const books = bookkeeping();
    const booking = books.openCall(CALL);
    booking.answering(
      answer(named ? observed : { ...observed, id: null }, {
        progress,
        ...(named ? {} : { generationId: null }),
      }),
    );
    booking.end({ kind: "left", sent: true, hadUsage: false });
    await books.settled();
    const { inputTokens, outputTokens, reasoningTokens, cost, upstreamCost } = books
      .settlements[0]!;
    assert.deepEqual(
      [inputTokens, outputTokens, reasoningTokens, cost, upstreamCost],
      // Where nobody can be asked, a part is more than nothing.
      named ? [3, null, null, null, null] : [3, 4, 2, "0.5", "0.3"],
    );
  }
});

Deno.test("a settlement has all that was learnt, and no part above its whole", async () => {
  const books = bookkeeping();
  const booking = books.openCall(CALL);
  books.at(1_234.4);
  booking.firstByte();
  books.at(5_000);
  booking.firstByte();
  booking.answering(
    answer({ ...USAGE, cachedTokens: 5, reasoningTokens: 6, nativeFinishReason: "stop" }),
  );
  booking.end({ kind: "left", sent: true, hadUsage: true });
  await books.settled();
  const { requestId: _id, requestTime: _time, ...settlement } = books.settlements[0]!;
  assert.deepEqual(settlement, {
    status: "completed",
    httpStatus: 200,
    errorMessage: null,
    model: "m",
    provider: "P",
    generationId: "gen-1",
    nativeFinishReason: "stop",
    inputTokens: 3,
    outputTokens: 4,
    cachedTokens: 3,
    reasoningTokens: 4,
    cost: "0.5",
    upstreamCost: null,
    usdPerCredit: "1",
    costSource: "response",
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
  booking.end(ANSWERED);
  await books.settled();
  assert.equal(
    JSON.stringify(books.lines[0]),
    '{"level":"info","event":"request","request_id":"11111111-1111-4111-8111-111111111111",' +
      '"did":"did:key:z6Mk","method":"POST","route":"/api/v1/openrouter/chat/completions",' +
      '"model":"m","status":200,"outcome":"completed","input_tokens":3,"output_tokens":4,' +
      '"cost_usd":0.12345678901234567891,"ms":501}',
  );
});

Deno.test("the line of a call that broke off tells by what", async () => {
  const books = bookkeeping();
  const broken = books.openCall(CALL);
  broken.end({ kind: "broken", sent: true, error: new Error("connection reset") });
  const answered = books.openCall(CALL);
  answered.answering(answer(USAGE));
  answered.end(ANSWERED);
  await books.settled();
  const [first, second] = books.lines.filter(({ event }) => event === "request");
  assert.match(String(first?.cause), /reset/);
  assert.equal(second?.cause, undefined);
});

Deno.test("a booking ends once, by what came first", async () => {
  const books = bookkeeping();
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  booking.end(ANSWERED);
  booking.end(BROKEN);
  booking.end(LEFT);
  await books.settled();
  assert.deepEqual(books.settlements.map(({ status }) => status), ["completed"]);
});

Deno.test("a settlement that Postgres does not take is tried again until it does", async () => {
  const books = bookkeeping({ failures: 4 });
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  booking.end(ANSWERED);
  await books.settled();
  assert.equal(books.settlements.length, 1);
  assert.deepEqual(books.lines.map(({ event }) => event), ["request"]);
});

// BerriAI/litellm #38157, #34820, #33873: a failed flush lost its rows.
Deno.test("a settlement that Postgres never takes is one line of the log, with all of it", async () => {
  const books = bookkeeping({ failures: Infinity });
  const booking = books.openCall(CALL);
  booking.answering(answer({ ...USAGE, cachedTokens: 1, reasoningTokens: 2, upstreamCost: "9" }));
  booking.firstByte();
  booking.end(ANSWERED);
  await books.settled();

  assert.equal(books.attempts(), 7);
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

Deno.test("a call that Postgres never books has its line in the log, without a cost", async () => {
  const books = bookkeeping({ failures: Infinity });
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  booking.end(ANSWERED);
  await books.settled();
  assert.deepEqual(books.lines.map(({ event, cost_usd }) => [event, cost_usd]), [
    ["settlement_deferred", undefined],
    ["request", null],
  ]);
});

Deno.test("whatever texts an entry holds, its line in the log is short enough to be kept whole", async () => {
  for (const character of ["\u20ac", '"', "\n", "\x01", "\ud800", "\u{1f600}"]) {
    const books = bookkeeping({ failures: Infinity });
    const booking = books.openCall(CALL);
    const text = character.repeat(10_000);
    const seen = nothingObserved();
    const usage = {
      prompt_tokens: 1e9,
      completion_tokens: 1e9,
      cost: "9999999999.9999999999999999999999999999999999999999e-49",
    };
    observe(seen, {
      id: text.slice(0, 512),
      model: text,
      provider: text,
      choices: [{ native_finish_reason: text }],
      error: { code: 1, message: text },
      usage,
    });
    booking.answering(answer(seen, { generationId: null }));
    booking.end(ANSWERED);
    await books.settled();
    const [deferred] = books.lines.filter(({ event }) => event === "settlement_deferred");
    assert.equal(deferred?.inputTokens, 1e9);
    const line = JSON.stringify({ time: new Date().toISOString(), ...deferred });
    assert.ok(utf8(line).length <= MAX_LINE_BYTES, `${JSON.stringify(character)}: ${line.length}`);
  }
});

Deno.test("a row that Postgres never ends is not asked after: there is nowhere to book its cost", async () => {
  const books = bookkeeping({ failures: Infinity, generation: GENERATION });
  const booking = books.openCall(CALL);
  booking.answering(answer({}));
  booking.end(ANSWERED);
  await books.settled();
  assert.deepEqual(books.asked, []);
});

Deno.test("what Postgres refuses of a settlement is named in the log, with all of it", async () => {
  const books = bookkeeping({ leftOut: "input_tokens" });
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  booking.end(ANSWERED);
  await books.settled();
  const [incomplete, line] = books.lines;
  assert.deepEqual(
    [incomplete?.level, incomplete?.event, incomplete?.left_out, incomplete?.inputTokens],
    ["error", "settlement_incomplete", "input_tokens", 3],
  );
  assert.equal(line?.event, "request");
});

Deno.test("a settlement that was sent again, because its answer got lost, is no surprise", async () => {
  const books = bookkeeping({ failures: 1, hasEnded: true });
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  booking.end(ANSWERED);
  await books.settled();
  assert.deepEqual(books.lines.map(({ level, event }) => [level, event]), [["info", "request"]]);
});

Deno.test("a client that left before OpenRouter got a byte may send the same again", async () => {
  const books = bookkeeping();
  books.openCall(CALL).end({ kind: "left", sent: false, hadUsage: false });
  books.openCall(CALL).end(LEFT);
  await books.settled();
  assert.deepEqual(
    books.settlements.map(({ mayBeRepeated, cost }) => [mayBeRepeated, cost]),
    [[true, "0"], [false, null]],
  );
});

Deno.test("a settlement that finds its row ended leaves all of it in the log", async () => {
  const books = bookkeeping({ hasEnded: true });
  const booking = books.openCall(CALL);
  booking.answering(answer(USAGE));
  booking.end(ANSWERED);
  await books.settled();
  const ignored = books.lines.filter(({ event }) => event === "settlement_ignored");
  assert.deepEqual(ignored.map(({ level, requestId, cost }) => [level, requestId, cost]), [
    ["error", CALL.requestId, "0.5"],
  ]);
});

/** Whether there is room for one more call of a DID, of which none is taken. */
function hasRoom({ takeRoom }: Pick<Bookkeeper, "takeRoom">, did: string): boolean {
  using room = takeRoom(did);
  return room !== null;
}

Deno.test(`there is room for a call while fewer than ${MAX_CALLS} are under way or wait for Postgres`, async () => {
  const { promise: until, resolve: goOn } = Promise.withResolvers<void>();
  const books = bookkeeping({ until });
  const { openCall, settled } = books;
  const bookings = Array.from(
    { length: MAX_CALLS - 1 },
    (_, n) => openCall({ ...CALL, did: `did:key:${n}` }),
  );
  assert.ok(hasRoom(books, "did:key:new"));
  bookings.push(openCall({ ...CALL, did: "did:key:last" }));
  assert.ok(!hasRoom(books, "did:key:new"));
  for (const booking of bookings) booking.end(ANSWERED);
  assert.ok(!hasRoom(books, "did:key:new"), "ended, and not in Postgres yet");
  await books.idle();
  assert.ok(!hasRoom(books, "did:key:new"), "Postgres has not taken any");
  goOn();
  await settled();
  assert.ok(hasRoom(books, "did:key:new"));
});

Deno.test("a DID has no more calls than there is room left, so that others always have some", async () => {
  const books = bookkeeping();
  const { openCall, settled } = books;
  /** Opens as many calls of a DID as it has room for. */
  function fill(did: string) {
    const bookings = [];
    while (hasRoom(books, did)) bookings.push(openCall({ ...CALL, did }));
    return bookings;
  }
  const [first, second] = ["did:key:1", "did:key:2"].map(fill);
  assert.deepEqual([first!.length, second!.length], [MAX_CALLS / 2, MAX_CALLS / 4]);
  assert.ok(hasRoom(books, "did:key:3"));
  assert.ok(!hasRoom(books, "did:key:1"));
  for (const booking of first!) booking.end(ANSWERED);
  await Promise.all(first!.map((booking) => booking.settled));
  // What is settled counts no more: of what is left it has half again.
  const again = fill("did:key:1");
  assert.equal(again.length, (MAX_CALLS - MAX_CALLS / 4) / 2);
  for (const booking of [...second!, ...again]) booking.end(ANSWERED);
  await settled();
});

Deno.test("calls that are being admitted take room, however many come before the first is", () => {
  const books = bookkeeping();
  const rooms: Disposable[] = [];
  for (let room = books.takeRoom("did:key:1"); room; room = books.takeRoom("did:key:1")) {
    rooms.push(room);
  }
  assert.equal(rooms.length, MAX_CALLS / 2);
  const others = Array.from({ length: MAX_CALLS / 2 }, (_, n) => books.takeRoom(`did:key:o${n}`));
  assert.ok(others.every((room) => room !== null));
  assert.ok(!hasRoom(books, "did:key:new"));
  rooms.pop()![Symbol.dispose]();
  assert.ok(hasRoom(books, "did:key:new"));
});

Deno.test("a booking that fails for a bug leaves a line in the log, and room for others", async () => {
  const lines: Record<string, unknown>[] = [];
  let failing = true;
  const { openCall, takeRoom } = createBookkeeper({
    store: {
      settle: () =>
        Promise.resolve({ settled: true, totalCostUsd: "0", leftOut: null, isAlerted: false }),
    } as unknown as BookkeeperDeps["store"],
    generations: { read: () => Promise.resolve(null), readJob: () => Promise.resolve(null) },
    usdPerCredit: "1",
    now: () => 1_000,
    sleep: () => Promise.resolve(),
    waitUntil() {},
    log(line) {
      if (failing) {
        failing = false;
        throw new TypeError("a bug");
      }
      lines.push(line);
    },
  });
  const booking = openCall(CALL);
  booking.end({ kind: "left", sent: false, hadUsage: false });
  await booking.settled;
  const [{ level, event, error, cause }] = lines as [Record<string, unknown>];
  assert.deepEqual([level, event, error], ["error", "booking_failed", "TypeError"]);
  assert.match(String(cause), /^TypeError: a bug\n +at /);
  assert.notEqual(takeRoom(CALL.did), null);
});

Deno.test("a settlement that cannot be made is a bug as well, and its booking ends", async () => {
  const { openCall, takeRoom, lines, settled } = bookkeeping();
  const booking = openCall(CALL);
  const unreadable = new Proxy(nothingObserved(), {
    get() {
      throw new TypeError("a bug");
    },
  });
  booking.answering({ ...answer({}), observed: unreadable });
  booking.end({ kind: "answered" });
  await settled();
  assert.deepEqual(lines.map(({ event, error }) => [event, error]), [
    ["booking_failed", "TypeError"],
  ]);
  assert.notEqual(takeRoom(CALL.did), null);
});
