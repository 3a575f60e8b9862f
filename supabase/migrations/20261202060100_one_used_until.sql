-- used_until stood twice, for one call and for several. The one for several passes on a rate that is null, so
-- that its callers need not ask whether there is one.

create or replace function public.used_until(
  p_used_until timestamptz,
  p_per_minute integer,
  p_calls integer,
  p_now timestamptz
)
returns timestamptz
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- Whole microseconds: intervals are rounded to them, and a rate's sum of what is rounded would be
  -- longer than a minute, or shorter by a call.
  return coalesce(
    greatest(p_used_until, p_now)
      + interval '1 microsecond' * ((60000000 / p_per_minute)::bigint * p_calls),
    p_used_until
  );
end;
$$;

create or replace function public.rate_allows(p_used_until timestamptz, p_per_minute integer, p_now timestamptz)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_per_minute is null
    or public.used_until(p_used_until, p_per_minute, 1, p_now)
      <= p_now + interval '1 microsecond' * (60000000 / p_per_minute * p_per_minute);
end;
$$;

create or replace function public.with_call(
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
  p_budget.requests_used_until :=
    public.used_until(p_budget.requests_used_until, p_limits.requests_per_minute, 1, p_now);
  if p_free_model then
    p_budget.day_free_requests := p_budget.day_free_requests + 1;
    p_budget.free_requests_used_until :=
      public.used_until(p_budget.free_requests_used_until, p_limits.free_models_per_minute, 1, p_now);
  end if;
  return p_budget;
end;
$$;

create or replace function public.enter_call(
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
    requests_used_until =
      public.used_until(requests_used_until, p_limits.requests_per_minute, 1, p_now)
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

create or replace function public.count_new_account(p_settings public.gateway_settings, p_now timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_per_day integer := p_settings.new_accounts_per_day;
  v_per_minute integer := p_settings.new_accounts_per_minute;
  v_budget public.budgets;
  v_threshold smallint;
begin
  perform public.lock_budget('*');
  v_budget := public.budget_of('*', (p_now at time zone 'utc')::date);
  if v_budget.day_new_accounts >= v_per_day then
    return jsonb_build_object(
      'why', 'day',
      'retry_after_ms',
      ceil(extract(epoch from (v_budget.day + 1)::timestamp at time zone 'utc' - p_now) * 1000)
    );
  end if;
  if not public.rate_allows(v_budget.new_accounts_used_until, v_per_minute, p_now) then
    return '{"why": "minute"}'
      || public.rate_state(v_budget.new_accounts_used_until, v_per_minute, p_now);
  end if;
  v_budget.day_new_accounts := v_budget.day_new_accounts + 1;
  v_budget.new_accounts_used_until :=
    public.used_until(v_budget.new_accounts_used_until, v_per_minute, 1, p_now);
  v_threshold := public.threshold_of(v_budget.day_new_accounts, v_per_day);
  if v_threshold > v_budget.new_accounts_alerted then
    perform public.add_alerts(
      '*', 'new_accounts', v_budget.day, v_budget.new_accounts_alerted, v_threshold, v_per_day,
      v_budget.day_new_accounts
    );
    v_budget.new_accounts_alerted := v_threshold;
    perform public.store_budget(v_budget);
    return '{"alerted": true}';
  end if;
  perform public.store_budget(v_budget);
  return '{}';
end;
$$;

drop function public.used_until(timestamptz, integer, timestamptz);
