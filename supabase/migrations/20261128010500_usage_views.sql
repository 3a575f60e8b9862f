-- Views for people with SQL, one concern each.
--
-- usage_by_… has the columns that it is named by, and then the same sums as all of its kind. Those that
-- begin with did are for whoever looks at one DID: `where did = …` reads that DID's rows alone.
-- security_invoker: a Supabase user's JWT sees its own DID's rows, service_role sees all. What tells of
-- budgets and of accounts at OpenRouter is for service_role.

-- Failures of one DID, however many rows it has.
create index request_logs_did_failed on public.request_logs (did, request_time desc)
  where status = 'failed';

comment on view public.usage_recent_failures is 'Requests that failed in the last seven days, the newest first.';

do $$
declare
  v_sums constant text := '
    sum(requests)::bigint as requests,
    sum(failed_requests)::bigint as failed_requests,
    sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens,
    sum(cached_tokens)::bigint as cached_tokens,
    sum(reasoning_tokens)::bigint as reasoning_tokens,
    sum(total_cost) as total_cost,
    sum(upstream_cost) as upstream_cost,
    sum(requests_without_cost)::bigint as requests_without_cost';
  v_hours constant text := '
    public.usage_hourly
    where hour >= date_trunc(''hour'', now(), ''utc'') - interval ''1488 hours''';
  v_log constant text := '(
      select did, session, label, request_time, 1 as requests,
        (status = ''failed'')::integer as failed_requests,
        coalesce(input_tokens, 0) as input_tokens, coalesce(output_tokens, 0) as output_tokens,
        coalesce(cached_tokens, 0) as cached_tokens, coalesce(reasoning_tokens, 0) as reasoning_tokens,
        coalesce(total_cost, 0) as total_cost, coalesce(upstream_cost, 0) as upstream_cost,
        (total_cost is null)::integer as requests_without_cost
      from public.request_logs
      where status <> ''pending'' and request_time >= now() - interval ''744 hours''
    ) as log
    where %I is not null';
  v_since constant text :=
    ', min(request_time) as first_request_at, max(request_time) as last_request_at';
  v_view record;
begin
  for v_view in
    select * from (values
      ('usage_by_day', 'day', 'public.usage_of_days', '',
        'Usage per UTC day. Of one DID: usage_by_did_day.'),
      ('usage_by_model', 'model', 'public.usage_of_days', '',
        'Usage per model. Of one DID: usage_by_did_model.'),
      ('usage_by_hour', 'hour', v_hours, '',
        'Usage per hour of the last 62 days. Of one DID: usage_by_did_hour.'),
      ('usage_by_did', 'did', 'public.usage_daily', ', min(day) as first_day, max(day) as last_day',
        'Usage per DID, and since and until when. Its status and limits: accounts.'),
      ('usage_by_did_day', 'did, day', 'public.usage_daily', '',
        'Usage per DID and UTC day.'),
      ('usage_by_did_model', 'did, model', 'public.usage_daily', '',
        'Usage per DID and model.'),
      ('usage_by_did_hour', 'did, hour', v_hours, '',
        'Usage per DID and hour of the last 62 days.'),
      ('usage_by_did_session', 'did, session', format(v_log, 'session'), v_since,
        'Usage per DID and session, of the last 31 days: what did this coding session cost?'),
      ('usage_by_did_label', 'did, label', format(v_log, 'label'), v_since,
        'Usage per DID and label (x-label), of the last 31 days: what did this job, this customer cost?')
    ) as view (name, keys, source, more, comment)
  loop
    execute format(
      'create or replace view public.%I with (security_invoker = true) as
      select %s, %s%s from %s group by %s',
      v_view.name, v_view.keys, v_sums, v_view.more, v_view.source, v_view.keys
    );
    execute format('comment on view public.%I is %L', v_view.name, v_view.comment);
    execute format(
      'revoke all on table public.%I from public, anon, authenticated, service_role', v_view.name
    );
    execute format('grant select on table public.%I to authenticated, service_role', v_view.name);
  end loop;
end;
$$;

-- How long answers took, in percentiles, from the histograms of usage_hourly: at most 1.42 times too high
-- or too low. Percentiles cannot be added up; other groups need the histograms.
create view public.usage_latency with (security_invoker = true) as
with buckets as (
  select total.did, (total.hour at time zone 'utc')::date as day, total.model, counts.bucket,
    sum(counts.first_byte)::double precision as first_byte,
    sum(counts.duration)::double precision as duration
  from public.usage_hourly as total,
    lateral unnest(total.first_byte_ms, total.duration_ms)
      with ordinality as counts (first_byte, duration, bucket)
  where total.hour >= date_trunc('hour', now(), 'utc') - interval '1488 hours'
    and (counts.first_byte > 0 or counts.duration > 0)
  group by 1, 2, 3, 4
),
running as (
  select did, day, model, bucket, first_byte, duration,
    sum(first_byte) over upwards as first_byte_up_to,
    sum(duration) over upwards as duration_up_to,
    sum(first_byte) over (partition by did, day, model) as requests
  from buckets
  window upwards as (partition by did, day, model order by bucket)
),
-- Where in its bucket the one is that so many percent are no slower than; null: it is in another one.
placed as (
  select running.did, running.day, running.model, running.requests, percent,
    case when first_byte_up_to >= requests * percent / 100
      and first_byte_up_to - first_byte < requests * percent / 100
    then
      2 ^ ((bucket - (first_byte_up_to - requests * percent / 100) / first_byte) / 2)
    end as first_byte_ms,
    case when duration_up_to >= requests * percent / 100
      and duration_up_to - duration < requests * percent / 100
    then
      2 ^ ((bucket - (duration_up_to - requests * percent / 100) / duration) / 2)
    end as duration_ms
  from running, unnest('{50, 95, 99}'::double precision[]) as percent
)
select did, day, model, requests::bigint as requests,
  round(max(first_byte_ms) filter (where percent = 50))::bigint as first_byte_p50_ms,
  round(max(first_byte_ms) filter (where percent = 95))::bigint as first_byte_p95_ms,
  round(max(first_byte_ms) filter (where percent = 99))::bigint as first_byte_p99_ms,
  round(max(duration_ms) filter (where percent = 50))::bigint as duration_p50_ms,
  round(max(duration_ms) filter (where percent = 95))::bigint as duration_p95_ms,
  round(max(duration_ms) filter (where percent = 99))::bigint as duration_p99_ms
from placed
group by did, day, model, requests;
comment on view public.usage_latency is 'How long completed answers took, per DID, UTC day and model, of the last 62 days: percentiles to the first byte and to the end, within a factor of 1.42.';

create view public.usage_unknown_costs with (security_invoker = true) as
select did, request_time, id, endpoint, model, status, http_status, generation_id, session, label,
  reserved_usd, cost_asks, cost_ask_after, error_message
from public.request_logs
where total_cost is null and status <> 'pending';
comment on view public.usage_unknown_costs is 'Ended requests whose cost is not known: what sums of costs lack. Maintenance asks for it where there is a generation_id.';

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
comment on view public.usage_against_budgets is 'What each DID, and ''*'' all together, has spent and reserved of its budgets of the running UTC day and month.';

create view public.accounts with (security_invoker = true) as
select
  account.did,
  case
    when account.status = 'disabled' or policy.access = 'blocked' then 'blocked'
    when settings.access_mode = 'allowlist' and policy.access is distinct from 'allowed'
      then 'not_allowed'
    else 'allowed'
  end as access,
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
comment on view public.accounts is 'Each DID that has a key: its status, its limits and what it has spent of them, its first and last use.';

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
comment on view public.new_dids is 'DIDs that got their first key in the last 31 days, and what they have used since.';

revoke all on table
  public.usage_latency, public.usage_unknown_costs, public.usage_against_budgets, public.accounts,
  public.new_dids
  from public, anon, authenticated, service_role;
grant select on table public.usage_latency, public.usage_unknown_costs to authenticated, service_role;
grant select on table public.usage_against_budgets, public.accounts, public.new_dids to service_role;
