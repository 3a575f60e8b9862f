/** What maintenance finds out, case by case: each in a database of its own DIDs. */
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { maintain } from "./harness/maintenance.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true });
const VIDEOS = "/api/v1/openrouter/videos";

/** A call to its end; gives its row's id. */
async function made(
  identity: Identity,
  faults = "",
  path = CHAT,
  body = chat("one two three four"),
): Promise<string> {
  const response = await call(world.gateway, identity, "POST", path, body, {
    headers: { "x-openrouter-simulate": faults },
  });
  await response.text();
  return (await world.db.endedRow(response)).id;
}

/** Makes rows what they would be had their worker died: ended, without a cost, maybe without an id. */
async function lose(ids: string[], { keepId = false } = {}) {
  const { sql } = world.db;
  await sql`
    with before as materialized (
      select log, public.count_in_usage(log, -1)::text as done
      from public.request_logs as log where id = any (${ids})
    ),
    lost as (
      update public.request_logs as log
      set status = 'failed', error_message = 'worker_lost', given_up = true, total_cost = null,
        upstream_cost = null, cost_source = null, input_tokens = null, output_tokens = null,
        generation_id = case when ${keepId} then generation_id end,
        response_time = response_time + interval '15 minutes'
      from (select count(*) from before where done is not null) as taken
      where log.id = any (${ids})
      returning log.*
    )
    select 1 from lost`;
  await sql`
    select public.count_in_usage(log, 1) from public.request_logs as log where id = any (${ids})`;
  if (keepId) {
    await sql`
      update public.request_logs set response_time = request_time - interval '1 minute'
      where id = any (${ids})`;
  }
}

/** What the DID's keys have spent, and what is booked of it; the same, where the books balance. */
async function sums(did: string) {
  const { db, openrouter } = world;
  const keys = await db.sql<{ hash: string }[]>`
    select openrouter_key_hash as hash from public.user_api_keys where did = ${did}
    union all select openrouter_key_hash from public.retired_api_keys where did = ${did}`;
  const usages = keys.map(({ hash }) => openrouter.keyOf(hash));
  const [charged] = await db.sql`
    select trim_scale(sum(usage::numeric))::text as usage, trim_scale(sum(byok::numeric))::text as byok
    from unnest(${usages.map(({ usage }) => usage)}::text[],
      ${usages.map(({ byok_usage }) => byok_usage)}::text[]) as key (usage, byok)`;
  const [booked] = await db.sql`
    select trim_scale(sum(total_cost))::text as usage, trim_scale(sum(upstream_cost))::text as byok
    from public.usage_daily where did = ${did}`;
  return { charged, booked };
}

async function assertBalanced(did: string) {
  const { charged, booked } = await sums(did);
  assert.deepEqual(booked, charged);
  const [drift] = await world.db.sql`
    select drift_usd, byok_drift_usd from public.cost_drift_latest where did = ${did}`;
  assert.deepEqual({ ...drift }, { drift_usd: "0", byok_drift_usd: "0" });
}

Deno.test("a row with its generation's id is priced, and what the owner of a BYOK key pays is told apart", async () => {
  const identity = await newIdentity();
  const id = await made(identity, "byok");
  await lose([id], { keepId: true });
  const report = await maintain(world);
  assert.equal(report.jobs.unpriced_rows?.done, 1);
  const [row] = await world.db.rowsOf(identity.did);
  assert.equal(row?.cost_source, "generation");
  assert.equal(row?.output_tokens, 4);
  assert.notEqual(row?.upstream_cost, null);
  await assertBalanced(identity.did);
});

Deno.test("a lost BYOK call is found with both of its costs", async () => {
  const identity = await newIdentity();
  await lose([await made(identity, "byok")]);
  await maintain(world);
  const [row] = await world.db.rowsOf(identity.did);
  assert.equal(row?.cost_source, "reconciliation");
  assert.notEqual(row?.upstream_cost, null);
  await assertBalanced(identity.did);
});

Deno.test("the parts of a request whose answer told the sum are not booked again", async () => {
  const identity = await newIdentity();
  await made(identity, "generations:3");
  const lost = await made(identity, "", CHAT, chat("lost"));
  await lose([lost]);
  await maintain(world);
  const rows = await world.db.rowsOf(identity.did);
  assert.deepEqual(rows.map(({ cost_source }) => cost_source), ["response", "reconciliation"]);
  await assertBalanced(identity.did);
  const [parts] = await world.db.sql`
    select count(*)::integer as count from public.found_generations
    where did = ${identity.did} and request_id is null`;
  assert.equal(parts?.count, 2);
});

Deno.test("all parts of a lost request are the cost of its one row", async () => {
  const identity = await newIdentity();
  await lose([await made(identity, "generations:3")]);
  await maintain(world);
  const [row, ...more] = await world.db.rowsOf(identity.did);
  assert.deepEqual([row?.cost_source, row?.output_tokens, more.length], ["reconciliation", 4, 0]);
  await assertBalanced(identity.did);
});

Deno.test("a call that went on behind a proxy's 524 costs what it was charged, in its one row", async () => {
  const identity = await newIdentity();
  const id = await made(identity, "after,html:524");
  const [row] = await world.db.rowsOf(identity.did);
  assert.deepEqual([row?.http_status, row?.total_cost], [524, null]);
  await maintain(world);
  const [after, ...more] = await world.db.rowsOf(identity.did);
  assert.deepEqual([after?.id, after?.cost_source, more.length], [id, "reconciliation", 0]);
  await assertBalanced(identity.did);
});

Deno.test("what GET /generation tells is one part: the others get a row of their own", async () => {
  const identity = await newIdentity();
  await lose([await made(identity, "generations:3")], { keepId: true });
  await maintain(world);
  const rows = await world.db.rowsOf(identity.did);
  assert.deepEqual(rows.map(({ cost_source }) => cost_source).sort(), [
    "generation",
    "reconciliation",
  ]);
  await assertBalanced(identity.did);
});

Deno.test("a generation that analytics alone know is left until OpenRouter has had its time", async () => {
  const identity = await newIdentity();
  await lose([await made(identity, "unlisted")]);
  const early = await maintain(world);
  // `GET /generation` may still come to know it.
  assert.equal(early.jobs.lost_calls?.done, 0);
  assert.equal(early.jobs.lost_calls?.left, 1);
});

Deno.test("lost calls each get a generation of their own model", async () => {
  const identity = await newIdentity();
  const models = ["openai/gpt-4o-mini", "openai/gpt-4o", "openai/gpt-4o-mini"];
  const ids: string[] = [];
  for (const model of models) ids.push(await made(identity, "", CHAT, chat("x", { model })));
  const before = await world.db.rowsOf(identity.did);
  await lose(ids);
  await maintain(world);
  const after = await world.db.rowsOf(identity.did);
  assert.deepEqual(
    after.map(({ id, model, generation_id, total_cost }) => [id, model, generation_id, total_cost]),
    before.map((
      { id, model, generation_id, total_cost },
    ) => [id, model, generation_id, total_cost]),
  );
  await assertBalanced(identity.did);
});

Deno.test("a call that no row knows of gets a row of its own, at its time", async () => {
  const identity = await newIdentity();
  await made(identity);
  const lost = await made(
    identity,
    "",
    "/api/v1/openrouter/embeddings",
    JSON.stringify({
      model: "openai/text-embedding-3-small",
      input: "one two",
    }),
  );
  const [before] = await world.db.sql`select * from public.request_logs where id = ${lost}`;
  await world.db.sql`
    select public.count_in_usage(log, -1) from public.request_logs as log where id = ${lost}`;
  await world.db.sql`delete from public.request_logs where id = ${lost}`;

  await maintain(world);

  const rows = await world.db.rowsOf(identity.did);
  const own = rows.find(({ cost_source }) => cost_source === "reconciliation");
  assert.deepEqual([own?.endpoint, own?.status, own?.model, own?.input_tokens], [
    "/embeddings",
    "completed",
    before?.model,
    before?.input_tokens,
  ]);
  assert.ok(Math.abs(Number(own?.request_time) - Number(before?.request_time)) < 5_000);
  await assertBalanced(identity.did);
});

Deno.test("a key that is gone at OpenRouter counts with what it had spent", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  await made(identity);
  await lose([await made(identity)]);
  const first = await db.keyHash(identity.did);
  await fetch(`${openrouter.url}/keys/${first}`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${openrouter.managementKey}` },
  });
  // Its next call heals it: the DID has another key then.
  await made(identity);
  assert.notEqual(await db.keyHash(identity.did), first);
  await maintain(world);
  const { charged, booked } = await sums(identity.did);
  assert.equal(booked?.usage, charged?.usage);
  const [usage] = await db.sql`
    select usage::text, gone_since is not null as is_gone, is_final
    from public.key_usages where openrouter_key_hash = ${first}`;
  assert.deepEqual({ ...usage }, {
    usage: openrouter.keyOf(first).usage,
    is_gone: true,
    is_final: false,
  });
});

const GOING: [what: string, go: (did: string) => Promise<string>][] = [
  ["that was erased, under its pseudonym", async (did) => {
    const [erased] = await world.db.sql`select public.erase_did(${did}) as pseudonym`;
    return erased!.pseudonym;
  }],
  ["whose account was deleted", async (did) => {
    await world.db.sql`delete from public.user_api_keys where did = ${did}`;
    return did;
  }],
];
for (const [what, go] of GOING) {
  Deno.test(`a lost call is found of a DID ${what}`, async () => {
    const identity = await newIdentity();
    await made(identity);
    await lose([await made(identity)]);
    const did = await go(identity.did);
    await maintain(world);
    await maintain(world);
    await assertBalanced(did);
  });
}

Deno.test("what a key spent after it was read last is not known where analytics do not reach back to all of it", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  await made(identity);
  await maintain(world);
  await made(identity);
  await db.sql`
    update public.user_api_keys set created_at = created_at - interval '40 days'
    where did = ${identity.did}`;
  await fetch(`${openrouter.url}/keys/${await db.keyHash(identity.did)}`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${openrouter.managementKey}` },
  });
  await made(identity);
  const { jobs } = await maintain(world);
  assert.equal(jobs.comparison?.details?.unknown, 1);
  const drifts = await db.sql`
    select drift_usd from public.cost_drift_latest
    where did = ${identity.did} and drift_usd <> 0`;
  assert.deepEqual([...drifts], []);
});

Deno.test("jobs are priced by their own path: what failed is free, what runs is asked again", async () => {
  const { db } = world;
  const identity = await newIdentity();
  const body = JSON.stringify({ model: "google/veo-3.1", prompt: "a cat", duration: 4 });
  const faults = ["", "job:failed", "job:cancelled", "job:expired", "no-usage", "pending:1"];
  const ids: string[] = [];
  for (const fault of faults) ids.push(await made(identity, fault, VIDEOS, body));
  const due = () =>
    db.sql`
      update public.request_logs
      set response_time = request_time - interval '1 minute', cost_ask_after = null
      where did = ${identity.did} and total_cost is null`;
  const costs = async () => {
    const rows = await db.rowsOf(identity.did);
    return ids.map((id) => rows.find((row) => row.id === id)?.total_cost);
  };
  await due();
  await maintain(world);
  assert.deepEqual(await costs(), ["1.6", "0", "0", "0", "1.6", null]);
  await due();
  await maintain(world);
  assert.deepEqual(await costs(), ["1.6", "0", "0", "0", "1.6", "1.6"]);
  await assertBalanced(identity.did);
});

Deno.test("the generations of jobs that are booked are not booked again beside a lost call", async () => {
  const { db } = world;
  const identity = await newIdentity();
  const body = JSON.stringify({ model: "google/veo-3.1", prompt: "a cat", duration: 4 });
  await made(identity, "", VIDEOS, body);
  await db.sql`
    update public.request_logs set response_time = request_time - interval '1 minute'
    where did = ${identity.did}`;
  // Dearer than the job, so that nothing but the job's own row keeps it from being booked twice.
  await lose([await made(identity, "cost:5")]);
  await maintain(world);
  const rows = await db.rowsOf(identity.did);
  assert.deepEqual(rows.map(({ endpoint, total_cost }) => [endpoint, total_cost]), [
    ["/videos", "1.6"],
    ["/chat/completions", "5"],
  ]);
  await assertBalanced(identity.did);
});

Deno.test("a job that is booked does not pay for a lost call that OpenRouter is yet to tell of", async () => {
  const { db } = world;
  const identity = await newIdentity();
  const body = JSON.stringify({ model: "google/veo-3.1", prompt: "a cat", duration: 4 });
  await made(identity, "", VIDEOS, body);
  await db.sql`
    update public.request_logs set response_time = request_time - interval '1 minute'
    where did = ${identity.did}`;
  await lose([await made(identity, "cost:5,unlisted")]);
  await maintain(world);
  const rows = await db.rowsOf(identity.did);
  assert.deepEqual(rows.map(({ endpoint, total_cost }) => [endpoint, total_cost]), [
    ["/videos", "1.6"],
    ["/chat/completions", null],
  ]);
});

Deno.test("thousands of unpriced rows among 10 000 are worked off in several runs, each within its budget", async () => {
  const { db, openrouter } = world;
  const did = "did:key:zMany";
  const created = await fetch(`${openrouter.url}/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${openrouter.managementKey}` },
    body: JSON.stringify({ name: "of many calls" }),
  });
  const { key, data: { hash } }: { key: string; data: { hash: string } } = await created.json();
  // One call that makes as many generations; analytics name them.
  await (await fetch(`${openrouter.url}/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "x-openrouter-simulate": "generations:10000,cost:12.34567",
    },
    body: chat("hello"),
  })).text();
  const analysed = await fetch(`${openrouter.url}/analytics/query`, {
    method: "POST",
    headers: { authorization: `Bearer ${openrouter.managementKey}` },
    body: JSON.stringify({
      metrics: ["credits_usage"],
      dimensions: ["generation_id"],
      filters: [{ field: "api_key_id", operator: "eq", value: hash }],
      limit: 10_000,
    }),
  });
  const { data: { data } } = await analysed.json();
  const UNPRICED = 2_500;
  const rows = data.map((told: { generation_id: string; credits_usage: number }, n: number) => ({
    id: told.generation_id,
    cost: n < UNPRICED ? null : String(told.credits_usage),
  }));
  await db.sql`
    insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values (${did}, ${hash}, 'x', 'n')`;
  await db.sql`
    insert into public.request_logs (
      id, did, method, endpoint, status, request_time, response_time, generation_id, total_cost,
      cost_source
    )
    select gen_random_uuid(), ${did}, 'POST', '/embeddings', 'failed', now() - interval '2 minutes',
      now() - interval '1 minute', id, cost, case when cost is not null then 'response' end
    from jsonb_to_recordset(${db.sql.json(rows)}) as row (id text, cost numeric)`;
  await db.sql`
    select count(public.count_in_usage(log, 1)) from public.request_logs as log where did = ${did}`;

  // Eight at a time, so that a second is enough for 88 at most.
  openrouter.addFault({ on: "GET /generation", faults: "latency:100", times: null });
  const { jobs: { unpriced_rows: short } } = await maintain(world, 1);
  openrouter.clearFaults();
  assert.equal(short?.stopped, "out_of_time");
  assert.ok(short!.done! <= 88, `${short!.done} rows were asked for within a second`);
  assert.equal(short!.done! + short!.left!, UNPRICED);
  const { jobs: { unpriced_rows: long } } = await maintain(world);
  assert.equal(long?.stopped, "enough_for_one_run");
  assert.equal(short!.done! + long!.done! + long!.left!, UNPRICED);
  const { jobs: { unpriced_rows: last } } = await maintain(world);
  assert.deepEqual([last?.done, last?.left], [long!.left, 0]);
  const { charged, booked } = await sums(did);
  assert.equal(booked?.usage, charged?.usage);
  await maintain(world);
  await assertBalanced(did);

  // One more, which is not among the 10 000 that analytics list in one answer; a day later.
  await (await fetch(`${openrouter.url}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: chat("hello"),
  })).text();
  await db.sql`
    update public.cost_checks set claimed_at = claimed_at - interval '25 hours' where did = ${did}`;
  const asked = () => openrouter.ledger().requests.by_route["POST /analytics/query"]!;
  const before = asked();
  await maintain(world);
  assert.ok(asked() > before + 1, "a truncated answer makes for narrower questions");
  await assertBalanced(did);
  const [own] = await db.sql`
    select count(*)::integer as count from public.request_logs
    where did = ${did} and cost_source = 'reconciliation'`;
  assert.equal(own?.count, 1);
});
