/** Migrations on databases that are in use: nothing may be lost, whatever version they start from. */
import type postgres from "postgres";
import { applyFile } from "./databases.ts";
import { type Caller, callGateway, endPending, readShape } from "./gateway_in_use.ts";
import type { Row } from "./gateway_rows.ts";
import type { SqlFile } from "./sources.ts";

/** All rows of all tables by their primary keys. */
type Rows = Map<string, Map<string, Row>>;

/**
 * Applies migrations one by one to a database that is in use: a new DID calls at each version, and what
 * was under way before a migration ends after it.
 *
 * @returns the callers, and what migrations have lost or changed of what was there before them
 */
export async function upgradeInUse(
  sql: postgres.Sql,
  migrations: SqlFile[],
): Promise<{ callers: Caller[]; losses: string[] }> {
  const callers: Caller[] = [];
  const losses: string[] = [];
  for (const [index, migration] of migrations.entries()) {
    const before = await readAll(sql);
    await applyFile(sql, migration);
    const after = await readAll(sql);
    losses.push(
      ...[...lost(before, after), ...newLimits(before, after)]
        .filter((loss) => CORRECTIONS[migration.path]?.test(loss) !== true)
        .map((loss) => `${migration.path}: ${loss}`),
    );
    const shape = await readShape(sql);
    if (index === 0) {
      await enterPast(sql);
      continue;
    }
    const last = callers.at(-1);
    if (last) await endPending(sql, shape, last);
    callers.push(await callGateway(sql, shape, index + 1));
  }
  return { callers, losses };
}

/** What migrations put right on purpose: sums that were not kept before, or not rightly. */
const CORRECTIONS: Record<string, RegExp> = {
  "supabase/migrations/20261126010100_requests_without_cost.sql":
    /^usage_daily .*\.requests_without_cost: 0 became 1$/,
  "supabase/migrations/20261127000400_settlement_of_reservations.sql":
    /^budgets .*\.(day|month)_spent_usd: 0 became /,
  "supabase/migrations/20261129010000_verify_reservations.sql":
    /^budgets .*\.(requests_under_way|(day|month)_reserved_usd): /,
};

/** Limits that a migration brings to a gateway that has accounts: those are for its operator to set. */
function newLimits(before: Rows, after: Rows): string[] {
  if (!before.get("user_api_keys")?.size) return [];
  const [known = {}] = before.get("gateway_settings")?.values() ?? [];
  const [settings = {}] = after.get("gateway_settings")?.values() ?? [];
  return Object.entries(settings)
    .filter(([name, value]) => !(name in known) && value !== null)
    .filter(([name]) => /budget|concurrent|_per_(day|minute)$/.test(name))
    .map(([name, value]) => `gateway_settings.${name} is ${value} from one day to the next`);
}

const PAST_DID = "did:web:past.example";

/** What a gateway has booked in months before, in the tables of the first version. */
async function enterPast(sql: postgres.Sql): Promise<void> {
  await sql`
    insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, credit_limit)
    values (${PAST_DID}, 'hash', 'encrypted', 'name', 2.5)`;
  await sql`
    insert into public.request_logs (
      id, did, method, endpoint, model, request_time, response_time, status, error_message,
      http_status, generation_id, input_tokens, output_tokens, total_cost, cost_source, first_byte_ms
    )
    select gen_random_uuid(), ${PAST_DID}, 'POST', '/chat/completions', model,
      now() - age, now() - age + interval '2 seconds', status, error, 200, generation,
      10, 20, cost, 'response', 300
    from (values
      (interval '5 hours', 'a/b', 'completed', null, 'gen-p1', 0.0000000001),
      (interval '1 day', 'a/b', 'completed', null, 'gen-p2', 0.1),
      (interval '2 days', 'a/b', 'completed', null, 'gen-p3', null),
      (interval '2 days', null, 'failed', 'worker_lost: the worker died', null, null),
      (interval '3 days', 'a/c', 'failed', 'upstream_error', null, 0),
      (interval '40 days', 'a/c', 'completed', null, 'gen-p4', 1.25),
      (interval '70 days', 'a/c', 'completed', null, 'gen-p5', 7)
    ) as call (age, model, status, error, generation, cost)`;
  await sql`
    insert into public.usage_daily (
      did, day, model, endpoint, requests, failed_requests, input_tokens, output_tokens, total_cost
    )
    select did, (request_time at time zone 'utc')::date, coalesce(model, 'unknown'), endpoint,
      count(*), count(*) filter (where status = 'failed'), sum(input_tokens), sum(output_tokens),
      coalesce(sum(total_cost), 0)
    from public.request_logs
    group by 1, 2, 3, 4`;
}

async function readAll(sql: postgres.Sql): Promise<Rows> {
  const tables = await sql<{ name: string; key: string[] }[]>`
    select relname as name, array(
      select attname::text from pg_attribute
      where attrelid = class.oid and attnum = any (indkey)
    ) as key
    from pg_class as class
    left join pg_index on indrelid = class.oid and indisprimary
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`;
  const all: Rows = new Map(tables.map(({ name }) => [name, new Map()]));
  if (tables.length === 0) return all;
  // A table without a key has rows that are nothing but their values.
  const keys = new Map(tables.map(({ name, key }) => [name, key]));
  const rows = await sql.unsafe<{ name: string; row: Row }[]>(
    tables.map(({ name }) =>
      `select '${name}' as name, to_jsonb(found) as row from public.${name} as found`
    )
      .join(" union all "),
  );
  for (const { name, row } of rows) {
    const key = keys.get(name)!;
    all.get(name)!.set(Object.values(key.length > 0 ? pick(row, key) : row).join(", "), row);
  }
  return all;
}

const pick = (row: Row, names: string[]) =>
  Object.fromEntries(names.map((name) => [name, row[name]]));

/** What is not there any more, or is another value than before. */
function lost(before: Rows, after: Rows): string[] {
  return [...before].flatMap(([table, rows]) =>
    [...rows].flatMap(([key, row]) => {
      const now = after.get(table)?.get(key);
      if (now === undefined) return [`${table} (${key}) is gone`];
      return Object.entries(row).flatMap(([column, value]) =>
        JSON.stringify(now[column]) === JSON.stringify(value)
          ? []
          : [`${table} (${key}).${column}: ${JSON.stringify(value)} became ${now[column]}`]
      );
    })
  );
}

/**
 * What is wrong with the books of a database of the newest version: sums, reservations and calls under way
 * that the log does not bear out, and costs that are not those that were told.
 */
export async function mistakesInBooks(sql: postgres.Sql, callers: Caller[]): Promise<unknown[]> {
  const told = callers.flatMap(({ costs }) => [...costs].map(([id, cost]) => ({ id, cost })));
  return [
    ...await sql`select * from public.verify_usage()`,
    ...await sql`
      select told.id, told.cost as told, log.total_cost as booked
      from jsonb_to_recordset(${sql.json(told)}) as told (id uuid, cost numeric)
      left join public.request_logs as log on log.id = told.id and log.status <> 'pending'
      where log.id is null or log.total_cost is distinct from told.cost`,
    // Periods that are over are nobody's: midnight may have passed since they were entered.
    ...await sql`
      select budget.did, budget.month_spent_usd, month.spent, budget.month_reserved_usd, month.reserved,
        budget.requests_under_way, month.under_way
      from public.budgets as budget
      cross join lateral (
        select coalesce(sum(total_cost), 0) as spent, coalesce(sum(reserved_usd), 0) as reserved,
          count(*) filter (where status = 'pending' and budget.did <> '*') as under_way
        from public.request_logs as log
        where budget.did in (log.did, '*')
          and date_trunc('month', log.request_time at time zone 'utc') = budget.month
      ) as month
      where (budget.month_spent_usd, budget.month_reserved_usd, budget.requests_under_way)
        is distinct from (month.spent, month.reserved, month.under_way::integer)`,
  ];
}

/** Tables in which nothing stands that could have got lost. */
export async function emptyTables(sql: postgres.Sql): Promise<string[]> {
  return [...await readAll(sql)].flatMap(([table, rows]) => rows.size === 0 ? [table] : []);
}
