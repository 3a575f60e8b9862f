/** Maintenance where OpenRouter knows late, and where two are at it at the same time. */
import assert from "node:assert/strict";
import { createStore } from "../openrouter-proxy/store/store.ts";
import type { FoundCall } from "../openrouter-proxy/store/lost_calls.ts";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { maintain } from "./harness/maintenance.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true, delays: { analyticsDelayMs: 3_000 } });

/** A call of a new DID whose row a killed gateway has left, long enough ago. */
async function lostCall() {
  const { gateway, db } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat("one two three"));
  await response.text();
  const { id, generation_id } = await db.endedRow(response);
  await db.sql`
    select public.count_in_usage(log, -1) from public.request_logs as log where id = ${id}`;
  await db.sql`
    update public.request_logs set status = 'failed', total_cost = null, generation_id = null,
      cost_source = null
    where id = ${id}`;
  await db.sql`
    select public.count_in_usage(log, 1) from public.request_logs as log where id = ${id}`;
  return { did: identity.did, generationId: generation_id! };
}

Deno.test("what analytics do not know yet is found by a later run, and stands as a difference until then", async () => {
  const { db, openrouter } = world;
  const { did } = await lostCall();
  const { usage } = openrouter.keyOf(await db.keyHash(did));
  const early = await maintain(world);
  assert.equal(early.jobs.lost_calls?.done, 0);
  const [drift] = await db.sql`
    select drift_usd, stands_since = since as stands, counts from public.cost_drift_latest
    where did = ${did}`;
  assert.deepEqual({ ...drift }, { drift_usd: usage, stands: true, counts: false });
  const again = await maintain(world);
  assert.equal(again.jobs.lost_calls?.left, 0, "it is not looked for again at once");

  await until("analytics to know it", async () => {
    // The wait until the next search, without waiting for it.
    await db.sql`
      update public.cost_checks set search_after = clock_timestamp() where search_after is not null`;
    return (await maintain(world)).jobs.lost_calls?.done === 1;
  });
  assert.equal((await db.booked(did)).cost, usage);
  const [balanced] = await db.sql`
    select drift_usd, stands_since from public.cost_drift_latest where did = ${did}`;
  assert.deepEqual({ ...balanced }, { drift_usd: "0", stands_since: null });
});

Deno.test("of any number that find a generation at the same time, one books it", async () => {
  const { db, openrouter, stack } = world;
  const { did, generationId } = await lostCall();
  const hash = await db.keyHash(did);
  const { usage } = openrouter.keyOf(hash);
  const store = createStore(stack.url, JSON.parse(stack.secretKeys).default, fetch, Date.now);
  // As if there were room for more, so that the bound of OpenRouter's sum does not decide.
  await store.compareCosts(did, "1", [
    { hash: hash!, usage: "1000", byokUsage: "0", isGone: false },
  ], 0);
  const found: FoundCall = {
    did,
    generations: [{ id: generationId, cost: usage, upstreamCost: null }],
    createdAt: new Date(),
    endpoint: "/chat/completions",
    streaming: false,
    model: "openai/gpt-4o-mini",
    provider: null,
    nativeFinishReason: null,
    inputTokens: null,
    outputTokens: null,
    cachedTokens: null,
    reasoningTokens: null,
    upstreamCost: null,
    usdPerCredit: "1",
  };
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, () => store.adoptGeneration(found, true)),
  );
  assert.deepEqual(outcomes.toSorted(), ["adopted", ...Array(11).fill("known")]);
  assert.deepEqual(await db.booked(did), { requests: 1, failed: 1, cost: usage });
});

Deno.test("of two maintenances at once one works, and the other says so", async () => {
  const reports = await Promise.all(Array.from({ length: 6 }, () => maintain(world)));
  const running = reports.filter(({ ran }) => ran).length;
  assert.ok(running >= 1 && running <= 6);
  for (const { ran, jobs } of reports) {
    assert.equal(Object.keys(jobs).length, ran ? 6 : 0);
  }
});
