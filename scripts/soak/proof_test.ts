import assert from "node:assert/strict";
import type { CallRecord } from "./call_record.ts";
import type { Evidence } from "./evidence.ts";
import type { MemorySample } from "./memory_samples.ts";
import { prove } from "./proof.ts";

const DID = "did:key:zAlice";
const AT_MS = Date.parse("2026-11-27T10:00:00Z");

const CALL: CallRecord = {
  id: "soak-1-0-0",
  what: "chat",
  did: DID,
  isMetered: true,
  expected: { statuses: [200], breaks: false },
  startedMs: AT_MS,
  endedMs: AT_MS + 40,
  status: 200,
  type: null,
  retryAfter: null,
  requestId: "row-1",
  isWhole: true,
  hasLeft: false,
};

const ROW = {
  id: "row-1",
  did: DID,
  status: "completed",
  session: CALL.id,
  generation_id: "gen-1",
  total_cost: "0.000001650000000001",
  upstream_cost: "0.2",
  reserved_usd: "0",
  day: "2026-11-27",
};

const BUDGET = {
  did: DID,
  day: "2026-11-27",
  day_spent_usd: ROW.total_cost,
  day_reserved_usd: "0",
  month: "2026-11-01",
  month_spent_usd: ROW.total_cost,
  month_reserved_usd: "0",
  requests_under_way: 0,
};

const GENERATION = {
  id: "gen-1",
  key_hash: "hash",
  cost: ROW.total_cost,
  byok_cost: "0.2",
  session_id: CALL.id,
};

const KEY = {
  hash: "hash",
  name: `llm-gateway:${DID}#1234`,
  workspace_id: "w",
  guardrail_id: null,
  usage: ROW.total_cost,
  byok_usage: "0.2",
  limit: null,
  generations: 1,
  disabled: false,
  deleted: false,
};

const OUTAGE = {
  what: "Postgres crashes",
  affects: "store" as const,
  fromMs: AT_MS - 1_000,
  toMs: AT_MS + 500,
};

/** One call that was answered and booked, during an outage: all green. */
function evidence(): Evidence {
  return structuredClone({
    calls: [CALL],
    outages: [OUTAGE],
    books: {
      rows: [ROW],
      found: [],
      accounts: [{ did: DID, hash: "hash" }],
      budgets: [BUDGET, { ...BUDGET, did: "*" }],
      wrongTotals: [],
      wrongReservations: [],
      drifts: [],
    },
    ledger: { keys: [KEY], total_cost: ROW.total_cost, generations: [GENERATION] },
    closing: { lostRows: 0, maintenanceRuns: 1, failures: [], reconciliation: [] },
    memory: memory(Array(12).fill(15)),
    bugs: [],
  });
}

function memory(liveMb: number[], rssMb = 100): MemorySample[] {
  return liveMb.map((mb, n) => ({ atMs: AT_MS + n * 5_000, pid: 7, liveMb: mb, rssMb }));
}

function redLines(given: Evidence): string[] {
  return prove(given).filter(({ isGreen }) => !isGreen).map(({ name }) => name);
}

const ONCE = "each generation is booked once, as billed";
const LEDGER = "rows = OpenRouter's ledger";
const ANSWERED = "each answered call has its row";
const BUDGETS = "budgets = sums of rows";
const EXPLAINED = "no unexplained answer";

Deno.test("a call that was answered and booked leaves every line green", () => {
  assert.deepEqual(redLines(evidence()), []);
});

/** What is wrong, and the lines that say so. */
const WRONGS: [what: string, spoil: (given: Evidence) => void, red: string[]][] = [
  ["a generation that no row has", ({ books }) => books.rows.pop(), [
    ONCE,
    LEDGER,
    ANSWERED,
    BUDGETS,
  ]],
  ["a generation in two rows", ({ books }) => {
    books.rows.push({ ...books.rows[0]!, id: "row-2", session: null });
  }, [ONCE, LEDGER, BUDGETS]],
  ["a cost that is wrong in its last digit", ({ books }) => {
    books.rows[0]!.total_cost = "0.000001650000000002";
  }, [ONCE, LEDGER, BUDGETS]],
  ["an upstream cost that is missing", ({ books }) => {
    books.rows[0]!.upstream_cost = null;
  }, [ONCE]],
  ["a row for a call that nobody has made", ({ books }) => {
    books.rows[0]!.session = "soak-1-0-9";
  }, [ANSWERED]],
  ["two rows for one call", ({ books }) => {
    books.rows.push({ ...books.rows[0]!, id: "row-2", generation_id: null, total_cost: "0" });
  }, [ANSWERED]],
  ["a row that is pending", ({ books }) => {
    books.rows[0]!.status = "pending";
  }, ["no row is pending"]],
  ["a cost that is not known", ({ books }) => {
    books.rows.push({
      ...books.rows[0]!,
      id: "2",
      generation_id: null,
      session: null,
      total_cost: null,
    });
  }, ["every cost is known"]],
  ["a key that no account has", ({ ledger }) => {
    ledger.keys.push({ ...KEY, hash: "other", usage: "0" });
  }, ["no orphan keys"]],
  ["dollars that a row holds", ({ books }) => {
    books.rows[0]!.reserved_usd = "0.1";
  }, ["no reserved dollars"]],
  ["dollars that a budget holds", ({ books }) => {
    books.budgets[1]!.month_reserved_usd = "0.00000001";
  }, ["no reserved dollars"]],
  ["a budget that holds what the log does not", ({ books }) => {
    books.wrongReservations.push({ did: DID });
  }, ["no reserved dollars"]],
  ["a request that never ended", ({ books }) => {
    books.budgets[0]!.requests_under_way = 1;
  }, ["no reserved dollars"]],
  ["a budget that has forgotten something", ({ books }) => {
    books.budgets[1]!.day_spent_usd = "0";
  }, [BUDGETS]],
  ["a DID without a budget", ({ books }) => books.budgets.shift(), [BUDGETS]],
  ["a total that differs", ({ books }) => books.wrongTotals.push({ relation: "usage_daily" }), [
    "usage totals = log",
  ]],
  ["a drift", ({ books }) => books.drifts.push({ did: DID, drift_usd: "0.1" }), [
    "maintenance finds no drift",
  ]],
  ["an entry of a bug in the log", (given) => {
    given.bugs = ["settlement_ignored"];
  }, ["no bug shows"]],
  ["a service that did not come back", ({ outages }) => {
    outages[0]!.toMs = null;
  }, ["service resumes by itself"]],
  ["memory that grows", (given) => {
    given.memory = memory([15, 15, 16, 16, 17, 18, 19, 20, 21, 22]);
  }, ["no memory growth in the last half"]],
];

for (const [what, spoil, red] of WRONGS) {
  Deno.test(`${what} is seen`, () => {
    const given = evidence();
    spoil(given);
    assert.deepEqual(redLines(given), red);
  });
}

const UNAVAILABLE = { status: 503, type: "store_unavailable", retryAfter: "2" };
const AFTER = { startedMs: OUTAGE.toMs + 1_001, endedMs: OUTAGE.toMs + 1_100 };

/** Answers to a second call, and the lines that are red then. */
const ANSWERS: [what: string, answer: Partial<CallRecord>, red: string[]][] = [
  ["503 during the outage", UNAVAILABLE, []],
  ["503 without Retry-After", { ...UNAVAILABLE, retryAfter: null }, [
    "each 503 says when to come back",
  ]],
  ["503 after the outage", { ...UNAVAILABLE, ...AFTER }, [EXPLAINED]],
  ["an error that no outage of the store explains", { status: 502, type: "upstream_unreachable" }, [
    EXPLAINED,
  ]],
  ["an internal error", { status: 500, type: "internal_error" }, [EXPLAINED, "no bug shows"]],
  ["no answer", { status: null, isWhole: false }, [EXPLAINED]],
  ["no answer to a client that has left", { status: null, isWhole: false, hasLeft: true }, []],
  ["half of an answer", { isMetered: false, isWhole: false }, [EXPLAINED]],
  ["half of an answer where OpenRouter broke off", {
    isMetered: false,
    isWhole: false,
    expected: { statuses: [200], breaks: true },
  }, []],
  ["OpenRouter's own error", { status: 500, expected: { statuses: [500], breaks: false } }, []],
  ["a call that should have been refused", {
    isMetered: false,
    expected: { statuses: [402], breaks: false },
  }, [EXPLAINED]],
];

for (const [what, answer, red] of ANSWERS) {
  Deno.test(`${what} is ${red.length === 0 ? "green" : "seen"}`, () => {
    const given = evidence();
    given.calls = [CALL, { ...CALL, id: "soak-1-0-1", requestId: "row-9", ...answer }];
    assert.deepEqual(redLines(given), red);
  });
}

Deno.test("a generation that was found later counts as the row's that got its cost", () => {
  const given = evidence();
  given.books.rows[0]!.generation_id = "gen-vid-1";
  assert.deepEqual(redLines(given), [ONCE]);
  given.books.found.push({ generation_id: "gen-1", request_id: "row-1" });
  assert.deepEqual(redLines(given), []);
});

Deno.test("samples of two processes say nothing of growth", () => {
  const given = evidence();
  given.memory = memory([10, 10, 10, 10, 20, 20, 20, 20]).map((sample, n) => ({
    ...sample,
    pid: n,
  }));
  assert.deepEqual(redLines(given), []);
});
