import assert from "node:assert/strict";
import { isAnswerOf } from "./rpc_answers.ts";
import { costComparisonCalls } from "./cost_comparison.ts";
import { housekeepingCalls } from "./housekeeping.ts";
import { lateCostCalls } from "./late_costs.ts";
import { lostCallCalls } from "./lost_calls.ts";
import type { StoreCall } from "./rpc.ts";
import type { KnownUsage } from "./settlement.ts";
import { testCalls } from "../testing/store_calls.ts";

/** What maintenance asks of Postgres. */
function maintenanceCalls(call: StoreCall) {
  return {
    ...housekeepingCalls(call),
    ...lateCostCalls(call),
    ...costComparisonCalls(call),
    ...lostCallCalls(call),
  };
}

const DID = "did:key:z6Mk";
const USAGE: KnownUsage = {
  model: "a/b",
  provider: "P",
  nativeFinishReason: "stop",
  inputTokens: 1,
  outputTokens: 2,
  cachedTokens: 3,
  reasoningTokens: 4,
  upstreamCost: "0.1",
  usdPerCredit: "1.5",
};
const USAGE_MEMBERS = {
  model: "a/b",
  provider: "P",
  native_finish_reason: "stop",
  input_tokens: 1,
  output_tokens: 2,
  cached_tokens: 3,
  reasoning_tokens: 4,
  upstream_cost: "0.1",
  usd_per_credit: "1.5",
};
const [AT, LATER] = ["2026-11-22T10:00:00.000Z", "2026-11-22T10:01:00.000Z"];
const [AT_MS, LATER_MS] = [AT, LATER].map((at) => Date.parse(at));

testCalls(maintenanceCalls, [
  {
    rpc: "begin_maintenance",
    ask: (calls) => calls.beginMaintenance("run", 89_999.6),
    sent: { p_run_id: "run", p_lease: "90000 milliseconds" },
    answer: true,
    told: true,
  },
  {
    rpc: "claim_unpriced_requests",
    ask: (calls) => calls.claimUnpriced(3),
    sent: { p_limit: 3 },
    answer: {
      requests: [
        { request_id: "r", request_time: AT, did: DID, endpoint: "/videos", generation_id: "g" },
      ],
      left: 1,
    },
    told: {
      requests: [
        { requestId: "r", requestTime: AT, did: DID, endpoint: "/videos", generationId: "g" },
      ],
      left: 1,
    },
  },
  {
    rpc: "give_back_unpriced_requests",
    ask: (calls) =>
      calls.giveBackUnpriced([
        { requestId: "r", requestTime: AT, did: DID, endpoint: "/videos", generationId: "g" },
      ]),
    sent: { p_requests: [{ request_id: "r", request_time: AT }] },
  },
  {
    rpc: "book_costs",
    ask: (calls) =>
      calls.bookCosts([
        {
          ...USAGE,
          row: { requestId: "r", requestTime: AT },
          cost: "0.5",
          costSource: "generation",
        },
        {
          ...USAGE,
          row: { did: DID, generationId: "g" },
          cost: "0.6",
          costSource: "reconciliation",
        },
      ]),
    sent: {
      p_costs: [
        {
          request_id: "r",
          request_time: AT,
          cost: "0.5",
          cost_source: "generation",
          ...USAGE_MEMBERS,
        },
        {
          did: DID,
          generation_id: "g",
          cost: "0.6",
          cost_source: "reconciliation",
          ...USAGE_MEMBERS,
        },
      ],
    },
    answer: 2,
    told: 2,
  },
  {
    rpc: "compare_costs",
    ask: (calls) =>
      calls.compareCosts(
        DID,
        "1.5",
        [
          { hash: "h", usage: "2", byokUsage: "0.1", isGone: false },
          { hash: "g", usage: null, byokUsage: null, isGone: true },
        ],
        1_234,
      ),
    sent: {
      p_did: DID,
      p_usd_per_credit: "1.5",
      p_keys: [
        { hash: "h", usage: "2", byok_usage: "0.1", is_gone: false },
        { hash: "g", usage: null, byok_usage: null, is_gone: true },
      ],
      p_read_for: "1234 milliseconds",
    },
    answer: { state: "busy" },
    told: "busy",
  },
  {
    rpc: "claim_cost_searches",
    ask: (calls) => calls.claimCostSearches(4),
    sent: { p_limit: 4 },
    answer: { searches: [{ did: DID, keys: ["h"], from: AT }], left: 2 },
    told: { searches: [{ did: DID, keyHashes: ["h"], fromMs: AT_MS }], left: 2 },
  },
  {
    rpc: "end_cost_search",
    ask: (calls) => calls.endCostSearch(DID, new Date(AT)),
    sent: { p_did: DID, p_searched_to: AT },
  },
  {
    rpc: "end_cost_search",
    ask: (calls) => calls.endCostSearch(DID, null),
    sent: { p_did: DID, p_searched_to: null },
  },
  {
    rpc: "generations_with_sums",
    ask: (calls) => calls.generationsWithSums(DID, new Date(AT), new Date(LATER)),
    sent: { p_did: DID, p_from: AT, p_to: LATER },
    answer: [{ generation_id: "g", from: AT, to: LATER }],
    told: [{ id: "g", fromMs: AT_MS, toMs: LATER_MS }],
  },
  {
    rpc: "adopt_generation",
    ask: (calls) =>
      calls.adoptGeneration({
        ...USAGE,
        did: DID,
        generations: [{ id: "g", cost: "0.5", upstreamCost: "0.2" }],
        createdAt: new Date(AT),
        endpoint: "/messages",
        streaming: true,
      }, true),
    sent: {
      p_found: {
        did: DID,
        generations: [{ id: "g", cost: "0.5", upstream_cost: "0.2" }],
        created_at: AT,
        endpoint: "/messages",
        streaming: true,
        ...USAGE_MEMBERS,
      },
      p_any_row: true,
    },
    answer: "adopted",
    told: "adopted",
  },
  {
    rpc: "adopt_generation",
    ask: (calls) =>
      calls.adoptGeneration({
        ...USAGE,
        did: DID,
        generations: [],
        createdAt: new Date(AT),
        endpoint: null,
        streaming: false,
      }, false),
    sent: {
      p_found: {
        did: DID,
        generations: [],
        created_at: AT,
        endpoint: null,
        streaming: false,
        ...USAGE_MEMBERS,
      },
      p_any_row: false,
    },
    answer: "no_row",
    told: "no_row",
  },
  {
    rpc: "end_maintenance",
    ask: (calls) => calls.endMaintenance("run"),
    sent: { p_run_id: "run" },
  },
  {
    rpc: "expire_stale_requests",
    ask: (calls) => calls.expireStaleRequests(),
    sent: {},
    answer: 3,
    told: 3,
  },
  {
    rpc: "book_cost",
    ask: (calls) =>
      calls.bookCost({
        ...USAGE,
        row: { did: DID, generationId: "g" },
        cost: "0.5",
        costSource: "response",
      }),
    sent: {
      p_cost: {
        did: DID,
        generation_id: "g",
        cost: "0.5",
        cost_source: "response",
        ...USAGE_MEMBERS,
      },
    },
    answer: true,
    told: true,
  },
  {
    rpc: "claim_cost_checks",
    ask: (calls) => calls.claimCostChecks(5),
    sent: { p_limit: 5 },
    answer: { checks: [{ did: DID, keys: ["h"] }], left: 1 },
    told: { checks: [{ did: DID, keys: ["h"] }], left: 1 },
  },
  {
    rpc: "standing_cost_drifts",
    ask: (calls) => calls.standingDrifts(),
    sent: {},
    answer: [{ did: DID, drift_usd: "0.5", byok_drift_usd: null, stands_since: AT }],
    told: [{ did: DID, drift_usd: "0.5", byok_drift_usd: null, stands_since: AT }],
  },
  {
    rpc: "unbooked_generations",
    ask: (calls) => calls.unbookedGenerations(DID, ["g", "h"]),
    sent: { p_did: DID, p_generation_ids: ["g", "h"] },
    answer: ["h"],
    told: ["h"],
  },
  {
    rpc: "note_parts",
    ask: (calls) => calls.noteParts(DID, ["g"]),
    sent: { p_did: DID, p_generation_ids: ["g"] },
  },
]);

Deno.test("what is no longer kept is forgotten kind by kind, and counted", async () => {
  const asked: string[] = [];
  const forgotten: Record<string, number> = {
    purge_accepted_messages: 1,
    purge_idempotency_keys: 20,
    purge_usage_hourly: 300,
    purge_budget_alerts: 4_000,
  };
  const call = (async (name, args) => {
    asked.push(name);
    assert.deepEqual(args, {});
    return await Promise.resolve(forgotten[name]);
  }) as StoreCall;
  assert.equal(await housekeepingCalls(call).purge(), 4_321);
  assert.deepEqual(asked.sort(), ["add_up_days", ...Object.keys(forgotten)].sort());
});

Deno.test("housekeeping tells of totals that could not be added up", async () => {
  const failure = new Error("no totals");
  const call =
    ((name) => name === "add_up_days" ? Promise.reject(failure) : Promise.resolve(1)) as StoreCall;
  await assert.rejects(housekeepingCalls(call).purge(), failure);
});

for (
  const [kind, rpcs] of [
    ["number", [
      ...["add_up_days", "purge_accepted_messages", "purge_budget_alerts"] as const,
      ...["purge_idempotency_keys", "purge_usage_hourly", "expire_stale_requests"] as const,
    ]],
    ["anything", [
      ...["end_cost_search", "end_maintenance", "give_back_unpriced_requests"] as const,
      ...["note_parts", "release_key_provisioning"] as const,
    ]],
    ["object or null", ["usage_request"]],
  ] as const
) {
  Deno.test(`an answer of ${rpcs.join(", ")} is ${kind}`, () => {
    for (
      const [json, kinds] of [[7, "number"], ["x", ""], [{}, "object"], [[], ""], [null, "null"]]
    ) {
      const is = kind === "anything" || (kinds !== "" && kind.includes(String(kinds)));
      for (const rpc of rpcs) assert.equal(isAnswerOf(rpc, json), is, `${rpc} ${json}`);
    }
  });
}
