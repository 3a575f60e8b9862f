/** A gateway that is killed with calls in every phase, and the books after one maintenance. */
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { startGateways } from "./harness/gateway_process.ts";
import { maintain, makeStale } from "./harness/maintenance.ts";
import { startTcpProxy } from "./harness/tcp_proxy.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true });
const line = startTcpProxy();
Deno.test.beforeAll(() => {
  line.target = world.stack.url;
});
Deno.test.afterAll(line.stop);

const CALLS_PER_PHASE = 40;
const CALLS = 5 * CALLS_PER_PHASE;
const BILLED = 4 * CALLS_PER_PHASE;
const FOREVER_MS = 600_000;

/** Phases that last until the gateway is killed, and what makes OpenRouter keep a call in them. */
const PHASES: [name: string, members: Record<string, unknown>, faults: string][] = [
  ["before anything is billed", { stream: true }, `latency:${FOREVER_MS}`],
  ["before the headers", { stream: true }, `after,latency:${FOREVER_MS}`],
  ["in the middle of a stream", { stream: true }, `chunks:9,hang:3`],
  ["without a stream", {}, `after,latency:${FOREVER_MS}`],
];

/** All that is booked, to compare. */
async function books() {
  const { sql } = world.db;
  return {
    rows: [...await sql`select * from public.request_logs order by request_time, id`],
    totals: [...await sql`select * from public.usage_daily order by did, day, model, endpoint`],
    drifts: [
      ...await sql`
      select did, drift_usd, byok_drift_usd, openrouter_usd, booked_usd, stands_since
      from public.cost_drift_latest order by did`,
    ],
  };
}

/** Of all that was under way nothing is any more, and nothing is held but what OpenRouter charged. */
async function assertBudgetsHold(charged: string) {
  const { db, openrouter } = world;
  const budgets = await db.sql`
    select did, trim_scale(day_spent_usd)::text as day, trim_scale(month_spent_usd)::text as month,
      trim_scale(day_reserved_usd)::text as day_reserved,
      trim_scale(month_reserved_usd)::text as month_reserved, requests_under_way as under_way
    from public.budgets`;
  assert.equal(budgets.length, 5);
  for (const { did, day, month, ...held } of budgets) {
    const spent = did === "*" ? charged : openrouter.keyOf(await db.keyHash(did)).usage;
    assert.deepEqual({ did, day, month }, { did, day: spent, month: spent });
    assert.deepEqual(held, { day_reserved: "0", month_reserved: "0", under_way: 0 });
  }
  const [log] = await db.sql`
    select trim_scale(sum(reserved_usd))::text as reserved from public.request_logs`;
  assert.equal(log?.reserved, "0");
}

Deno.test("after SIGKILL with 200 calls in every phase, one maintenance balances the books to the last digit", async () => {
  const { db, openrouter, env } = world;
  const [gateway] = await startGateways(1, { ...env, SUPABASE_URL: line.url });
  const identities = await Promise.all([1, 2, 3, 4].map(newIdentity));
  // Their keys are made before, so that the calls start together.
  for (const identity of identities) {
    await (await call(gateway!, identity, "POST", CHAT, chat("hello"))).text();
    await db.endedRows(identity.did, 1);
  }
  const before = openrouter.ledger().requests.count;
  const calls: Promise<unknown>[] = [];
  function start(identity: Identity, members: Record<string, unknown>, faults: string) {
    const words = `${"word ".repeat(1 + calls.length % 7)}end`;
    const response = call(gateway!, identity, "POST", CHAT, chat(words, members), {
      headers: { "x-openrouter-simulate": faults },
    });
    calls.push(response.then((answer) => answer.text()).catch(() => {}));
    return response;
  }
  for (const [, members, faults] of PHASES) {
    for (let n = 0; n < CALLS_PER_PHASE; n++) start(identities[n % 4]!, members, faults);
  }
  // Between the end and the settlement: Postgres is away when they end.
  const unsettled = Array.from(
    { length: CALLS_PER_PHASE },
    (_, n) => start(identities[n % 4]!, { stream: true }, "chunks:8,slow:500"),
  );
  await until(
    "all calls to be on their way",
    () => openrouter.ledger().requests.count - before >= CALLS,
  );
  await Promise.all(unsettled);
  line.cut();
  await Promise.all(calls.slice(-CALLS_PER_PHASE));

  await gateway!.kill();
  line.mend();
  await openrouter.quiet();
  await Promise.all(calls);
  const [pending] = await db.sql`
    select count(*)::integer as count from public.request_logs where status = 'pending'`;
  assert.equal(pending?.count, CALLS);
  await makeStale(world);

  const report = await maintain(world);

  assert.equal(report.jobs.stale_rows?.done, CALLS);
  assert.equal(report.jobs.lost_calls?.done, BILLED);
  assert.deepEqual(report.jobs.lost_calls?.details, { own_rows: 0 });
  const [sums] = await db.sql`
    select trim_scale(sum(total_cost))::text as cost,
      count(*) filter (where status = 'pending')::integer as pending,
      count(*) filter (where total_cost is null)::integer as unknown,
      count(distinct generation_id)::integer as generations
    from public.request_logs`;
  const { total_cost, generations } = openrouter.ledger();
  assert.equal(generations, BILLED + 4);
  assert.deepEqual(sums, { cost: total_cost, pending: 0, unknown: CALLS - BILLED, generations });
  await assertBudgetsHold(total_cost);
  const balanced = await books();
  assert.deepEqual(balanced.drifts.map(({ drift_usd }) => drift_usd), ["0", "0", "0", "0"]);
  const [totals] = await db.sql`
    select trim_scale(sum(total_cost))::text as cost, sum(requests)::integer as requests
    from public.usage_daily`;
  assert.deepEqual(totals, { cost: total_cost, requests: CALLS + 4 });

  await maintain(world);
  assert.deepEqual(await books(), balanced);

  const reports = await Promise.all([maintain(world), maintain(world)]);
  assert.ok(reports.some(({ ran }) => ran));
  assert.deepEqual(await books(), balanced);

  // What has still not been charged after an hour never will be.
  await db.sql`
    update public.request_logs set response_time = response_time - interval '61 minutes'
    where total_cost is null`;
  await maintain(world);
  const [free] = await db.sql`
    select count(*) filter (where total_cost is null)::integer as unknown,
      count(*) filter (where total_cost = 0)::integer as free,
      trim_scale(sum(total_cost))::text as cost
    from public.request_logs`;
  assert.deepEqual(free, { unknown: 0, free: CALLS - BILLED, cost: total_cost });
});
