import assert from "node:assert/strict";
import type { StoreCall } from "./rpc.ts";
import { isAnswerOf } from "./rpc_answers.ts";
import { usageCalls } from "./usage.ts";

const DID = "did:key:z6Mk";
const NO_ORIGIN = { session: null, label: null };
const PLACE = { requestTime: "2026-11-22T10:00:00.123456Z", id: "r" };
const EVERYTHING = { did: DID, start: null, end: null, groupBy: [], ...NO_ORIGIN };

type Calls = ReturnType<typeof usageCalls>;

/** What is not asked for is left out: the RPC's defaults stand for it. */
const CASES: {
  what: string;
  rpc: string;
  ask: (calls: Calls) => Promise<unknown>;
  sent: object;
}[] = [
  {
    what: "all that a DID has used",
    rpc: "usage_stats",
    ask: (calls) => calls.usageStats(EVERYTHING),
    sent: { p_did: DID, p_group_by: [] },
  },
  {
    what: "some of what a DID has used",
    rpc: "usage_stats",
    ask: (calls) =>
      calls.usageStats({
        did: DID,
        start: "2026-11-22T00:00:00Z",
        end: "2026-11-23T00:00:00Z",
        groupBy: ["day", "model"],
        session: "s",
        label: "l",
      }),
    sent: {
      p_did: DID,
      p_start: "2026-11-22T00:00:00Z",
      p_end: "2026-11-23T00:00:00Z",
      p_group_by: ["day", "model"],
      p_session: "s",
      p_label: "l",
    },
  },
  {
    what: "a DID's newest requests",
    rpc: "usage_requests",
    ask: (calls) => calls.usageRequests(DID, 50, null, NO_ORIGIN),
    sent: { p_did: DID, p_limit: 50 },
  },
  {
    what: "a job's requests before another",
    rpc: "usage_requests",
    ask: (calls) => calls.usageRequests(DID, 2, PLACE, { session: "s", label: "l" }),
    sent: {
      p_did: DID,
      p_limit: 2,
      p_after_time: PLACE.requestTime,
      p_after_id: "r",
      p_session: "s",
      p_label: "l",
    },
  },
  {
    what: "one request of a DID",
    rpc: "usage_request",
    ask: (calls) => calls.usageRequest(DID, "r"),
    sent: { p_did: DID, p_id: "r" },
  },
];

for (const { what, rpc, ask, sent } of CASES) {
  for (const answer of [{ told: "as it is" }, null]) {
    Deno.test(`${what}: ${rpc} is asked, and tells ${JSON.stringify(answer)}`, async () => {
      const seen: unknown[] = [];
      const call = ((name, args) => {
        seen.push(name, args);
        return Promise.resolve(answer);
      }) as StoreCall;
      assert.equal(await ask(usageCalls(call)), answer);
      assert.deepEqual(seen, [rpc, sent]);
    });
  }
}

Deno.test("a request that there is not is an answer, sums that there are not are none", () => {
  assert.equal(isAnswerOf("usage_request", null), true);
  for (const rpc of ["usage_stats", "usage_requests"] as const) {
    assert.equal(isAnswerOf(rpc, null), false);
  }
});

Deno.test("a store that cannot tell of usage says so", async () => {
  const calls = usageCalls(() => Promise.reject(new Error("away")));
  await assert.rejects(calls.usageStats(EVERYTHING), /^Error: away$/);
});
