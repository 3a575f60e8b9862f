import assert from "node:assert/strict";
import { join } from "node:path";
import { runOperatorCommand } from "./operator/testing.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";
import { withDatabase } from "./operator/database.ts";
import { usdText, usdUnits } from "../supabase/functions/openrouter-proxy/bytes/usd.ts";
import type { Counts, Report } from "./report/report.ts";
import { enterHistory } from "./seed/enter_history.ts";
import { makeHistory } from "./seed/history.ts";
import { startTestStack } from "./stack/testing.ts";
import { until } from "../supabase/functions/tests/harness/until.ts";

const ODD_MODEL = `a|b' "c" $1 \\ group by 1`;

/** What log, totals and budgets say of the same. */
const BOOKS = `
  select
    (select count(*) from request_logs)::integer as logged,
    (select sum(requests) from usage_daily)::integer as counted,
    (select count(distinct did) from request_logs)::integer as dids,
    (select count(*) from user_api_keys)::integer as accounts,
    (select count(*) filter (where total_cost is null) from request_logs)
      - (select sum(requests_without_cost) from usage_daily) as without_cost_differ,
    (select count(*) filter (where status = 'failed') from request_logs)
      - (select sum(failed_requests) from usage_daily) as failed_differ,
    (select sum(total_cost) from request_logs) - (select sum(total_cost) from usage_daily) as usd_differ,
    (select sum(input_tokens + output_tokens + cached_tokens + reasoning_tokens) from request_logs)
      - (select sum(input_tokens + output_tokens + cached_tokens + reasoning_tokens) from usage_daily)
      as tokens_differ,
    (select coalesce(sum(total_cost), 0) from request_logs
      where request_time >= date_trunc('month', now() at time zone 'utc') at time zone 'utc')
      - coalesce((select month_spent_usd from budgets where did = '*'
        and month = date_trunc('month', now() at time zone 'utc')), 0) as month_differs,
    (select count(*) from request_logs where request_time > now())::integer as ahead,
    (select count(*) from verify_usage())::integer as totals_differ`;

async function assertBooksAgree(databaseUrl: string, logged: number) {
  const [books] = await withDatabase(databaseUrl, (sql) => sql.unsafe(BOOKS));
  const { dids, accounts, ...rest } = books!;
  assert.equal(dids, accounts);
  for (const [name, value] of Object.entries(rest)) {
    const isCount = name === "logged" || name === "counted";
    assert.equal(Number(value), isCount ? logged : 0, `${name}: ${value}`);
  }
}

Deno.test("supabase/seed.sql is what seed --print makes", async () => {
  const { code, stdout } = await runOperatorCommand("seed.ts", ["--print"]);
  assert.equal(code, 0);
  assert.equal(stdout, await Deno.readTextFile(join(PROJECT_ROOT, "supabase", "seed.sql")));
});

/** Asserts that `deno task report` tells of a history of 40 days what the tables hold. */
async function assertReports(env: { DATABASE_URL: string }) {
  async function report(...args: string[]) {
    const { code, stdout, stderr } = await runOperatorCommand("report.ts", args, env);
    assert.equal(code, 0, stderr);
    return stdout;
  }
  // Models are called what a client has called them.
  await withDatabase(
    env.DATABASE_URL,
    (sql) =>
      sql`update usage_daily set model = ${ODD_MODEL} where model = (
        select model from usage_daily group by model order by sum(total_cost) desc limit 1
      )`,
  );
  // What no history has is a worker that had time to say why it ended.
  await withDatabase(
    env.DATABASE_URL,
    (sql) =>
      sql`update request_logs set error_message = 'worker_retired: wall_clock' where id = (
        select id from request_logs where error_message = 'client_disconnected' limit 1
      )`,
  );
  const [books] = await withDatabase(
    env.DATABASE_URL,
    (sql) =>
      sql`select trim_scale(sum(total_cost))::text as usd, sum(requests)::integer as requests,
      (array_agg(did order by did))[1] as did from usage_daily`,
  );
  const all: Report = JSON.parse(await report("--days", "40", "--format", "json"));
  assert.equal(all.totals.costUsd, books!.usd);
  assert.equal(all.totals.requests, books!.requests);
  const sum = (rows: Counts[]) => [
    rows.reduce((sum, { requests }) => sum + requests, 0),
    usdText(
      rows.reduce((sum, { costUsd }) => sum + usdUnits(costUsd)!, 0n),
    ),
  ];
  for (const rows of [all.models, all.series, all.dids!]) {
    assert.deepEqual(sum(rows), [books!.requests, books!.usd]);
  }
  assert.ok(all.series.some(({ model }) => model === ODD_MODEL));
  assert.equal(all.failures.reduce((sum, { count }) => sum + count, 0), all.totals.failed);
  const kinds = new Set(all.failures.map(({ kind }) => kind));
  assert.deepEqual([...kinds].sort(), [
    "client disconnected",
    "status 400",
    "status 429",
    "status 502",
    "upstream timeout",
    "worker lost",
    "worker retired",
  ]);
  assert.ok(all.latency!.some(({ firstByte }) => firstByte !== null && firstByte.p50 > 100));
  assert.ok(all.budgets.some(({ did }) => did === null));
  assert.ok(all.sessions.length > 1);
  assert.ok(all.labels.length > 0);

  const { did } = books!;
  const one: Report = JSON.parse(await report("--days", "40", "--did", did, "--format", "json"));
  assert.equal(one.totals.costUsd, all.dids!.find((row) => row.did === did)!.costUsd);
  assert.equal(one.dids, null);
  const none: Report = JSON.parse(await report("--did", "did:key:nobody", "--format", "json"));
  assert.equal(none.totals.requests, 0);
  const noDid = await runOperatorCommand("report.ts", ["--did", "alice"], env);
  assert.deepEqual([noDid.code, noDid.stdout], [1, ""]);
  assert.match(noDid.stderr, /^error: 'alice' is no DID$/m);

  const table = await report("--days", "40");
  assert.match(table, /^All DIDs, .* \(UTC\)$/m);
  assert.match(table, /2,500 requests/);
  assert.match(table, /[▁▂▃▄▅▆▇█]/);
  const csv = await report("--days", "40", "--format", "csv");
  assert.equal(csv.split("\r\n").length, all.series.length + 2);
  const page = await report("--days", "40", "--format", "html");
  assert.match(page, /<svg [^>]*role="img"/);

  // The key of a first call is made before its admission, from which its end is timed.
  await withDatabase(
    env.DATABASE_URL,
    (sql) => sql`update request_logs set first_byte_ms = first_byte_ms + 3600000`,
  );
  const late: Report = JSON.parse(await report("--days", "40", "--format", "json"));
  assert.ok(
    late.latency!.every(({ firstByte, whole }) => (whole?.p50 ?? 0) >= (firstByte?.p50 ?? 0)),
  );

  const long = await runOperatorCommand("report.ts", ["--days", "100000"], env);
  assert.deepEqual([long.code, long.stdout], [2, ""]);
  assert.match(long.stderr, /Give a whole number of days from 1 to 99999\.$/m);
  const reversed = await runOperatorCommand(
    "report.ts",
    ["--from", "2026-11-02", "--to", "2026-11-01"],
    env,
  );
  assert.equal(reversed.code, 2);
  assert.equal(reversed.stderr, "error: --from must not be after --to\n");
}

/** Both are under way while neither's rows are there for anybody else. */
async function seedTwiceAtOnce(databaseUrl: string) {
  const enter = (seed: number) => {
    const today = new Date(0);
    const history = makeHistory({ dids: 3, days: 3, rows: 100, seed, today, passedMs: 3_600_000 });
    return withDatabase(
      databaseUrl,
      (sql) => enterHistory(sql, history, "1970-01-01", () => {}),
    );
  };
  const [entered] = await withDatabase(databaseUrl, (sql) =>
    sql.begin(async (sql) => {
      // Where totals are entered, after the rows.
      await sql`lock table usage_daily in access exclusive mode`;
      const both = Promise.allSettled([enter(1), enter(2)]);
      await until("both to wait", async () => {
        const [waiting] = await sql`
          select count(*)::integer as count from pg_stat_activity, pg_locks as lock
          where not lock.granted and lock.pid = pg_stat_activity.pid and datname = current_database()`;
        return waiting!.count === 2;
      });
      return [both];
    }));
  const failures = (await entered!).filter(({ status }) => status === "rejected");
  assert.match(String((failures[0] as PromiseRejectedResult).reason), /has requests already/);
  const [row] = await withDatabase(
    databaseUrl,
    (sql) => sql`select count(*)::integer as count from request_logs`,
  );
  assert.deepEqual([failures.length, row!.count], [1, 100]);
}

const TRUNCATE =
  "truncate request_logs, usage_daily, usage_daily_of_all, usage_day_changes, usage_hourly, " +
  "user_api_keys, budgets, budget_alerts, cost_drift";

Deno.test("a stack loads the small history when it is asked, seed another one into an empty database, the books agree, and so do reports", async () => {
  const stack = await startTestStack({ seed: true });
  const env = { DATABASE_URL: stack.databaseUrl };
  try {
    const [row] = await withDatabase(
      stack.databaseUrl,
      (sql) => sql`select count(*)::integer as count from request_logs`,
    );
    assert.ok(row!.count > 100);
    await assertBooksAgree(stack.databaseUrl, row!.count);

    const refused = await runOperatorCommand("seed.ts", ["--rows", "10"], env);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^error: the database has requests already/m);
    await assertBooksAgree(stack.databaseUrl, row!.count);

    await withDatabase(stack.databaseUrl, (sql) => sql.unsafe(TRUNCATE));
    await seedTwiceAtOnce(stack.databaseUrl);
    await withDatabase(stack.databaseUrl, (sql) => sql.unsafe(TRUNCATE));
    const args = ["--dids", "5", "--days", "40", "--rows", "2500", "--seed", "3"];
    const { code, stdout, stderr } = await runOperatorCommand("seed.ts", args, env);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /^2500 of 2500 requests$/m);
    await assertBooksAgree(stack.databaseUrl, 2500);
    await assertReports(env);
  } finally {
    await stack.stop();
  }
});
