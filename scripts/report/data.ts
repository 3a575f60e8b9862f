/**
 * A report out of Postgres: beside latency.ts the only module here that knows tables.
 *
 * Sums are read from usage_daily, whose size does not depend on how much was called. What only the log
 * knows, kinds of failures and latency, is read from it within bounds.
 */
import type { Sql } from "../operator/database.ts";
import { latencyOf } from "./latency.ts";
import { type Range, unitOf } from "./range.ts";
import {
  type Budget,
  type Counts,
  type Drift,
  NAMED_MODELS,
  NOTHING,
  OTHER,
  type Report,
} from "./report.ts";
import { LOGGED_IN_SCOPE, type Scope } from "./scope.ts";

/** Failures that are told apart by kind; the latest. */
const MOST_FAILURES = 100_000;
const TOP = 10;
const MOST_MODELS = 40;

const COUNTS = `
  coalesce(sum(requests), 0)::float8 as requests,
  coalesce(sum(failed_requests), 0)::float8 as failed,
  coalesce(sum(requests_without_cost), 0)::float8 as "withoutCost",
  coalesce(sum(input_tokens), 0)::float8 as "inputTokens",
  coalesce(sum(output_tokens), 0)::float8 as "outputTokens",
  trim_scale(coalesce(sum(total_cost), 0))::text as "costUsd"`;

/**
 * Reads a report.
 *
 * @param did null: of all DIDs together
 * @param onProgress is told what is being read
 */
export async function readReport(
  sql: Sql,
  did: string | null,
  range: Range,
  onProgress: (message: string) => void,
): Promise<Report> {
  const unit = unitOf(range);
  const scope: Scope = { sql, did, range, unit };
  const leftOut: string[] = [];
  onProgress("adding up");
  const models = await modelsOf(scope);
  const report: Report = {
    did,
    ...range,
    madeAt: new Date(),
    unit,
    totals: (await counts<Counts>(scope))[0] ?? NOTHING,
    models,
    series: await seriesOf(scope, models),
    failures: await failuresOf(scope, leftOut),
    latency: await latencyOf(scope, leftOut, onProgress),
    dids: did === null ? await topOf<{ did: string }>(scope, "did") : null,
    sessions: await tagsOf<{ session: string }>(scope, "session", leftOut),
    labels: await tagsOf<{ label: string }>(scope, "label", leftOut),
    budgets: await budgetsOf(scope),
    drifts: await driftsOf(scope),
    leftOut,
  };
  return report;
}

/** @returns a DID as accounts have it: an Ethereum address in lower case. @throws {Error} for what is none */
export async function accountDid(sql: Sql, given: string): Promise<string> {
  const [row] = await sql<{ did: string }[]>`select public.plain_did(${given}) as did`;
  return row!.did;
}

/**
 * Sums of usage_daily.
 *
 * @param columns what they are grouped by, as it is selected
 * @param rest what follows the conditions
 * @param more parameters, from $4 on: models may be called anything
 */
async function counts<T>(
  { sql, did, range }: Scope,
  columns = "",
  rest = "",
  ...more: string[][]
): Promise<T[]> {
  const rows = await sql.unsafe(
    `select ${columns && `${columns},`} ${COUNTS} from public.usage_daily
     where day between $1::text::date and $2::text::date and ($3::text is null or did = $3) ${rest}`,
    [range.from, range.to, did, ...more],
  );
  return rows as unknown as T[];
}

async function topOf<T>(scope: Scope, column: string, most = TOP): Promise<(T & Counts)[]> {
  return await counts<T & Counts>(
    scope,
    column,
    `group by ${column} order by sum(total_cost) desc, sum(requests) desc, ${column} limit ${most}`,
  );
}

async function modelsOf(scope: Scope) {
  return await topOf<{ model: string }>(scope, "model", MOST_MODELS);
}

/** By day and model in Postgres, which knows the dearest models; by longer units here. */
async function seriesOf(scope: Scope, models: { model: string }[]): Promise<Report["series"]> {
  const named = models.slice(0, NAMED_MODELS).map(({ model }) => model);
  return await counts<{ at: string; model: string } & Counts>(
    scope,
    `date_trunc('${scope.unit}', day::timestamp)::date::text as at,
     case when model = any ($4::text[]) then model else '${OTHER}' end as model`,
    "group by 1, 2 order by 1, 2",
    named,
  );
}

/** What stands behind a colon are figures and words: `upstream_timeout: OpenRouter was silent for …`. */
const NAME = "split_part(error_message, ':', 1)";

/** What is told of a failure: short, and the same for those of one kind. What has no status got no answer. */
const KIND = `case
  when http_status is null
    or ${NAME} in ('client_disconnected', 'upstream_timeout', 'worker_retired', 'worker_lost')
    then replace(${NAME}, '_', ' ')
  when http_status >= 400 then 'status ' || http_status
  else 'broken answer'
end`;

async function failuresOf({ sql, did, range, unit }: Scope, leftOut: string[]) {
  const rows = await sql.unsafe(
    `select date_trunc('${unit}', request_time at time zone 'utc')::date::text as at, ${KIND} as kind,
       count(*)::integer as count
     from (
       select request_time, error_message, http_status from public.request_logs
       where status = 'failed' and ${LOGGED_IN_SCOPE}
       order by request_time desc limit ${MOST_FAILURES}
     ) as failed
     group by 1, 2 order by 1, 2`,
    [range.from, range.to, did],
  ) as unknown as Report["failures"];
  const seen = rows.reduce((sum, { count }) => sum + count, 0);
  if (seen === MOST_FAILURES) {
    leftOut.push(`Kinds of failures: only the latest ${MOST_FAILURES} failures are shown.`);
  }
  return rows;
}

/** Ended calls with a session or a label, added up by it: so many of them as are looked at. */
async function tagsOf<T>({ sql, did, range }: Scope, column: string, leftOut: string[]) {
  const rows = await sql.unsafe(
    `select ${column}, count(*)::float8 as requests,
       (count(*) filter (where status = 'failed'))::float8 as failed,
       (count(*) filter (where total_cost is null))::float8 as "withoutCost",
       coalesce(sum(input_tokens), 0)::float8 as "inputTokens",
       coalesce(sum(output_tokens), 0)::float8 as "outputTokens",
       trim_scale(coalesce(sum(total_cost), 0))::text as "costUsd",
       sum(count(*)) over ()::float8 as seen
     from (
       select * from public.request_logs
       where ${column} is not null and status <> 'pending' and ${LOGGED_IN_SCOPE}
       limit ${MOST_FAILURES}
     ) as tagged
     group by ${column} order by sum(total_cost) desc nulls last, ${column} limit ${TOP}`,
    [range.from, range.to, did],
  );
  if (rows[0]?.seen === MOST_FAILURES) {
    leftOut.push(`Costs by ${column}: only ${MOST_FAILURES} calls with a ${column} are looked at.`);
  }
  return rows.map(({ seen: _, ...row }) => row) as unknown as (T & Counts)[];
}

/** Those that are set, the most used up first; the whole gateway's before all. */
async function budgetsOf({ sql, did }: Scope): Promise<Budget[]> {
  const rows = await sql.unsafe(
    `with today as (
       select (now() at time zone 'utc')::date as day,
         date_trunc('month', now() at time zone 'utc')::date as month
     )
     select nullif(budget.did, '*') as did, period.name as period,
       trim_scale(period.limit_usd)::text as "limitUsd",
       trim_scale(period.spent_usd)::text as "spentUsd",
       trim_scale(period.reserved_usd)::text as "reservedUsd"
     from public.budgets as budget
     cross join today
     cross join public.gateway_settings as settings
     left join public.did_policies as policy on policy.did = budget.did
     cross join lateral (values
       ('day',
         case when budget.did = '*' then settings.daily_budget_usd
           else coalesce(policy.daily_budget_usd, settings.default_daily_budget_usd) end,
         case when budget.day >= today.day then budget.day_spent_usd else 0 end,
         case when budget.day >= today.day then budget.day_reserved_usd else 0 end),
       ('month',
         case when budget.did = '*' then settings.monthly_budget_usd
           else coalesce(policy.monthly_budget_usd, settings.default_monthly_budget_usd) end,
         case when budget.month >= today.month then budget.month_spent_usd else 0 end,
         case when budget.month >= today.month then budget.month_reserved_usd else 0 end)
     ) as period (name, limit_usd, spent_usd, reserved_usd)
     where period.limit_usd is not null and ($1::text is null or budget.did = $1)
     order by budget.did <> '*',
       (period.spent_usd + period.reserved_usd) / nullif(period.limit_usd, 0) desc nulls first,
       budget.did, period.name
     limit ${TOP + 2}`,
    [did],
  );
  return rows as unknown as Budget[];
}

async function driftsOf({ sql, did }: Scope): Promise<Drift[]> {
  const rows = await sql.unsafe(
    `select did, trim_scale(drift_usd)::text as "driftUsd", stands_since as since, counts
     from public.cost_drift_latest
     where stands_since is not null and ($1::text is null or did = $1)
     order by counts desc, abs(drift_usd) desc, did limit ${TOP}`,
    [did],
  );
  return rows as unknown as Drift[];
}
