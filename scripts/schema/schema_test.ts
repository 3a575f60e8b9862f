import assert from "node:assert/strict";
import { join } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { type Catalog, readCatalog, readRows, without } from "./catalog.ts";
import { applyFile, type Project, startDatabases } from "./databases.ts";
import { differences } from "./differences.ts";
import { describe, draftMigration } from "./report.ts";
import { emptyTables, mistakesInBooks, upgradeInUse } from "./upgrade.ts";
import { migrationFiles, schemaFiles, type SqlFile } from "./sources.ts";

Deno.test("supabase/schemas is the database that supabase/migrations makes", async (t) => {
  const [schemas, migrations] = [await schemaFiles(), await migrationFiles()];
  await using databases = await startDatabases();
  // What a file forgets to revoke shows where new tables are open to everybody; what it forgets to grant,
  // where they are not.
  const described = await databases.create({ exposeNewTables: true });
  const migrated = await databases.create({ exposeNewTables: false });
  const [asDescribed, whole] = await apply(schemas, described);
  const [asMigrated] = await apply(migrations, migrated);

  await t.step("no difference", async () => {
    const found = differences(asMigrated, asDescribed, ["migrations", "schemas"]);
    assert.ok(
      found.length === 0,
      `${found.length} differences. Change the side that is wrong; a landed migration is not edited, ` +
        `but followed by another.\n\n${describe(found, { schemas, migrations })}\n\n` +
        `From the migrations to the schemas, as supabase db diff would write it:\n\n` +
        (found.length === 0 ? "" : await draftMigration(migrated.url, described.url)),
    );
  });

  await t.step(
    "a dump's rows can be entered where nothing but the settings was deleted",
    async () => {
      const made = [...asMigrated.keys()];
      const rowsOf = made.map((object) => /^row \d+ of (.*)$/.exec(object)?.[1]).filter(Boolean);
      assert.deepEqual([...new Set(rowsOf)].sort(), ["cron.job", "public.gateway_settings"]);
      assert.deepEqual(made.filter((object) => object.startsWith("sequence ")), []);
      assert.deepEqual(
        [...await migrated.sql`select conrelid::regclass from pg_constraint where contype = 'f'`],
        [],
        "rows that other rows need would have to come first",
      );
    },
  );

  await t.step("migrations lose nothing of a database in use, whatever its version", async () => {
    const inUse = await databases.create({ exposeNewTables: true });
    const before = await readCatalog(inUse.sql);
    const { callers, losses } = await upgradeInUse(inUse.sql, migrations);
    assert.deepEqual(losses, []);
    assert.deepEqual(await mistakesInBooks(inUse.sql, callers), []);
    assert.deepEqual(
      await emptyTables(inUse.sql),
      [],
      "gateway_rows.ts has no row for these tables",
    );
    const upgraded = without(await readCatalog(inUse.sql), before);
    const migratedAnew = new Map([...asMigrated].filter(([object]) => !object.startsWith("row ")));
    const found = differences(migratedAnew, upgraded, ["new database", "upgraded one"]);
    assert.equal(describe(found, { schemas, migrations }), "");
  });

  await t.step("a difference of any kind is told", async () => {
    for (const statement of Object.keys(CHANGES)) await described.sql.unsafe(statement);
    const told = differences(whole, await contents(described), ["before", "after"]);
    assert.deepEqual(
      told.map(({ object, what }) => `${object}: ${what.split(/:|\n| in the/)[0]}`),
      Object.values(CHANGES).flat().sort(),
    );
  });
});

Deno.test("config.toml names supabase/schemas in the order in which they are applied here", async () => {
  const config = await Deno.readTextFile(join(PROJECT_ROOT, "supabase", "config.toml"));
  assert.match(config, /^\[db\.migrations\]\n[^[]*^schema_paths = \["\.\/schemas\/\*\.sql"\]$/m);
});

/** Applies files. Returns what they have made, and the whole database. */
async function apply(files: SqlFile[], project: Project): Promise<[Catalog, Catalog]> {
  const before = await readCatalog(project.sql);
  for (const file of files) await applyFile(project.sql, file);
  const whole = await contents(project);
  return [without(whole, before), whole];
}

async function contents({ sql }: Project): Promise<Catalog> {
  return new Map([...await readCatalog(sql), ...await readRows(sql)]);
}

/** Statements, and what is told of them: of which object, which fact. */
const CHANGES: Record<string, string[]> = {
  "alter table public.budgets alter day_alerted drop default": [
    "column public.budgets.day_alerted: default",
  ],
  "alter table public.budgets alter month drop not null": ["column public.budgets.month: not null"],
  "alter table public.budgets set (fillfactor = 60)": ["table public.budgets: options"],
  "alter table public.budgets add extra text": [
    "column public.budgets.extra: is only",
    "table public.budgets: columns in this order",
  ],
  "alter table public.budget_alerts alter attempts type bigint": [
    "column public.budget_alerts.attempts: type",
  ],
  "alter table public.budget_alerts alter kind set storage external": [
    "column public.budget_alerts.kind: storage",
  ],
  "alter table public.budget_alerts alter kind set statistics 5": [
    "column public.budget_alerts.kind: statistics",
  ],
  "alter table public.key_usages alter usage set default 0": [
    "column public.key_usages.usage: default",
  ],
  "alter table public.cost_checks disable row level security": [
    "table public.cost_checks: row level security",
  ],
  "alter table public.cost_drift force row level security": [
    "table public.cost_drift: row level security binds the owner",
  ],
  "alter table partitions.request_logs_default disable row level security": [
    "table partitions.request_logs_default: row level security",
  ],
  "alter table public.cost_drift drop constraint cost_drift_pkey": [
    "constraint cost_drift_pkey on public.cost_drift: is only",
    "index cost_drift_pkey on public.cost_drift: is only",
  ],
  "alter table public.user_api_keys validate constraint user_api_keys_credit_limit_is_finite": [
    "constraint user_api_keys_credit_limit_is_finite on public.user_api_keys: definition",
  ],
  "drop index public.usage_daily_day": ["index usage_daily_day on public.usage_daily: is only"],
  "create index extra on public.usage_daily (day desc)": [
    "index extra on public.usage_daily: is only",
  ],
  "alter policy own_usage on public.usage_daily to anon": [
    "policy own_usage on public.usage_daily: roles",
  ],
  "alter policy own_account on public.user_api_keys using (true)": [
    "policy own_account on public.user_api_keys: using",
  ],
  "create function public.extra() returns trigger language plpgsql as 'begin return new; end'": [
    "function public.extra(): is only",
  ],
  "create trigger extra before update on public.idempotency_keys execute function public.extra()": [
    "trigger extra on public.idempotency_keys: is only",
  ],
  "alter function public.maintain() cost 7": ["function public.maintain(): definition"],
  "alter function public.limits_of stable": [
    "function public.limits_of(p_policy public.did_policies, p_settings public.gateway_settings): definition",
  ],
  "alter function public.end_cost_search security definer": [
    "function public.end_cost_search(p_did text, p_searched_to timestamp with time zone): definition",
  ],
  "alter function public.lock_budget reset all": [
    "function public.lock_budget(p_did text): definition",
  ],
  "grant execute on function public.rolled to anon": [
    "function public.rolled(p_budget public.budgets, p_day date): privileges",
  ],
  "revoke execute on function public.admit_request(jsonb) from service_role": [
    "function public.admit_request(p_admission jsonb): privileges",
  ],
  "grant select on table public.budgets to anon": ["table public.budgets: privileges"],
  "grant select (openrouter_key_hash) on table public.user_api_keys to authenticated": [
    "column public.user_api_keys.openrouter_key_hash: privileges",
  ],
  "grant usage on type public.entered to anon": ["type public.entered: privileges"],
  "grant usage on schema partitions to anon": ["schema partitions: privileges"],
  "alter default privileges in schema public grant select on tables to public": [
    "default privileges of postgres in public on tables: privileges",
  ],
  "comment on function public.lock_costs_of is 'x'": [
    "function public.lock_costs_of(p_did text): comment",
  ],
  "comment on column public.usage_daily.day is null": ["column public.usage_daily.day: comment"],
  "comment on constraint request_logs_make_sense on public.request_logs is 'x'": [
    "constraint request_logs_make_sense on public.request_logs: comment",
  ],
  "comment on type public.limits is 'x'": ["type public.limits: comment"],
  "alter view public.accounts set (security_invoker = false)": ["view public.accounts: options"],
  "create or replace view public.usage_of_days with (security_invoker = true) as select * from public.usage_daily_of_all":
    ["view public.usage_of_days: definition"],
  "alter type public.key_limit add attribute extra text": [
    "column public.key_limit.extra: is only",
    "type public.key_limit: members in this order",
  ],
  "create sequence public.extra_numbers": ["sequence public.extra_numbers: is only"],
  "create type public.extra_kind as enum ('a', 'b')": ["type public.extra_kind: is only"],
  "create domain public.extra_text as text check (value <> '')": [
    "constraint extra_text_check on public.extra_text: is only",
    "type public.extra_text: is only",
  ],
  "create collation public.extra_order (locale = 'C')": [
    "unknown to catalog.sql: collation public.extra_order: is only",
  ],
  "create publication extra for table public.budgets": ["publication extra: is only"],
  "update public.gateway_settings set job_reserve_usd = 6": [
    "row 1 of public.gateway_settings: job_reserve_usd",
  ],
  "update cron.job set schedule = '@daily' where command like '%partitions%'": [
    "row 3 of cron.job: schedule",
  ],
  "do $$ begin execute format('alter database %I set jit = off', current_database()); end $$": [
    "settings of everybody in this database: is only",
  ],
};
