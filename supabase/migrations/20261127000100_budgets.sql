-- Budgets and rates as they stand: one row per DID that has called, and one for all together, '*'. What
-- is reserved and spent is changed by admission and settlement in their own transactions, so that no
-- number of requests at once exceeds a limit by a cent of what they have reserved.
--
-- A rate is kept as one instant, until when its bucket is used up (the generic cell rate algorithm): a
-- call moves it on by a minute divided by the rate, in whole microseconds, and passes where it is ahead by
-- no more than the rate times that.
--
-- The order of locks: message hashes, idempotency keys, rows of the log, DIDs (lock_budget), their
-- totals, their budgets, '*' last. A transaction that takes several DIDs' takes them in the order of
-- the DIDs.

create table public.budgets (
  did text primary key,
  day date not null,
  day_spent_usd numeric not null default 0,
  day_reserved_usd numeric not null default 0,
  day_alerted smallint not null default 0,
  day_free_requests integer not null default 0,
  day_new_accounts integer not null default 0,
  new_accounts_alerted smallint not null default 0,
  month date not null,
  month_spent_usd numeric not null default 0,
  month_reserved_usd numeric not null default 0,
  month_alerted smallint not null default 0,
  requests_under_way integer not null default 0,
  requests_used_until timestamptz not null default '-infinity',
  free_requests_used_until timestamptz not null default '-infinity',
  refusals_used_until timestamptz not null default '-infinity',
  new_accounts_used_until timestamptz not null default '-infinity'
) with (fillfactor = 50);
comment on table public.budgets is 'What each DID, and ''*'' all together, has spent and reserved in the running UTC day and month, and its rates.';
comment on column public.budgets.did is 'A DID, or ''*'' for all of them together.';
comment on column public.budgets.day is 'The UTC day that the columns day_… are of; an earlier day counts as nothing spent.';
comment on column public.budgets.day_spent_usd is 'USD that requests of the day have cost, as far as is known.';
comment on column public.budgets.day_reserved_usd is 'USD set aside for requests of the day whose cost is not known yet.';
comment on column public.budgets.day_alerted is 'The highest threshold of the daily budget, in percent, that budget_alerts has for the day.';
comment on column public.budgets.day_free_requests is 'Calls of free models in the day.';
comment on column public.budgets.day_new_accounts is 'Of ''*'': DIDs that got their first key in the day, or are getting it.';
comment on column public.budgets.new_accounts_alerted is 'Of ''*'': the highest threshold of new_accounts_per_day that budget_alerts has for the day.';
comment on column public.budgets.month is 'The first day of the UTC month that the columns month_… are of.';
comment on column public.budgets.month_spent_usd is 'USD that requests of the month have cost, as far as is known.';
comment on column public.budgets.month_reserved_usd is 'USD set aside for requests of the month whose cost is not known yet.';
comment on column public.budgets.month_alerted is 'The highest threshold of the monthly budget that budget_alerts has for the month.';
comment on column public.budgets.requests_under_way is 'Calls that have been admitted and have not ended; of a DID alone.';
comment on column public.budgets.requests_used_until is 'requests_per_minute: passes while this is less than a minute ahead.';
comment on column public.budgets.free_requests_used_until is 'free_models_per_minute, of ''*'': as requests_used_until.';
comment on column public.budgets.refusals_used_until is 'refused_requests_per_minute, of a DID: as requests_used_until.';
comment on column public.budgets.new_accounts_used_until is 'new_accounts_per_minute, of ''*'': as requests_used_until.';

alter table public.budgets enable row level security;
revoke all on table public.budgets from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.budgets to service_role;

alter table public.request_logs
  add column reserved_on date,
  add column estimate_usd numeric;
comment on column public.request_logs.estimate_usd is 'USD that the request was estimated to cost at most, and that were reserved for it.';
comment on column public.request_logs.reserved_usd is 'USD of estimate_usd that its budgets still hold for it: until its cost is known, or will not be soon.';
comment on column public.request_logs.reserved_on is 'The UTC day whose budgets reserved_usd and total_cost count in; null: that of request_time.';

-- Ended requests for which something is still reserved.
create index request_logs_reserved on public.request_logs (request_time)
  where reserved_usd <> 0 and status <> 'pending';

create table public.budget_alerts (
  id uuid primary key default gen_random_uuid(),
  did text not null,
  kind text not null
    constraint budget_alerts_kind_is_known check (kind in ('day', 'month', 'new_accounts')),
  period_start date not null,
  threshold smallint not null
    constraint budget_alerts_threshold_is_known check (threshold in (50, 80, 100)),
  limit_value numeric not null,
  reached numeric not null,
  reached_at timestamptz not null default now(),
  attempts integer not null default 0,
  attempt_after timestamptz not null default '-infinity',
  delivered_at timestamptz,
  unique (did, kind, period_start, threshold)
);
comment on table public.budget_alerts is 'Each threshold that a budget, or the new accounts of a day, has reached: one row a period, delivered to ALERT_WEBHOOK_URL at least once.';
comment on column public.budget_alerts.did is 'A DID, or ''*'' for the whole gateway.';
comment on column public.budget_alerts.kind is '''day'' and ''month'' are budgets; ''new_accounts'' counts DIDs.';
comment on column public.budget_alerts.period_start is 'The UTC day, or the first day of the UTC month.';
comment on column public.budget_alerts.threshold is 'Percent of the limit.';
comment on column public.budget_alerts.limit_value is 'The limit then: USD, or accounts.';
comment on column public.budget_alerts.reached is 'What was spent then: USD, or accounts.';
comment on column public.budget_alerts.attempts is 'How often its delivery was tried.';
comment on column public.budget_alerts.attempt_after is 'When it may be tried again.';
comment on column public.budget_alerts.delivered_at is 'When the webhook took it; null: not yet, or there is none.';
create index budget_alerts_undelivered on public.budget_alerts (attempt_after)
  where delivered_at is null;
create index budget_alerts_reached_at on public.budget_alerts (reached_at);

alter table public.budget_alerts enable row level security;
revoke all on table public.budget_alerts from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.budget_alerts to service_role;

-- A budget's row as it is on a day: periods that are over count as nothing. One that is on a later day
-- already, because a transaction that began before midnight comes after one that did not, stays there.
-- Null, where there is no row, is one with which nothing was done yet.
create function public.rolled(p_budget public.budgets, p_day date)
returns public.budgets
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_month date := date_trunc('month', p_day)::date;
begin
  if p_budget.day is null then
    return row(
      p_budget.did, p_day, 0, 0, 0, 0, 0, 0, v_month, 0, 0, 0, 0,
      '-infinity', '-infinity', '-infinity', '-infinity'
    )::public.budgets;
  end if;
  if p_budget.day < p_day then
    p_budget.day := p_day;
    p_budget.day_spent_usd := 0;
    p_budget.day_reserved_usd := 0;
    p_budget.day_alerted := 0;
    p_budget.day_free_requests := 0;
    p_budget.day_new_accounts := 0;
    p_budget.new_accounts_alerted := 0;
  end if;
  if p_budget.month < v_month then
    p_budget.month := v_month;
    p_budget.month_spent_usd := 0;
    p_budget.month_reserved_usd := 0;
    p_budget.month_alerted := 0;
  end if;
  return p_budget;
end;
$$;
comment on function public.rolled is 'A row of budgets as it is on a day: what is of an earlier day or month counts as nothing.';

-- Takes the lock under which a DID's totals and budget change, or that of '*', until the end of the
-- transaction. Waiting for an advisory lock costs far less than for a row that everybody changes.
create function public.lock_budget(p_did text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('llm-gateway: budget of ' || p_did, 0));
end;
$$;
comment on function public.lock_budget is 'Takes the lock under which a DID''s totals and budget change, or those of ''*'', until the end of the transaction.';

-- A row of budgets as it stands on a day, whether or not it is in the table.
create function public.budget_of(p_did text, p_day date)
returns public.budgets
language plpgsql
-- Volatile, so that it sees what was committed while its caller waited for the lock.
volatile
set search_path = ''
as $$
declare
  v_budget public.budgets;
begin
  select * into v_budget from public.budgets where did = p_did;
  v_budget.did := p_did;
  return public.rolled(v_budget, p_day);
end;
$$;
comment on function public.budget_of is 'A row of budgets as it stands on a day, whether or not it is in the table.';

-- Stores a row of budgets, whose lock the caller has.
create function public.store_budget(p_budget public.budgets)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.budgets as stored
  set day = p_budget.day,
    day_spent_usd = p_budget.day_spent_usd,
    day_reserved_usd = p_budget.day_reserved_usd,
    day_alerted = p_budget.day_alerted,
    day_free_requests = p_budget.day_free_requests,
    day_new_accounts = p_budget.day_new_accounts,
    new_accounts_alerted = p_budget.new_accounts_alerted,
    month = p_budget.month,
    month_spent_usd = p_budget.month_spent_usd,
    month_reserved_usd = p_budget.month_reserved_usd,
    month_alerted = p_budget.month_alerted,
    requests_under_way = p_budget.requests_under_way,
    requests_used_until = p_budget.requests_used_until,
    free_requests_used_until = p_budget.free_requests_used_until,
    refusals_used_until = p_budget.refusals_used_until,
    new_accounts_used_until = p_budget.new_accounts_used_until
  where stored.did = p_budget.did;
  if not found then
    insert into public.budgets select p_budget.*;
  end if;
end;
$$;
comment on function public.store_budget is 'Stores a row of budgets, whose lock the caller has.';

-- Until when a bucket is used up once one more was taken out of it.
create function public.used_until(p_used_until timestamptz, p_per_minute integer, p_now timestamptz)
returns timestamptz
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- Whole microseconds: intervals are rounded to them, and a rate's sum of what is rounded would be
  -- longer than a minute, or shorter by a call.
  return greatest(p_used_until, p_now) + interval '1 microsecond' * (60000000 / p_per_minute);
end;
$$;
comment on function public.used_until is 'Until when a bucket is used up once one more was taken out of it.';

-- The state of a bucket, as answers tell it.
--
-- Returns {"limit", "remaining": how many pass now, "reset_ms": until the bucket is full again,
-- "retry_after_ms": until the next one passes, 0: now}.
create function public.rate_state(p_used_until timestamptz, p_per_minute integer, p_now timestamptz)
returns jsonb
language plpgsql
immutable strict
set search_path = ''
as $$
declare
  -- Microseconds: what one call takes, and what is taken.
  v_one bigint := 60000000 / p_per_minute;
  v_ahead bigint := case when p_used_until > p_now
    then extract(epoch from p_used_until - p_now) * 1000000 else 0 end;
begin
  return jsonb_build_object(
    'limit', p_per_minute,
    -- What ends at the same time can be refused more often than the bucket has room.
    'remaining', greatest(p_per_minute - (v_ahead + v_one - 1) / v_one, 0),
    'reset_ms', (v_ahead + 999) / 1000,
    'retry_after_ms', greatest((v_ahead - v_one * (p_per_minute - 1) + 999) / 1000, 0)
  );
end;
$$;
comment on function public.rate_state is 'The state of a bucket, as answers tell it: limit, remaining, reset_ms, retry_after_ms.';

-- Whether one more passes.
create function public.rate_allows(p_used_until timestamptz, p_per_minute integer, p_now timestamptz)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_per_minute is null
    or public.used_until(p_used_until, p_per_minute, p_now)
      <= p_now + interval '1 microsecond' * (60000000 / p_per_minute * p_per_minute);
end;
$$;
comment on function public.rate_allows is 'Whether a rate lets one more pass.';

-- What stands against a call that may cost, by the limits on its DID or on the gateway.
--
-- p_budget: the row on the day of the call. p_scope: 'did' or 'gateway'.
--
-- Returns null: nothing; or
--   {"decision": "rate_limited", "scope": p_scope or "free_models", "what": requests | refusals |
--    concurrent | free_requests, "limit", "remaining", "reset_ms", "retry_after_ms"}
--   {"decision": "budget_exceeded", "scope", "period": day | month, "limit_usd", "spent_usd",
--    "reserved_usd", "estimate_usd": decimal strings, "resets_at"}
create function public.refusal_by(
  p_budget public.budgets,
  p_limits public.limits,
  p_scope text,
  p_usd numeric,
  p_free_model boolean,
  p_now timestamptz
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_day_ends timestamptz;
  v_month_ends timestamptz;
  v_ms numeric;
begin
  -- Nearly always: one look, without all that a refusal tells.
  if coalesce(p_budget.requests_used_until <= p_now + interval '1 microsecond' * (
      60000000 / p_limits.requests_per_minute * (p_limits.requests_per_minute - 1)
    ), true)
    and coalesce(p_budget.refusals_used_until <= p_now, true)
    and coalesce(p_budget.requests_under_way < p_limits.concurrent_requests, true)
    and not p_free_model
    and coalesce(
      p_budget.day_spent_usd + p_budget.day_reserved_usd + p_usd <= p_limits.daily_budget_usd, true
    )
    and coalesce(
      p_budget.month_spent_usd + p_budget.month_reserved_usd + p_usd <= p_limits.monthly_budget_usd,
      true
    )
  then
    return null;
  end if;

  v_day_ends := (p_budget.day + 1)::timestamp at time zone 'utc';
  v_month_ends := (p_budget.month + interval '1 month') at time zone 'utc';
  if not public.rate_allows(p_budget.requests_used_until, p_limits.requests_per_minute, p_now) then
    return jsonb_build_object('decision', 'rate_limited', 'scope', p_scope, 'what', 'requests')
      || public.rate_state(p_budget.requests_used_until, p_limits.requests_per_minute, p_now);
  end if;
  if not public.rate_allows(
    p_budget.refusals_used_until, p_limits.refused_requests_per_minute, p_now
  ) then
    return jsonb_build_object('decision', 'rate_limited', 'scope', p_scope, 'what', 'refusals')
      || public.rate_state(p_budget.refusals_used_until, p_limits.refused_requests_per_minute, p_now);
  end if;
  if p_budget.requests_under_way >= p_limits.concurrent_requests then
    return jsonb_build_object(
      'decision', 'rate_limited', 'scope', p_scope, 'what', 'concurrent',
      'limit', p_limits.concurrent_requests, 'remaining', 0, 'reset_ms', 1000, 'retry_after_ms', 1000
    );
  end if;
  if p_free_model then
    if p_budget.day_free_requests >= p_limits.free_models_per_day then
      v_ms := ceil(extract(epoch from v_day_ends - p_now) * 1000);
      return jsonb_build_object(
        'decision', 'rate_limited', 'scope', 'free_models', 'what', 'free_requests',
        'limit', p_limits.free_models_per_day, 'remaining', 0, 'reset_ms', v_ms, 'retry_after_ms', v_ms
      );
    end if;
    if not public.rate_allows(
      p_budget.free_requests_used_until, p_limits.free_models_per_minute, p_now
    ) then
      return jsonb_build_object(
        'decision', 'rate_limited', 'scope', 'free_models', 'what', 'free_requests'
      ) || public.rate_state(p_budget.free_requests_used_until, p_limits.free_models_per_minute, p_now);
    end if;
  end if;
  -- What costs nothing is no matter of budgets, used up or not.
  if p_usd = 0 then
    return null;
  end if;
  if p_budget.day_spent_usd + p_budget.day_reserved_usd + p_usd > p_limits.daily_budget_usd then
    return jsonb_build_object(
      'decision', 'budget_exceeded', 'scope', p_scope, 'period', 'day',
      'limit_usd', trim_scale(p_limits.daily_budget_usd)::text,
      'spent_usd', trim_scale(p_budget.day_spent_usd)::text,
      'reserved_usd', trim_scale(p_budget.day_reserved_usd)::text,
      'estimate_usd', trim_scale(p_usd)::text, 'resets_at', v_day_ends
    );
  end if;
  if p_budget.month_spent_usd + p_budget.month_reserved_usd + p_usd > p_limits.monthly_budget_usd then
    return jsonb_build_object(
      'decision', 'budget_exceeded', 'scope', p_scope, 'period', 'month',
      'limit_usd', trim_scale(p_limits.monthly_budget_usd)::text,
      'spent_usd', trim_scale(p_budget.month_spent_usd)::text,
      'reserved_usd', trim_scale(p_budget.month_reserved_usd)::text,
      'estimate_usd', trim_scale(p_usd)::text, 'resets_at', v_month_ends
    );
  end if;
  return null;
end;
$$;
comment on function public.refusal_by is 'What stands against a call that may cost, by the limits on its DID or on the gateway; null: nothing.';

-- A budget's row with one more call in it.
create function public.with_call(
  p_budget public.budgets,
  p_limits public.limits,
  p_usd numeric,
  p_free_model boolean,
  p_now timestamptz
)
returns public.budgets
language plpgsql
immutable
set search_path = ''
as $$
begin
  p_budget.day_reserved_usd := p_budget.day_reserved_usd + p_usd;
  p_budget.month_reserved_usd := p_budget.month_reserved_usd + p_usd;
  if p_budget.did <> '*' then
    p_budget.requests_under_way := p_budget.requests_under_way + 1;
  end if;
  if p_limits.requests_per_minute is not null then
    p_budget.requests_used_until :=
      public.used_until(p_budget.requests_used_until, p_limits.requests_per_minute, p_now);
  end if;
  if p_free_model then
    p_budget.day_free_requests := p_budget.day_free_requests + 1;
    if p_limits.free_models_per_minute is not null then
      p_budget.free_requests_used_until :=
        public.used_until(p_budget.free_requests_used_until, p_limits.free_models_per_minute, p_now);
    end if;
  end if;
  return p_budget;
end;
$$;
comment on function public.with_call is 'A row of budgets with one more call in it.';

-- Enters one more call in a budget whose lock the caller has.
--
-- p_budget: the row as it stands on the day of the call. Returns the row with the call in it.
create function public.enter_call(
  p_budget public.budgets,
  p_limits public.limits,
  p_usd numeric,
  p_free_model boolean,
  p_now timestamptz
)
returns public.budgets
language plpgsql
set search_path = ''
as $$
declare
  v_budget public.budgets;
begin
  -- Nearly always the row is of the day, and one statement does all.
  update public.budgets
  set day_reserved_usd = day_reserved_usd + p_usd,
    month_reserved_usd = month_reserved_usd + p_usd,
    requests_under_way = requests_under_way + (did <> '*')::integer,
    requests_used_until = case
      when p_limits.requests_per_minute is null then requests_used_until
      else public.used_until(requests_used_until, p_limits.requests_per_minute, p_now)
    end
  where did = p_budget.did and day = p_budget.day and not p_free_model
  returning * into v_budget;
  if found then
    return v_budget;
  end if;
  v_budget := public.with_call(p_budget, p_limits, p_usd, p_free_model, p_now);
  perform public.store_budget(v_budget);
  return v_budget;
end;
$$;
comment on function public.enter_call is 'Enters one more call in a budget whose lock the caller has.';

-- The highest threshold, in percent, that an amount has reached of a limit; 0: none.
create function public.threshold_of(p_amount numeric, p_limit numeric)
returns smallint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_limit is null or p_limit <= 0 then 0
    when p_amount >= p_limit then 100
    when p_amount >= p_limit * 0.8 then 80
    when p_amount >= p_limit * 0.5 then 50
    else 0
  end;
end;
$$;
comment on function public.threshold_of is 'The highest threshold, in percent, that an amount has reached of a limit; 0: none.';

-- Adds the alerts of a period up to a threshold, each once.
create function public.add_alerts(
  p_did text,
  p_kind text,
  p_period_start date,
  p_from smallint,
  p_to smallint,
  p_limit numeric,
  p_reached numeric
)
returns void
language sql
set search_path = ''
as $$
  insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached)
  select p_did, p_kind, p_period_start, threshold, trim_scale(p_limit), trim_scale(p_reached)
  from unnest('{50, 80, 100}'::smallint[]) as threshold
  where threshold > p_from and threshold <= p_to
  on conflict do nothing;
$$;
comment on function public.add_alerts is 'Adds the alerts of a period up to a threshold, each once.';

-- Adds the alerts that are due by what is spent, and returns the row that knows of them.
create function public.with_alerts(p_budget public.budgets, p_limits public.limits)
returns public.budgets
language plpgsql
set search_path = ''
as $$
declare
  v_day smallint := public.threshold_of(p_budget.day_spent_usd, p_limits.daily_budget_usd);
  v_month smallint := public.threshold_of(p_budget.month_spent_usd, p_limits.monthly_budget_usd);
begin
  if v_day > p_budget.day_alerted then
    perform public.add_alerts(
      p_budget.did, 'day', p_budget.day, p_budget.day_alerted, v_day, p_limits.daily_budget_usd,
      p_budget.day_spent_usd
    );
    p_budget.day_alerted := v_day;
  end if;
  if v_month > p_budget.month_alerted then
    perform public.add_alerts(
      p_budget.did, 'month', p_budget.month, p_budget.month_alerted, v_month,
      p_limits.monthly_budget_usd, p_budget.month_spent_usd
    );
    p_budget.month_alerted := v_month;
  end if;
  return p_budget;
end;
$$;
comment on function public.with_alerts is 'Adds the alerts that are due by what is spent, and returns the row of budgets that knows of them.';

-- What a request changes in the budgets that it counts in.
create type public.budget_change as (
  did text,
  day date,
  spent_usd numeric,
  reserved_usd numeric,
  ended integer,
  refused integer
);
comment on type public.budget_change is 'What a request changes in the budgets that it counts in, of a DID and of ''*''.';
revoke all on type public.budget_change from public;
grant usage on type public.budget_change to service_role;

-- What it changes when a row of the log becomes another; p_before null: there was none.
create function public.budget_change_of(p_before public.request_logs, p_after public.request_logs)
returns public.budget_change
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_ends boolean := coalesce(p_before.status = 'pending' and p_after.status <> 'pending', false);
begin
  return row(
    p_after.did,
    coalesce(p_after.reserved_on, (p_after.request_time at time zone 'utc')::date),
    coalesce(p_after.total_cost, 0) - coalesce(p_before.total_cost, 0),
    p_after.reserved_usd - coalesce(p_before.reserved_usd, 0),
    -- Those of gateways of before were not counted when they began.
    (v_ends and p_after.reserved_on is not null)::integer,
    coalesce(
      v_ends and p_after.http_status between 400 and 499 and p_after.http_status <> 429
        and p_after.total_cost = 0,
      false
    )::integer
  )::public.budget_change;
end;
$$;
comment on function public.budget_change_of is 'What it changes in budgets when a row of request_logs becomes another.';

-- A budget's row with a change in it. What is of a day or month that is over changes nothing of today.
create function public.with_change(p_budget public.budgets, p_change public.budget_change)
returns public.budgets
language plpgsql
immutable
set search_path = ''
as $$
begin
  p_budget := public.rolled(p_budget, p_change.day);
  if p_budget.day = p_change.day then
    p_budget.day_spent_usd := p_budget.day_spent_usd + p_change.spent_usd;
    p_budget.day_reserved_usd := greatest(p_budget.day_reserved_usd + p_change.reserved_usd, 0);
  end if;
  if p_budget.month = date_trunc('month', p_change.day)::date then
    p_budget.month_spent_usd := p_budget.month_spent_usd + p_change.spent_usd;
    p_budget.month_reserved_usd := greatest(p_budget.month_reserved_usd + p_change.reserved_usd, 0);
  end if;
  if p_budget.did <> '*' then
    p_budget.requests_under_way := greatest(p_budget.requests_under_way - p_change.ended, 0);
  end if;
  return p_budget;
end;
$$;
comment on function public.with_change is 'A row of budgets with a change in it.';

-- Enters a change in a budget whose lock the caller has. Returns whether an alert is new.
create function public.enter_change(
  p_did text,
  p_change public.budget_change,
  p_limits public.limits
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_budget public.budgets;
  v_alerted public.budgets;
begin
  -- Nearly always the row is of the day, and one statement does all.
  update public.budgets
  set day_spent_usd = day_spent_usd + p_change.spent_usd,
    day_reserved_usd = greatest(day_reserved_usd + p_change.reserved_usd, 0),
    month_spent_usd = month_spent_usd + p_change.spent_usd,
    month_reserved_usd = greatest(month_reserved_usd + p_change.reserved_usd, 0),
    requests_under_way = greatest(
      requests_under_way - p_change.ended * (p_did <> '*')::integer, 0
    )
  where did = p_did and day = p_change.day
  returning * into v_budget;
  if not found then
    v_budget := public.with_change(public.budget_of(p_did, p_change.day), p_change);
    perform public.store_budget(v_budget);
  end if;
  if p_change.refused > 0 and p_limits.refused_requests_per_minute is not null then
    update public.budgets
    set refusals_used_until =
      public.used_until(refusals_used_until, p_limits.refused_requests_per_minute, now())
    where did = p_did;
  end if;

  if v_budget.day_spent_usd * 2 < p_limits.daily_budget_usd
    and v_budget.month_spent_usd * 2 < p_limits.monthly_budget_usd
  then
    return false;
  end if;
  v_alerted := public.with_alerts(v_budget, p_limits);
  if v_alerted.day_alerted = v_budget.day_alerted and v_alerted.month_alerted = v_budget.month_alerted
  then
    return false;
  end if;
  update public.budgets
  set day_alerted = v_alerted.day_alerted, month_alerted = v_alerted.month_alerted
  where did = p_did;
  return true;
end;
$$;
comment on function public.enter_change is 'Enters a change in a budget whose lock the caller has. Returns whether an alert is new.';

-- Enters changes in the budgets of their DIDs, in the order of the DIDs, and then all in that of '*'.
-- Returns whether an alert is new.
create function public.change_budgets(p_changes public.budget_change[])
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_settings public.gateway_settings;
  v_gateway_limits public.limits;
  v_policy public.did_policies;
  v_limits public.limits;
  v_changes public.budget_change[] := p_changes;
  v_change public.budget_change;
  v_is_alerted boolean := false;
begin
  select * into v_settings from public.gateway_settings;
  if cardinality(p_changes) > 1 then
    v_changes := array(
      select change from unnest(p_changes) as change
      where change.did is not null order by change.did, change.day
    );
  end if;
  foreach v_change in array v_changes loop
    select * into v_policy from public.did_policies where did = v_change.did;
    v_limits := public.limits_of(v_policy, v_settings);
    perform public.lock_budget(v_change.did);
    v_is_alerted := public.enter_change(v_change.did, v_change, v_limits) or v_is_alerted;
  end loop;
  v_gateway_limits := public.gateway_limits(v_settings);
  perform public.lock_budget('*');
  foreach v_change in array v_changes loop
    v_is_alerted := public.enter_change('*', v_change, v_gateway_limits) or v_is_alerted;
  end loop;
  return v_is_alerted;
end;
$$;
comment on function public.change_budgets is 'Enters changes in the budgets of their DIDs, in their order, then in that of ''*''. Returns whether an alert is new.';

revoke all on function
  public.rolled, public.lock_budget, public.budget_of, public.store_budget,
  public.used_until, public.rate_state, public.rate_allows, public.refusal_by, public.with_call,
  public.enter_call,
  public.threshold_of, public.add_alerts, public.with_alerts, public.budget_change_of,
  public.with_change, public.enter_change, public.change_budgets
  from public, anon, authenticated, service_role;
grant execute on function
  public.rolled, public.lock_budget, public.budget_of, public.store_budget,
  public.used_until, public.rate_state, public.rate_allows, public.refusal_by, public.with_call,
  public.enter_call,
  public.threshold_of, public.add_alerts, public.with_alerts, public.budget_change_of,
  public.with_change, public.enter_change, public.change_budgets
  to service_role;
