import assert from "node:assert/strict";
import type postgres from "postgres";
import { applyFile, startDatabases } from "./databases.ts";
import { migrationFiles } from "./sources.ts";

const MENDING = "supabase/migrations/20261207000400_months_of_utc.sql";

/** Months that are not what their names say. */
async function misplaced(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql.begin(async (sql) => {
    await sql`set local timezone = 'UTC'`;
    await sql`set local datestyle = 'ISO'`;
    return await sql<{ name: string }[]>`
      select relname as name
      from pg_inherits join pg_class on oid = inhrelid
      where inhparent = 'public.request_logs'::regclass and relname <> 'request_logs_default'
        and pg_get_expr(relpartbound, oid) <> format('FOR VALUES FROM (%L) TO (%L)',
          to_date(right(relname, 7), 'YYYY_MM')::timestamptz,
          to_date(right(relname, 7), 'YYYY_MM')::timestamptz + interval '1 month')`;
  });
  return rows.map(({ name }) => name);
}

Deno.test("the log's first months are UTC's, in whatever style and zone they were made", async () => {
  await using databases = await startDatabases();
  const { sql } = await databases.create({ exposeNewTables: false });
  // CST, which is read as America's.
  await sql`set timezone = 'Asia/Shanghai'`;
  await sql`set datestyle = 'SQL, DMY'`;
  const files = await migrationFiles();
  const mending = files.findIndex(({ path }) => path === MENDING);
  for (const file of files.slice(0, mending)) await applyFile(sql, file);
  assert.equal((await misplaced(sql)).length, 4, "there is nothing to mend");
  // A minute after each bound, and before it, where months begin late and where they do not.
  await sql`
    insert into public.request_logs (id, did, method, endpoint, request_time, model, total_cost)
    select gen_random_uuid(), 'did:x:1', 'POST', '/x', month + beside, 'm', 0.1
    from generate_series(0, 5) as n,
      lateral (select (date_trunc('month', now() at time zone 'utc') + make_interval(months => n))
        at time zone 'utc' as month) as start,
      unnest(array['-1 minute', '0 seconds', '1 minute', '13 hours', '15 hours']::interval[]) as beside`;
  const before = await sql`select * from public.request_logs order by id`;
  assert.equal(before.length, 30);

  for (const file of files.slice(mending)) await applyFile(sql, file);

  assert.deepEqual(await misplaced(sql), []);
  assert.deepEqual([...await sql`select * from public.request_logs order by id`], [...before]);
  const [{ strangers }] = await sql<[{ strangers: string }]>`
    select count(*) as strangers from public.request_logs
    where tableoid <> 'partitions.request_logs_default'::regclass
      and right(tableoid::regclass::text, 7) <> to_char(request_time at time zone 'utc', 'YYYY_MM')`;
  assert.equal(strangers, "0");
  const [{ made }] = await sql<[{ made: { created: string[] } }]>`
    select public.maintain_request_log_partitions(8) as made`;
  assert.equal(made.created.length, 3, "those of which there are no rows yet");
  assert.deepEqual(await misplaced(sql), []);
  const [settings] =
    await sql`select current_setting('timezone') as zone, current_setting('datestyle') as style`;
  assert.deepEqual({ ...settings }, { zone: "Asia/Shanghai", style: "SQL, DMY" });
});
