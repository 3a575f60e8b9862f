/**
 * What statistics and settlements cost beside a log of many rows, against a log of ten thousand: for one
 * DID that has the same rows in both. Both databases are asked in turns, so that what else the machine
 * does slows both down. No query of one DID may read the log from end to end.
 *
 * Usage: deno run -A scripts/bench/usage.ts [--rows=10000000]
 */
import { parseArgs } from "node:util";
import postgres from "postgres";
import { startStack } from "../stack/start_stack.ts";
import { createPartitions } from "./gateways/fill.ts";
import { median } from "./gateways/median.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: { rows: { type: "string", default: "10000000" } },
});
const FEW_ROWS = 10_000;
const ROWS_PER_DID = 100;
const OWN_ROWS = 3_000;
const ROUNDS = 31;
const SETTLEMENTS_PER_ROUND = 100;
const MONTHS = 6;
const DID = "did:key:bench";
const IN_A_MONTH = "now() - interval '30 days', now()";

/** What is asked, and whether it is of one DID. */
const QUERIES: [name: string, sql: string][] = [
  ["GET /usage, a month", `select usage_stats('${DID}', ${IN_A_MONTH})`],
  ["by day and model", `select usage_stats('${DID}', ${IN_A_MONTH}, '{day,model}')`],
  ["by hour", `select usage_stats('${DID}', ${IN_A_MONTH}, '{hour}')`],
  ["by session", `select usage_stats('${DID}', ${IN_A_MONTH}, '{session}')`],
  ["of a session", `select usage_stats('${DID}', null, null, '{day}', 'session 7')`],
  ["GET /usage/requests", `select usage_requests('${DID}', 51)`],
  [
    "its page 20",
    `select usage_requests('${DID}', 51, now() - interval '15 days', gen_random_uuid())`,
  ],
  ["GET /limits", `select account_limits('${DID}')`],
  ...[
    "usage_by_did",
    "usage_by_did_day",
    "usage_by_did_hour",
    "usage_by_did_model",
    "usage_by_did_session",
    "usage_by_did_label",
    "usage_latency",
    "usage_recent_failures",
    "usage_unknown_costs",
    "usage_against_budgets",
    "cost_drift_latest",
    "accounts",
    "new_dids",
  ].map((view): [string, string] => [view, `select * from ${view} where did = '${DID}'`]),
];

/** A database whose log has so many rows, of the last half year, an equal part of it in each month. */
async function fill(rows: number) {
  const stack = await startStack({ port: 0, dbPort: 0, ephemeral: true, durable: true });
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  await createPartitions(sql, MONTHS);
  const others = rows - OWN_ROWS;
  const dids = Math.max(1, Math.floor(others / ROWS_PER_DID));
  const insert = async (count: number, did: string, age: string) => {
    await sql.unsafe(`
      insert into request_logs (id, did, method, endpoint, model, request_time, response_time, status,
        http_status, total_cost, input_tokens, output_tokens, first_byte_ms, generation_id, session, label)
      select gen_random_uuid(), ${did}, 'POST', '/chat/completions',
        'vendor/model-' || floor(random() ^ 2 * 5), at, at + random() * interval '20 seconds',
        case when random() < 0.02 then 'failed' else 'completed' end, 200,
        case when random() < 0.999 then trunc(random()::numeric / 100, 8) end,
        (random() * 2000)::int, (random() * 800)::int, (random() * 3000)::int, 'gen-' || i,
        case when i % 2 = 0 then 'session ' || i % 40 end, case when i % 5 = 0 then 'label ' || i % 7 end
      from generate_series(1, ${count}) as i,
        lateral (select now() - interval '1 minute' - ${age} as at offset 0) as times`);
  };
  // In the order of time, as a log grows.
  for (let part = 0; part < 10; part++) {
    const days = MONTHS * 3;
    await insert(
      Math.floor(others / 10),
      `'did:key:other-' || floor(random() * ${dids})`,
      `(${(9 - part) * days} + random() * ${days} + 0 * i) * interval '1 day'`,
    );
  }
  await insert(OWN_ROWS, `'${DID}'`, "(random() * 60 + 0 * i) * interval '1 day'");
  await sql.unsafe(`
    insert into usage_daily select * from usage_daily_of_log(null, '-infinity');
    insert into usage_hourly select * from usage_of_log(null, usage_hourly_kept_since(), 'infinity');
    insert into user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    select did, md5(did), 'sealed', 'bench' from usage_daily group by did;
    insert into budgets (did, day, month)
    select did, (now() at time zone 'utc')::date, date_trunc('month', now() at time zone 'utc')::date
    from user_api_keys`);
  while ((await sql`select add_up_days() as days`)[0]!.days > 0);
  await sql.unsafe("vacuum analyze");
  await sql`select pg_stat_force_next_flush()`;
  return { stack, sql, dids };
}

type Filled = Awaited<ReturnType<typeof fill>>;

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Rows of the log that were read by scans of whole partitions. */
async function rowsScanned({ sql }: Filled): Promise<number> {
  await sql`select pg_stat_force_next_flush()`;
  const [row] = await sql<{ rows: string }[]>`
    select coalesce(sum(seq_tup_read), 0)::text as rows from pg_stat_all_tables
    where schemaname = 'partitions'`;
  return Number(row!.rows);
}

/** The own time in Postgres of settlements of as many DIDs, without their commits: each in microseconds. */
async function settlements({ sql, dids }: Filled): Promise<number[]> {
  const one = await sql.reserve();
  try {
    await one.unsafe("create temporary table if not exists times (us double precision)");
    await one.unsafe(`
      do $$
      declare
        v_id uuid;
        v_began timestamptz;
        v_answer jsonb;
      begin
        for i in 1..${SETTLEMENTS_PER_ROUND} loop
          v_id := gen_random_uuid();
          insert into public.request_logs (id, did, method, endpoint, model, request_time)
          values (v_id, 'did:key:other-' || floor(random() * ${dids}), 'POST', '/chat/completions',
            'vendor/model-1', now());
          v_began := clock_timestamp();
          v_answer := public.settle_request(jsonb_build_object(
            'request_id', v_id, 'request_time', now(), 'status', 'completed', 'http_status', 200,
            'generation_id', 'gen-' || v_id, 'input_tokens', 10, 'output_tokens', 10,
            'cost', '0.00005', 'cost_source', 'response', 'first_byte_ms', 300
          ));
          insert into times values (extract(epoch from clock_timestamp() - v_began) * 1e6);
          if not (v_answer ->> 'settled')::boolean then raise exception '%', v_answer; end if;
          commit;
        end loop;
      end $$`);
    const rows = await one<{ us: number }[]>`delete from times returning us`;
    return rows.map(({ us }) => us);
  } finally {
    one.release();
  }
}

const rows = Number(options.rows);
console.log(`filling a database with ${FEW_ROWS} rows, and one with ${rows}`);
const few = await fill(FEW_ROWS);
const many = await fill(rows);
try {
  const table = [];
  for (const [name, query] of QUERIES) {
    const times: [number[], number[]] = [[], []];
    const before = await rowsScanned(many);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, { sql }] of [few, many].entries()) {
        times[index]!.push(await milliseconds(() => sql.unsafe(query)));
      }
    }
    const scanned = await rowsScanned(many) - before;
    const [fewMs, manyMs] = [median(times[0]), median(times[1])];
    table.push({
      "of one DID": name,
      [`ms, ${FEW_ROWS} rows`]: fewMs.toFixed(2),
      [`ms, ${rows} rows`]: manyMs.toFixed(2),
      ratio: (manyMs / fewMs).toFixed(2),
      "log rows scanned": scanned,
    });
  }
  console.table(table);

  const settled: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, filled] of [few, many].entries()) {
      settled[index]!.push(...await settlements(filled));
    }
  }
  const [fewUs, manyUs] = [median(settled[0]), median(settled[1])];
  const whole = [];
  for (const view of ["usage_by_day", "usage_by_model", "usage_by_did", "usage_by_hour"]) {
    const times = [];
    for (let round = 0; round < 5; round++) {
      times.push(await milliseconds(() => many.sql.unsafe(`select * from ${view}`)));
    }
    whole.push({ "of the whole gateway": view, ms: median(times).toFixed(0) });
  }
  console.table([{
    "a settlement's own time": "median, us",
    [`${FEW_ROWS} rows`]: fewUs.toFixed(0),
    [`${rows} rows`]: manyUs.toFixed(0),
    ratio: (manyUs / fewUs).toFixed(2),
  }]);
  console.log(`${rows} rows, ${many.dids} DIDs`);
  console.table(whole);
  const [wrong] = await many.sql`select count(*) from verify_usage('false')`;
  console.log(`totals that differ from the log: ${wrong!.count}`);
} finally {
  for (const { sql, stack } of [few, many]) {
    await sql.end();
    await stack.stop();
  }
}
