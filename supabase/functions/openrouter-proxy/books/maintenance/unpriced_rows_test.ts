import assert from "node:assert/strict";
import type { KnownCost } from "../../store/settlement.ts";
import type { UnpricedRequest } from "../../store/late_costs.ts";
import { fakeClock, refusedWith, turnOf } from "../../testing/maintenance.ts";
import { nothingObserved } from "../../metering/usage.ts";
import { createUnpricedRows } from "./unpriced_rows.ts";

function row(n: number, endpoint = "/chat/completions"): UnpricedRequest {
  const id = String(n);
  return { requestId: id, requestTime: "t", did: "did:x:1", endpoint, generationId: `gen-${id}` };
}

/** The job over rows that are claimed in these batches. */
function jobOver(
  batches: UnpricedRequest[][],
  generation: (id: string) => Promise<Record<string, unknown> | null>,
  /** How many of a batch have a cost by then. */
  priced = 0,
  giveBack = () => Promise.resolve(),
) {
  const clock = fakeClock();
  const booked: KnownCost[] = [];
  const givenBack: string[] = [];
  const job = createUnpricedRows({
    store: {
      claimUnpriced: () =>
        Promise.resolve({
          requests: batches.shift() ?? [],
          left: batches.flat().length,
        }),
      giveBackUnpriced(requests) {
        givenBack.push(...requests.map(({ requestId }) => requestId));
        return giveBack();
      },
      bookCosts(costs) {
        booked.push(...costs);
        return Promise.resolve(costs.length - priced);
      },
    },
    management: { generation },
    jobCosts: (job) =>
      Promise.resolve(job.generationId === "gen-9" ? null : { ...nothingObserved(), cost: "1.6" }),
    usdPerCredit: "2",
  });
  return { clock, booked, givenBack, job, turn: turnOf(clock) };
}

Deno.test("rows are priced by what OpenRouter says of their generations, until none is left", async () => {
  const { job, turn, booked } = jobOver(
    [[row(1), row(2)], [row(3)]],
    (id) => Promise.resolve(id === "gen-2" ? null : { total_cost: "0.5", model: "m" }),
  );
  assert.deepEqual(await job(turn), { done: 2, left: 0, details: { unknown: 1 } });
  const [{ row: booked1, cost, costSource, usdPerCredit, model }] = booked as [KnownCost];
  assert.deepEqual([booked1, cost, costSource, usdPerCredit, model], [
    { requestId: "1", requestTime: "t" },
    "0.5",
    "generation",
    "2",
    "m",
  ]);
});

Deno.test("a row gets all that OpenRouter knows of its generation, and no part above its whole", async () => {
  const { job, turn, booked } = jobOver([[row(1)]], () =>
    Promise.resolve({
      model: "m",
      provider_name: "P",
      native_finish_reason: "stop",
      native_tokens_prompt: 10,
      native_tokens_completion: 20,
      native_tokens_cached: 11,
      native_tokens_reasoning: 25,
      total_cost: "0.5",
      is_byok: true,
      upstream_inference_cost: "0.4",
    }));
  await job(turn);
  assert.deepEqual(booked, [{
    row: { requestId: "1", requestTime: "t" },
    cost: "0.5",
    costSource: "generation",
    usdPerCredit: "2",
    model: "m",
    provider: "P",
    nativeFinishReason: "stop",
    inputTokens: 10,
    outputTokens: 20,
    cachedTokens: 10,
    reasoningTokens: 20,
    upstreamCost: "0.4",
  }]);
});

Deno.test("rows count as done where Postgres took their costs", async () => {
  const { job, turn } = jobOver(
    [[row(1), row(2), row(3)]],
    () => Promise.resolve({ total_cost: "1" }),
    1,
  );
  assert.equal((await job(turn)).done, 2);
});

Deno.test("jobs are asked for by their own path", async () => {
  const { job, turn, booked } = jobOver(
    [[row(1, "/videos"), row(9, "/videos")]],
    () => assert.fail("a job is no generation"),
  );
  assert.deepEqual(await job(turn), { done: 1, left: 0, details: { unknown: 1 } });
  assert.deepEqual([booked[0]?.cost, booked[0]?.costSource], ["1.6", "response"]);
});

Deno.test("what could not be asked is given back, and what was learnt is booked, when the turn ends", async () => {
  const batch = Array.from({ length: 20 }, (_, n) => row(n));
  const { job, turn, clock, booked, givenBack } = jobOver([batch, [row(50)]], (id) => {
    if (id === "gen-3") clock.pass(60_000);
    return Promise.resolve({ total_cost: "1" });
  });
  const { done, left } = await job(turn);
  assert.equal(done, booked.length);
  assert.equal(booked.length + givenBack.length, 20);
  assert.ok(givenBack.length > 0);
  assert.equal(left, givenBack.length + 1);
});

Deno.test("while OpenRouter is down no more is claimed", async () => {
  const { job, turn, givenBack } = jobOver(
    [[row(1)], [row(2)]],
    () => Promise.reject(refusedWith(502)),
  );
  assert.deepEqual(await job(turn), { done: 0, left: 2, details: { unknown: 0 } });
  assert.deepEqual(givenBack, ["1"]);
  assert.equal(turn.stopped(), "openrouter_is_down");
});

async function refusingOne(id: string) {
  if (id === "gen-9") throw refusedWith(403);
  return await Promise.resolve({ total_cost: "1" });
}

Deno.test("a row that OpenRouter refuses to tell of keeps no other from its turn, and waits", async () => {
  const batch = Array.from({ length: 20 }, (_, n) => row(n));
  const { job, turn, booked, givenBack } = jobOver([batch, [row(50)]], refusingOne);
  assert.deepEqual(await job(turn), { done: 20, left: 0, details: { unknown: 0 } });
  assert.deepEqual([booked.length, givenBack], [20, []]);
  assert.deepEqual(turn.passedOver().map(({ subject }) => subject), [{ request_id: "9" }]);
});

Deno.test("where the management key is refused, what was learnt is booked, and the others are given back", async () => {
  const batch = Array.from({ length: 20 }, (_, n) => row(n));
  const { job, clock, booked, givenBack } = jobOver([batch], refusingOne);
  await assert.rejects(job(turnOf(clock, 60_000, "refused")), /status 403/);
  assert.ok(booked.length > 0);
  assert.equal(booked.length + givenBack.length, 20);
});

Deno.test("the job tells where Postgres does not take back what was not asked", async () => {
  const failure = new Error("the store is away");
  const { job, turn } = jobOver(
    [[row(1)]],
    () => Promise.reject(refusedWith(502)),
    0,
    () => Promise.reject(failure),
  );
  await assert.rejects(job(turn), failure);
});
