import assert from "node:assert/strict";
import postgres from "postgres";
import { type Database, openDatabase } from "./harness/database.ts";
import { startFreshStack } from "./harness/stack.ts";

const running = new AsyncDisposableStack();
let db: Database;
let first: postgres.Sql;
let second: postgres.Sql;

// A database of the file's own: partitions are made and dropped.
Deno.test.beforeAll(async () => {
  const stack = await startFreshStack();
  running.defer(stack.stop);
  db = openDatabase(stack.databaseUrl);
  running.defer(() => db.sql.end());
  [first, second] = [connect(stack.databaseUrl), connect(stack.databaseUrl)];
});
Deno.test.afterAll(() => running.disposeAsync());

function connect(databaseUrl: string): postgres.Sql {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  running.defer(() => sql.end());
  return sql;
}

interface Partitions {
  created: string[];
  dropped: string[];
  postponed: string | null;
}

async function maintainPartitions(sql: postgres.ISql): Promise<Partitions> {
  const [row] = await sql<{ answer: Partitions }[]>`
    select public.maintain_request_log_partitions() as answer`;
  return row!.answer;
}

/** Drops the partition of the furthest month, so that there is one to make. */
async function dropNewest(): Promise<string> {
  const [row] = await db.sql<{ name: string }[]>`
    select max(relname) as name from pg_catalog.pg_class
    where relnamespace = 'partitions'::regnamespace and relname ~ '^request_logs_[0-9_]+$'`;
  await db.sql`drop table partitions.${db.sql(row!.name)}`;
  return row!.name;
}

async function makeOld(): Promise<string[]> {
  await db.sql.unsafe(`
    create table if not exists partitions.request_logs_2020_01 partition of public.request_logs
    for values from ('2020-01-01 00:00:00+00') to ('2020-02-01 00:00:00+00');
    create table if not exists partitions.request_logs_2020_02 partition of public.request_logs
    for values from ('2020-02-01 00:00:00+00') to ('2020-03-01 00:00:00+00')`);
  return ["request_logs_2020_01", "request_logs_2020_02"];
}

/** Some to make, and some to drop, which wait for those. */
async function dropNewestTwo(): Promise<string[]> {
  await makeOld();
  return [await dropNewest(), await dropNewest()].reverse();
}

async function settleNewRow(sql: postgres.ISql): Promise<boolean> {
  const id = crypto.randomUUID();
  await sql`
    insert into public.request_logs (id, did, method, endpoint, request_time)
    values (${id}, 'did:example:x', 'POST', '/x', '2026-11-22 10:00:00+00')`;
  const [row] = await sql<{ settled: boolean }[]>`
    select (public.settle_request(jsonb_build_object(
      'request_id', ${id}::text, 'request_time', '2026-11-22 10:00:00+00', 'status', 'completed'
    )) -> 'settled')::boolean as settled`;
  return row!.settled;
}

for (
  const [what, prepare, done] of [
    ["made", dropNewestTwo, "created"],
    ["dropped", makeOld, "dropped"],
  ] as const
) {
  Deno.test(`partitions that cannot be ${what}, because somebody reads the log, are left for the next run, from the first on`, async () => {
    await db.sql`update public.gateway_settings set request_log_retention_months = 12`;
    const names = await prepare();
    await first.begin(async (sql) => {
      await sql`select count(*) from public.request_logs`;
      const answer = await maintainPartitions(second);
      assert.deepEqual(answer, { created: [], dropped: [], postponed: names[0] });
      assert.equal(await settleNewRow(db.sql), true);
    });
    assert.deepEqual((await maintainPartitions(second))[done], names);
  });
}

Deno.test("of two at once that make partitions, the second does nothing, and does not wait", async () => {
  const name = await dropNewest();
  const nothing = { created: [], dropped: [], postponed: null };
  await first.begin(async (sql) => {
    assert.deepEqual((await maintainPartitions(sql)).created, [name]);
    assert.deepEqual(await maintainPartitions(second), nothing);
  });
  assert.deepEqual(await maintainPartitions(second), nothing);
});

/** By function: three rows that it deletes, and the lock on one of them. */
const PURGES = {
  purge_accepted_messages: {
    fill: `insert into public.accepted_messages (message_hash, expires_at)
      select sha256(n::text::bytea), '2020-01-01 00:00:00+00' from generate_series(1, 3) as n`,
    lock: "select from public.accepted_messages where message_hash = sha256('1') for update",
  },
  purge_idempotency_keys: {
    fill:
      `insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id, created_at)
      select 'did:example:x', n::text, '\\xab', gen_random_uuid(), '2020-01-01 00:00:00+00' from generate_series(1, 3) as n`,
    lock: "select from public.idempotency_keys where idempotency_key = '1' for update",
  },
  purge_request_logs: {
    fill:
      `insert into public.request_logs (id, did, method, endpoint, request_time, response_time, status)
      select gen_random_uuid(), 'did:example:old', 'POST', '/' || n, '2019-01-01 00:00:00+00', now(), 'failed' from generate_series(1, 3) as n`,
    lock:
      "select from public.request_logs where did = 'did:example:old' and endpoint = '/1' for update",
  },
  purge_usage_hourly: {
    fill: `insert into public.usage_hourly (did, hour, model, endpoint)
      select 'did:example:old', '2019-01-01 00:00:00+00', 'm', '/' || n from generate_series(1, 3) as n`,
    lock:
      "select from public.usage_hourly where did = 'did:example:old' and endpoint = '/1' for update",
  },
  purge_budget_alerts: {
    fill:
      `insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached, reached_at)
      select 'did:example:old' || n, 'day', '2019-01-01', 50, 1, 1, '2019-01-01 00:00:00+00' from generate_series(1, 3) as n`,
    lock: "select from public.budget_alerts where did = 'did:example:old1' for update",
  },
};
for (const [name, { fill, lock }] of Object.entries(PURGES)) {
  Deno.test(`${name} passes over what is in use, and of two at once the second does nothing`, async () => {
    await db.sql`update public.gateway_settings set request_log_retention_months = 12`;
    await db.sql.unsafe(fill);
    const purge = async (sql: postgres.ISql) => {
      const [row] = await sql<{ count: number | null }[]>`
        select public.${db.sql(name)}()::integer as count`;
      return row!.count;
    };
    await first.begin(async (sql) => {
      await sql.unsafe(lock);
      await second.begin(async (sql) => {
        assert.equal(await purge(sql), 2);
        assert.equal(await purge(db.sql), 0);
      });
    });
    assert.equal(await purge(db.sql), 1);
  });
}

Deno.test("of two that add up days at once the second does nothing", async () => {
  await db.sql`
    insert into public.usage_daily (did, day, model, endpoint) values ('did:example:x', '2019-01-01', 'm', '/x')`;
  const addUp = async (sql: postgres.ISql) => {
    const [row] = await sql<{ days: number | null }[]>`select public.add_up_days(1) as days`;
    return row!.days;
  };
  await first.begin(async (sql) => {
    assert.equal(await addUp(sql), 1);
    assert.equal(await addUp(second), 0);
  });
});

Deno.test("of two that claim alerts at once each has what the other one has not", async () => {
  await db.sql`
    insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached)
    select 'did:example:' || n, 'day', '2019-01-01', 50, 1, 1 from generate_series(1, 3) as n`;
  const claim = async (sql: postgres.ISql, limit: number) => {
    const [row] = await sql<{ answer: { alerts: { did: string }[] } }[]>`
      select public.claim_budget_alerts(${limit}) as answer`;
    return row!.answer.alerts.map(({ did }) => did);
  };
  await first.begin(async (sql) => {
    const claimed = await claim(sql, 2);
    const others = await claim(second, 3);
    assert.deepEqual([claimed.length, others.length], [2, 1]);
    assert.equal(new Set([...claimed, ...others]).size, 3);
  });
  assert.deepEqual(await claim(second, 3), []);
});
