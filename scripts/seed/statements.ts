/**
 * The SQL that enters a made-up history. Budgets and alerts come about by the functions that settlement goes
 * through, and totals by those that verify_usage adds the log up by, at once: one by one the rows of many
 * DIDs took minutes.
 */

/** What columns of request_logs hold that a row does not speak of. */
const DEFAULTS = `jsonb_build_object(
  'reserved_usd', 0, 'given_up', false, 'cost_asks', 0, 'created_at', now()
)`;

/**
 * Enters rows.
 *
 * @param rows SQL for a JSON array of SeedRow; members that the table has no column for are left out
 * @param today SQL for the date that their times are relative to; what lies ahead is left out
 */
export const enterRows = (rows: string, today: string) =>
  `\
with history as (
  select made.*
  from jsonb_array_elements(${rows}) as call,
    lateral (select (${today})::timestamp at time zone 'utc'
      + make_interval(secs => (call ->> 'at_ms')::double precision / 1000) as at) as began,
    lateral jsonb_populate_record(null::public.request_logs, ${DEFAULTS} || call || jsonb_build_object(
      'request_time', began.at,
      'response_time', began.at
        + make_interval(secs => (call ->> 'duration_ms')::double precision / 1000)
    )) as made
  where began.at < now()
)
insert into public.request_logs select * from history`;

/** In place of an encrypted key: made-up accounts have none. */
export const PLACEHOLDER = "seeded";

/** @param accounts SQL for a JSON array of {did, at_ms} */
export const enterAccounts = (accounts: string, today: string) =>
  `\
insert into public.user_api_keys (
  did, openrouter_key_hash, encrypted_api_key, key_name, created_at, updated_at
)
select account.did, encode(sha256(convert_to(account.did, 'utf8')), 'hex'), '${PLACEHOLDER}',
  'llm-gateway:' || account.did || '#seeded', began.at, began.at
from jsonb_to_recordset(${accounts}) as account (did text, at_ms double precision),
  lateral (select (${today})::timestamp at time zone 'utc'
    + make_interval(secs => account.at_ms / 1000) as at) as began
where began.at < now()`;

/**
 * What follows the rows: their totals; budgets that fit what was spent, some of them nearly used up; what counts in
 * them; and where OpenRouter's sums differ.
 */
export const AFTERWARDS = [
  `\
insert into public.usage_daily select * from public.usage_daily_of_log(null, '-infinity')`,
  `\
insert into public.usage_hourly
select * from public.usage_of_log(null, public.usage_hourly_kept_since(), 'infinity')`,
  `\
select public.set_gateway_limits(
  daily_budget_usd => greatest(25, ceil(2 * coalesce(sum(total_cost) / 15, 0))),
  monthly_budget_usd => greatest(50, ceil(1.4 * coalesce(sum(total_cost), 0)))
)
from public.usage_daily where day > (now() at time zone 'utc')::date - 31`,
  `\
select public.set_limits(
  did => did,
  daily_budget_usd => ceil(1 + month_usd / 6),
  monthly_budget_usd => ceil(1 + month_usd * (array[1.05, 1.3, 1.7, 2.5])[1 + (place % 4)::integer])
)
from (
  select did, sum(total_cost) as month_usd, row_number() over (order by sum(total_cost) desc, did) as place
  from public.usage_daily
  where day >= date_trunc('month', now() at time zone 'utc')::date
  group by did
) as spender
where place <= 12`,
  `\
select public.change_budgets(array(
  select row(did, day, sum(total_cost), 0, 0, 0)::public.budget_change
  from public.usage_daily
  where day >= date_trunc('month', now() at time zone 'utc')::date
  group by did, day
  order by did, day
))`,
  `\
insert into public.cost_drift
select did, now() - since, now() - interval '5 minutes', booked + drift, booked, drift, null, 0, null
from (
  select did, sum(total_cost) as booked, row_number() over (order by sum(total_cost) desc, did) as place
  from public.usage_daily group by did
) as account
join (values
  (1, interval '20 days', 0.0), (2, interval '9 days', 0.4312), (2, interval '8 days', 0.0),
  (3, interval '3 hours', 0.0275), (4, interval '10 minutes', 0.0031)
) as seen (place, since, drift) using (place)`,
];
