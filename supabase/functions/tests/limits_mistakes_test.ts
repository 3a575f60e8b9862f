/** What calls leave behind that OpenRouter refuses as mistakes, or the gateway refuses itself. */
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { crowdFor } from "./harness/crowd.ts";
import { budgetOf, setLimits } from "./harness/limits.ts";
import { inTurns } from "./harness/in_turns.ts";
import { assertRefused } from "./harness/refusal.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true });

const MEASURED_CALLS = Number(Deno.env.get("LIMITS_TEST_MISTAKES") ?? 300);
/** A row of the log with its entries in seven indexes, and what updates have left. */
const MOST_BYTES_A_CALL = 2_500;

function madeUp(): string {
  return chat("hello", { model: `nobody/${crypto.randomUUID()}`, max_tokens: 10 });
}

async function mistake(identity: Identity) {
  const answer = await call(world.gateway, identity, "POST", CHAT, madeUp());
  assert.equal(answer.status, 400, await answer.text());
  return answer;
}

/** The size of all tables that calls write to, their indexes and what is stored beside them included. */
async function bytesByTable(): Promise<Record<string, number>> {
  const { sql } = world.db;
  const tables = await sql<{ name: string; bytes: number }[]>`
    select coalesce(inhparent, c.oid)::regclass::text as name,
      sum(pg_total_relation_size(c.oid))::bigint as bytes
    from pg_catalog.pg_class as c left join pg_catalog.pg_inherits on inhrelid = c.oid
    where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'partitions'::regnamespace)
    group by 1`;
  return Object.fromEntries(tables.map(({ name, bytes }) => [name, bytes]));
}

/** By how many bytes each table has grown while something was done: as it is, and what of it lasts. */
async function grownBy(act: () => Promise<void>) {
  const { sql } = world.db;
  await sql`vacuum full`;
  const before = await bytesByTable();
  await act();
  const grown = grownSince(before, await bytesByTable());
  await sql`vacuum full`;
  return { grown, lasting: grownSince(before, await bytesByTable()) };
}

function grownSince(before: Record<string, number>, after: Record<string, number>) {
  return Object.fromEntries(
    Object.entries(after).map(([name, bytes]) => [name, bytes - (before[name] ?? 0)] as const)
      .filter(([, bytes]) => bytes > 0),
  );
}

Deno.test("a made-up model is in the log under its endpoint alone, costs nothing, and holds nothing", async () => {
  const { db } = world;
  const identity = await newIdentity();
  const answer = await mistake(identity);
  const row = await db.endedRow(answer);
  assert.equal(row.model, null);
  assert.equal(row.endpoint, "/chat/completions");
  assert.equal(row.status, "failed");
  assert.equal(row.total_cost, "0");
  assert.deepEqual(await budgetOf(db, identity.did), { spent: "0", reserved: "0", under_way: 0 });
});

Deno.test("many made-up models make no more totals than one", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  await mistake(identity);
  await db.endedRows(identity.did, 1);
  const count = async () => {
    const [totals] = await db.sql`
      select count(*)::integer as rows, sum(requests)::integer as requests
      from public.usage_daily where did = ${identity.did}`;
    return { ...totals };
  };
  assert.deepEqual(await count(), { rows: 1, requests: 1 });
  await inTurns(Array(30).keys(), async () => void await mistake(identity));
  await db.endedRows(identity.did, 31);
  assert.deepEqual(await count(), { rows: 1, requests: 31 });
  const read = await call(gateway, identity, "GET", "/api/v1/usage");
  const { data } = await read.json();
  assert.equal(data.total_requests, 31);
  assert.equal(data.failed_requests, 31);
  assert.ok(Object.keys(data.requests_by_model).length <= 1);
});

Deno.test("after so many mistakes a minute a DID waits, although its calls cost nothing", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  await db.sql`select public.set_gateway_limits(refused_requests_per_minute => 5)`;
  try {
    for (let n = 1; n <= 5; n++) {
      await mistake(identity);
      await db.endedRows(identity.did, n);
    }
    const before = openrouter.requestCount();
    for (const body of [madeUp(), chat("hello")]) {
      const refused = await call(gateway, identity, "POST", CHAT, body);
      const { headers } = refused;
      const error = await assertRefused(refused, 429, "rate_limited");
      assert.equal(error.scope, "did");
      assert.match(error.message, /requests that OpenRouter refused as mistakes \(5\)/);
      assert.ok(Number(headers.get("retry-after")) >= 1);
      assert.equal(headers.get("ratelimit-limit"), "5");
    }
    assert.equal(openrouter.requestCount(), before);
    assert.equal((await db.rowsOf(identity.did)).length, 5);
  } finally {
    await db.sql`select public.set_gateway_limits(clear => '{refused_requests_per_minute}')`;
  }
  const answer = await call(gateway, identity, "POST", CHAT, chat("hello"));
  assert.equal(answer.status, 200, await answer.text());
});

Deno.test(`what a mistake adds to the database is a row of the log, by ${MEASURED_CALLS} of them`, async () => {
  const { db } = world;
  const identity = await newIdentity();
  await mistake(identity);
  const { grown, lasting } = await grownBy(async () => {
    await inTurns(Array(MEASURED_CALLS).keys(), async () => void await mistake(identity));
    await db.endedRows(identity.did, MEASURED_CALLS + 1);
  });
  for (const [what, tables] of Object.entries({ grown, lasting })) {
    const perCall = Object.entries(tables).map(([name, bytes]) =>
      [name, Math.round(bytes / MEASURED_CALLS)] as const
    );
    const sum = perCall.reduce((bytes, [, more]) => bytes + more, 0);
    console.log(
      `  ${what}: ${sum} bytes a call: ${perCall.map((one) => one.join(" ")).join(", ")}`,
    );
    assert.ok(sum < MOST_BYTES_A_CALL, `${sum} bytes`);
  }
  // Totals and budgets are as large as before, and what tells of replays is gone after six minutes.
  assert.deepEqual(Object.keys(lasting).sort(), ["accepted_messages", "request_logs"]);
});

Deno.test("what the gateway refuses itself adds nothing that lasts", async () => {
  const { db, gateway } = world;
  const identities = await crowdFor(MEASURED_CALLS);
  for (const { did } of identities) await setLimits(db, did, { daily_budget_usd: 0 });
  const { lasting } = await grownBy(async () => {
    await inTurns(Array(MEASURED_CALLS).keys(), async (n) => {
      const identity = identities[n % identities.length]!;
      const refused = await call(gateway, identity, "POST", CHAT, chat("hello"));
      await assertRefused(refused, 402, "budget_exceeded");
    });
  });
  assert.deepEqual(lasting, {});
});

Deno.test("refusals that were decided under the lock, too, leave nothing", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  const first = await call(gateway, identity, "POST", CHAT, chat("hello"));
  assert.equal(first.status, 200, await first.text());
  await db.endedRows(identity.did, 1);
  await setLimits(db, identity.did, { concurrent_requests: 1 });
  const counts = async () => {
    const [row] = await db.sql`
      select (select count(*) from public.request_logs)::integer as rows,
        (select count(*) from public.accepted_messages)::integer as messages,
        (select count(*) from public.idempotency_keys)::integer as keys`;
    return row!;
  };
  const before = await counts();
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      call(gateway, identity, "POST", CHAT, chat("hello"), {
        headers: { "idempotency-key": `key-${n}`, "x-openrouter-simulate": "latency:300" },
      })),
  );
  const passed = answers.filter(({ status }) => status === 200).length;
  for (const answer of answers) await answer.text();
  await until("the books", async () => (await budgetOf(db, identity.did))!.under_way === 0);
  const after = await counts();
  assert.ok(passed >= 1 && passed < 10, String(passed));
  for (const what of ["rows", "messages", "keys"]) {
    assert.equal(after[what] - before[what], passed, what);
  }
});
