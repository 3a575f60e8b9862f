import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { nothingObserved } from "../metering/usage.ts";
import { type Charging, type Ending, type Seen, type Verdict, verdictOn } from "./verdict.ts";

const NOTHING: Seen = { ...nothingObserved(), hasBegun: false, isOver: false, mayTellMore: false };
const ORDINARY: Charging = { isFree: false, chargesErrors: false };
const USAGE: Partial<Seen> = { inputTokens: 3, outputTokens: 4, cost: "0.5", hasBegun: true };
const broke = (sent: boolean): Ending => ({
  kind: "broken",
  sent,
  error: new GatewayError("upstream_unreachable", "it broke"),
});
const left = (sent: boolean, hadUsage = false): Ending => ({ kind: "left", sent, hadUsage });
const REFUSED: Ending = { kind: "refused", status: 429 };
const ANSWERED: Ending = { kind: "answered" };
const RETIRED: Ending = { kind: "retired", reason: "cpu" };
const BROKE = "upstream_unreachable: it broke";

const known = (error: string | null, cost: string, mayBeRepeated = false): Verdict => ({
  error,
  cost,
  asksForCost: false,
  mayBeRepeated,
  givenUp: false,
});
const asked = (error: string | null, mayBeRepeated = false): Verdict => ({
  error,
  cost: null,
  asksForCost: true,
  mayBeRepeated,
  givenUp: false,
});

const VERDICTS: [what: string, ending: Ending, seen: Partial<Seen>, expected: Verdict][] = [
  ["an answer with usage", ANSWERED, USAGE, known(null, "0.5")],
  ["an answer whose cost is zero", ANSWERED, { ...USAGE, cost: "0" }, known(null, "0")],
  ["an answer that tells no usage", ANSWERED, { hasBegun: true }, asked(null)],
  [
    "an answer that tells tokens and no cost",
    ANSWERED,
    { ...USAGE, cost: null },
    asked(null),
  ],
  [
    "an error beside the input that was read",
    ANSWERED,
    { inputTokens: 3, error: "502: it broke" },
    asked("502: it broke"),
  ],
  [
    "an error beside the output that was written",
    ANSWERED,
    { outputTokens: 0, error: "502: it broke" },
    asked("502: it broke"),
  ],
  [
    "an answer without anything in it",
    { kind: "empty" },
    {},
    asked("OpenRouter's answer is empty, or was cut off"),
  ],
  ["a status that refuses", REFUSED, {}, known("OpenRouter answered with status 429", "0", true)],
  [
    "a status that refuses, with an error's text",
    REFUSED,
    { error: "429: slow down" },
    known("429: slow down", "0", true),
  ],
  [
    "a status that refuses, with a page that nobody reads",
    REFUSED,
    { hasBegun: true },
    known("OpenRouter answered with status 429", "0", true),
  ],
  [
    "a status that refuses, with tokens that were used before",
    REFUSED,
    { inputTokens: 3, outputTokens: 4, error: "403: the reply broke a rule" },
    asked("403: the reply broke a rule", true),
  ],
  [
    "a status that refuses, with what was charged",
    REFUSED,
    { ...USAGE, error: "502: it broke" },
    known("502: it broke", "0.5", true),
  ],
  ...[504, 520, 524].flatMap((status): typeof VERDICTS => [
    [
      `a proxy's ${status}, behind which the call may go on`,
      { kind: "refused", status },
      {},
      asked(`OpenRouter answered with status ${status}`),
    ],
    [
      `OpenRouter's own ${status}`,
      { kind: "refused", status },
      { error: "it took too long" },
      known("it took too long", "0", true),
    ],
  ]),
  ...[500, 502, 503, 521, 522, 523].map((status): typeof VERDICTS[number] => [
    `a proxy's ${status}, which reached nobody`,
    { kind: "refused", status },
    {},
    known(`OpenRouter answered with status ${status}`, "0", true),
  ]),
  ["an error in place of an answer", ANSWERED, { error: "e" }, known("e", "0", true)],
  ["an error after a beginning", ANSWERED, { error: "e", hasBegun: true }, asked("e", true)],
  ["an error with usage", ANSWERED, { ...USAGE, error: "e" }, known("e", "0.5")],
  [
    "a client that left before it was sent",
    left(false),
    {},
    known("client_disconnected", "0", true),
  ],
  ["a client that left after it was sent", left(true), {}, asked("client_disconnected")],
  ["a client that left after the usage", left(true, true), USAGE, known(null, "0.5")],
  [
    "a client that left a call which was heard to its end",
    left(true),
    USAGE,
    known("client_disconnected", "0.5"),
  ],
  ["what never connected", broke(false), {}, known(BROKE, "0", true)],
  ["what broke before the headers", broke(true), {}, asked(BROKE)],
  [
    "what broke with words that Postgres does not store",
    { kind: "broken", sent: true, error: new GatewayError("upstream_unreachable", "it\0 broke") },
    {},
    asked(BROKE),
  ],
  ["what broke within the answer", broke(true), { hasBegun: true }, asked(BROKE)],
  ["what broke with usage and no end", broke(true), USAGE, known(BROKE, "0.5")],
  ...([
    ["a client that left", left(true), "client_disconnected"],
    ["what broke", broke(true), BROKE],
  ] as const).map(([what, ending, error]): typeof VERDICTS[number] => [
    `${what} behind a part of the usage`,
    ending,
    { ...USAGE, mayTellMore: true },
    asked(error),
  ]),
  [
    "a worker that is ended behind a part of the usage",
    RETIRED,
    { ...USAGE, mayTellMore: true },
    { ...asked("worker_retired: cpu"), asksForCost: false, givenUp: true },
  ],
  [
    "an answer that was read to its end, though it did not say so",
    ANSWERED,
    { ...USAGE, mayTellMore: true },
    known(null, "0.5"),
  ],
  ["what broke after end and usage", broke(true), { ...USAGE, isOver: true }, known(null, "0.5")],
  ["what broke after its end, without usage", broke(true), { isOver: true }, asked(BROKE)],
  [
    "a worker that is ended",
    RETIRED,
    {},
    { ...asked("worker_retired: cpu"), asksForCost: false, givenUp: true },
  ],
  [
    "a worker that is ended after the usage",
    RETIRED,
    USAGE,
    { ...known("worker_retired: cpu", "0.5"), givenUp: true },
  ],
];

for (const [what, ending, seen, expected] of VERDICTS) {
  Deno.test(`the verdict on ${what}`, () => {
    assert.deepEqual(verdictOn(ending, { ...NOTHING, ...seen }, ORDINARY), expected);
  });
}

Deno.test("what is free costs nothing however it ends, unless it says otherwise", () => {
  const free: Charging = { isFree: true, chargesErrors: false };
  for (const ending of [ANSWERED, left(true), broke(true), REFUSED, RETIRED]) {
    const seen = { ...NOTHING, hasBegun: true };
    assert.equal(verdictOn(ending, seen, free).cost, "0", ending.kind);
    assert.equal(verdictOn(ending, seen, free).asksForCost, false, ending.kind);
    assert.equal(verdictOn(ending, { ...seen, cost: "0.1" }, free).cost, "0.1", ending.kind);
  }
});

Deno.test("what a stream tells that was cut off says of a free call, too, whether it costs anything", () => {
  const free: Charging = { isFree: true, chargesErrors: false };
  for (const ending of [left(true), broke(true), RETIRED]) {
    const seen = { ...NOTHING, hasBegun: true, mayTellMore: true };
    const charged = verdictOn(ending, { ...seen, cost: "0.1" }, free);
    assert.equal(charged.cost, null, ending.kind);
    assert.equal(charged.asksForCost, ending !== RETIRED, ending.kind);
    assert.equal(verdictOn(ending, { ...seen, cost: "0" }, free).cost, "0", ending.kind);
  }
});

Deno.test("what is charged although it fails is asked for, unless it was never sent", () => {
  const charged: Charging = { isFree: false, chargesErrors: true };
  const failed = { ...NOTHING, error: "e" };
  assert.deepEqual(verdictOn(REFUSED, failed, charged), asked("e", true));
  assert.deepEqual(verdictOn(ANSWERED, failed, charged), asked("e", true));
  assert.deepEqual(
    verdictOn(REFUSED, { ...failed, cost: "0.1" }, charged),
    known("e", "0.1", true),
  );
  assert.deepEqual(verdictOn(broke(false), NOTHING, charged), known(BROKE, "0", true));
});
