-- Views of accounts and their budgets, for the operator: service_role sees them, users do not.

create view public.usage_against_budgets with (security_invoker = true) as
select
  budget.did,
  period.name as period,
  period.limit_usd,
  period.spent_usd,
  period.reserved_usd,
  -- Without a limit null; greatest alone would make it 0.
  case when period.limit_usd is not null
    then greatest(period.limit_usd - period.spent_usd - period.reserved_usd, 0) end as remaining_usd,
  round(100 * (period.spent_usd + period.reserved_usd) / nullif(period.limit_usd, 0), 1) as used_percent,
  period.resets_at
from public.budgets as budget
cross join public.gateway_settings as settings
cross join (
  select day, date_trunc('month', day)::date as month
  from (select (now() at time zone 'utc')::date as day) as now
) as today
left join public.did_policies as policy on policy.did = budget.did
cross join lateral (
  values (
    'day',
    case when budget.did = '*' then settings.daily_budget_usd
      else coalesce(policy.daily_budget_usd, settings.default_daily_budget_usd) end,
    case when budget.day >= today.day then budget.day_spent_usd else 0 end,
    case when budget.day >= today.day then budget.day_reserved_usd else 0 end,
    (today.day + 1)::timestamp at time zone 'utc'
  ), (
    'month',
    case when budget.did = '*' then settings.monthly_budget_usd
      else coalesce(policy.monthly_budget_usd, settings.default_monthly_budget_usd) end,
    case when budget.month >= today.month then budget.month_spent_usd else 0 end,
    case when budget.month >= today.month then budget.month_reserved_usd else 0 end,
    (today.month + interval '1 month') at time zone 'utc'
  )
) as period (name, limit_usd, spent_usd, reserved_usd, resets_at);
comment on view public.usage_against_budgets is
  'What each DID, and ''*'' all together, has spent and reserved of its budgets of the running UTC day and month.';
comment on column public.usage_against_budgets.did is 'A DID, or ''*'' for all of them together.';
comment on column public.usage_against_budgets.period is '''day'' or ''month'', in UTC.';
comment on column public.usage_against_budgets.limit_usd is 'The budget; null: none.';
comment on column public.usage_against_budgets.spent_usd is 'USD spent in the running period.';
comment on column public.usage_against_budgets.reserved_usd is
  'USD held for calls whose cost is not known yet.';
comment on column public.usage_against_budgets.remaining_usd is 'USD left; null: no limit.';
comment on column public.usage_against_budgets.used_percent is
  'Spent and reserved, in percent of the budget.';
comment on column public.usage_against_budgets.resets_at is 'When the period ends.';

create view public.accounts with (security_invoker = true) as
select
  account.did,
  public.access_of(account, policy, settings) as access,
  account.status as key_status,
  coalesce(
    (select min(retired.created_at) from public.retired_api_keys as retired
      where retired.did = account.did),
    account.created_at
  ) as created_at,
  usage.first_day,
  usage.last_day,
  -- Looked for only where the column is asked for.
  (
    select request_time from public.request_logs as log where log.did = account.did
    order by request_time desc limit 1
  ) as last_request_at,
  coalesce(usage.requests, 0) as requests,
  coalesce(usage.failed_requests, 0) as failed_requests,
  coalesce(usage.requests_without_cost, 0) as requests_without_cost,
  coalesce(usage.total_cost, 0) as total_cost,
  coalesce(policy.daily_budget_usd, settings.default_daily_budget_usd) as daily_budget_usd,
  case when budget.day >= (now() at time zone 'utc')::date then budget.day_spent_usd else 0 end
    as day_spent_usd,
  case when budget.day >= (now() at time zone 'utc')::date then budget.day_reserved_usd else 0 end
    as day_reserved_usd,
  coalesce(policy.monthly_budget_usd, settings.default_monthly_budget_usd) as monthly_budget_usd,
  case when budget.month >= date_trunc('month', now() at time zone 'utc') then budget.month_spent_usd
    else 0 end as month_spent_usd,
  case when budget.month >= date_trunc('month', now() at time zone 'utc') then budget.month_reserved_usd
    else 0 end as month_reserved_usd,
  coalesce(policy.requests_per_minute, settings.default_requests_per_minute) as requests_per_minute,
  coalesce(budget.requests_under_way, 0) as requests_under_way,
  coalesce(policy.allowed_models, settings.default_allowed_models) as allowed_models
from public.user_api_keys as account
cross join public.gateway_settings as settings
left join public.did_policies as policy on policy.did = account.did
left join public.budgets as budget on budget.did = account.did
left join public.usage_by_did as usage on usage.did = account.did;
comment on view public.accounts is
  'Each DID that has a key: its status, its limits and what it has spent of them, its first and last use.';
comment on column public.accounts.access is
  '''allowed''; ''blocked''; ''not_allowed'': the gateway has an allowlist, which the DID is not on.';
comment on column public.accounts.created_at is 'When the DID got its first key.';
comment on column public.accounts.first_day is
  'The first UTC day with requests; null: there was none.';
comment on column public.accounts.last_day is
  'The last UTC day with requests; null: there was none.';
comment on column public.accounts.last_request_at is
  'When its last request was admitted, as far as the log is kept.';
comment on column public.accounts.requests is 'Requests that have ended, of all time.';
comment on column public.accounts.total_cost is 'USD, of all time, exactly.';
comment on column public.accounts.daily_budget_usd is
  'USD it may spend in a UTC day; null: no limit.';
comment on column public.accounts.day_spent_usd is 'USD spent in the running UTC day.';
comment on column public.accounts.day_reserved_usd is
  'USD held in the running UTC day for calls whose cost is not known yet.';
comment on column public.accounts.monthly_budget_usd is
  'USD it may spend in a UTC month; null: no limit.';
comment on column public.accounts.month_spent_usd is 'USD spent in the running UTC month.';
comment on column public.accounts.month_reserved_usd is
  'USD held in the running UTC month for calls whose cost is not known yet.';
comment on column public.accounts.requests_per_minute is
  'Calls it may make in a minute; null: no limit.';
comment on column public.accounts.requests_under_way is 'Calls that have not ended.';
comment on column public.accounts.allowed_models is 'Models it may name; null: all.';

create view public.new_dids with (security_invoker = true) as
select account.did, account.created_at, account.status as key_status,
  coalesce(usage.requests, 0) as requests,
  coalesce(usage.failed_requests, 0) as failed_requests,
  coalesce(usage.total_cost, 0) as total_cost
from public.user_api_keys as account
left join lateral (
  select sum(requests)::bigint as requests, sum(failed_requests)::bigint as failed_requests,
    sum(total_cost) as total_cost
  from public.usage_daily where did = account.did
) as usage on true
where account.created_at > now() - interval '31 days'
  -- A key that took the place of another one makes nobody new.
  and not exists (
    select from public.retired_api_keys as retired
    where retired.did = account.did and retired.created_at < now() - interval '31 days'
  );
comment on view public.new_dids is
  'DIDs that got their first key in the last 31 days, and what they have used since.';
comment on column public.new_dids.created_at is 'When the DID got its key.';
