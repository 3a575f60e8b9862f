import assert from "node:assert/strict";
import { join } from "node:path";
import { runOperatorCommand } from "../operator/testing.ts";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { withDatabase } from "../operator/database.ts";
import { startStack } from "../stack/start_stack.ts";

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
    (select count(*) from request_logs where request_time > now())::integer as ahead`;

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

Deno.test("a stack loads the small history when it is asked, seed another one into an empty database, and the books agree", async () => {
  const stack = await startStack({ port: 0, dbPort: 0, ephemeral: true, seed: true });
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

    await withDatabase(
      stack.databaseUrl,
      (sql) =>
        sql`truncate request_logs, usage_daily, user_api_keys, budgets, budget_alerts, cost_drift`,
    );
    const args = ["--dids", "5", "--days", "40", "--rows", "2500", "--seed", "3"];
    const { code, stdout, stderr } = await runOperatorCommand("seed.ts", args, env);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /^2500 of 2500 requests$/m);
    await assertBooksAgree(stack.databaseUrl, 2500);
  } finally {
    await stack.stop();
  }
});
