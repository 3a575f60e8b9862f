/** Fills a database of a bench with accounts and the log of what they asked for. */
import type postgres from "postgres";

/** Days over which the log is spread, and the months before this one that they may reach into. */
const DAYS = 50;
const MONTHS = 2;

/** An SQL expression that chooses one of the accounts of a filled database. */
export function anyDid(dids: number): string {
  return `(select did from bench.dids where n = (select floor(random() * ${dids})::int))`;
}

/**
 * @param callers the DIDs whose accounts are there already
 * @param dids how many accounts there are to be, those of the callers among them
 * @param rows how many requests all of them have in the log, the same number each
 */
export async function fill(
  sql: postgres.Sql,
  callers: string[],
  dids: number,
  rows: number,
): Promise<void> {
  await sql`create schema bench`;
  await sql`create unlogged table bench.dids (n int primary key, did text not null)`;
  await sql`
    insert into bench.dids
    select n - 1, did from unnest(${callers}::text[]) with ordinality as caller (did, n)
    union all
    select n, 'did:key:bench-' || n from generate_series(${callers.length}::int, ${dids}::int - 1) as n`;
  await sql`
    insert into user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name,
      applied_credit_limit, applied_credit_limit_reset)
    select did, md5(did), 'sealed', 'bench', 1e5, 'daily' from bench.dids
    on conflict do nothing`;
  await sql`insert into did_policies (did, daily_budget_usd) select did, 1e5 from bench.dids`;
  await sql`
    insert into budgets (did, day, month)
    select did, (now() at time zone 'utc')::date, date_trunc('month', now() at time zone 'utc')::date
    from bench.dids on conflict do nothing`;
  await createPartitions(sql, MONTHS);
  await withoutIndexes(sql, () =>
    sql`
      insert into request_logs (id, did, method, endpoint, model, request_time, response_time, status,
        total_cost, http_status, generation_id)
      select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' ||
          substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid,
        did, 'POST', '/chat/completions', 'openai/gpt-4o-mini', at, at + interval '1 second',
        'completed', 0.0001, 200, 'gen-' || i
      from generate_series(1, ${rows}::int) as i
        join bench.dids on n = i % ${dids}::int,
        lateral (select now() - interval '1 minute'
          - (${rows}::int - i) * (interval '${sql.unsafe(String(DAYS))} days' / ${rows}::int) as at
        ) as times`);
  await sql`
    insert into usage_daily (did, day, model, endpoint, requests, total_cost)
    select did, (request_time at time zone 'utc')::date, model, endpoint, count(*), sum(total_cost)
    from request_logs group by 1, 2, 3, 4`;
  await sql.unsafe("vacuum analyze");
}

/** Those of so many months before this one, which a young database lacks. */
export async function createPartitions(sql: postgres.Sql, months: number): Promise<void> {
  for (let ago = 1; ago <= months; ago++) {
    await sql.unsafe(`
      do $$
      declare
        v_month timestamp := date_trunc('month', now() at time zone 'utc') - interval '${ago} months';
      begin
        execute format('create table partitions.%I partition of public.request_logs
          for values from (%L) to (%L)', 'request_logs_' || to_char(v_month, 'YYYY_MM'),
          v_month at time zone 'utc', (v_month + interval '1 month') at time zone 'utc');
      end $$`);
  }
}

/** Built once all rows are there, indexes take a fraction of the time. */
async function withoutIndexes(sql: postgres.Sql, work: () => Promise<unknown>): Promise<void> {
  const indexes = await sql<{ name: string; definition: string }[]>`
    select indexname as name, indexdef as definition from pg_indexes
    where schemaname = 'public' and tablename = 'request_logs' and indexname <> 'request_logs_pkey'`;
  await sql.unsafe("set maintenance_work_mem = '512MB'");
  for (const { name } of indexes) await sql`drop index ${sql(`public.${name}`)}`;
  await work();
  for (const { definition } of indexes) await sql.unsafe(definition);
}
