-- A refusal tells what it is about. A call that the budgets of a day and of a month refuse was told to wait until
-- midnight, when that of the month would refuse it; a DID that had called no free model yet, that it had used
-- up its share, where all DIDs together had used up theirs; and a new DID to come back tomorrow, where there are
-- no new accounts on any day.

create or replace function public.refusal_by(
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
  v_beyond_day boolean;
  v_beyond_month boolean;
  v_free_models jsonb;
begin
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
    v_free_models := jsonb_build_object(
      'decision', 'rate_limited', 'scope', 'free_models', 'what', 'free_requests'
    );
    if p_scope = 'gateway' then
      v_free_models := v_free_models || '{"shared": true}';
    end if;
    if p_budget.day_free_requests >= p_limits.free_models_per_day then
      v_ms := ceil(extract(epoch from v_day_ends - p_now) * 1000);
      return v_free_models || jsonb_build_object(
        'limit', p_limits.free_models_per_day, 'remaining', 0, 'reset_ms', v_ms, 'retry_after_ms', v_ms
      );
    end if;
    if not public.rate_allows(
      p_budget.free_requests_used_until, p_limits.free_models_per_minute, p_now
    ) then
      return v_free_models
        || public.rate_state(p_budget.free_requests_used_until, p_limits.free_models_per_minute, p_now);
    end if;
  end if;
  -- What costs nothing is no matter of budgets, used up or not.
  if p_usd = 0 then
    return null;
  end if;
  v_beyond_day :=
    p_budget.day_spent_usd + p_budget.day_reserved_usd + p_usd > p_limits.daily_budget_usd;
  v_beyond_month :=
    p_budget.month_spent_usd + p_budget.month_reserved_usd + p_usd > p_limits.monthly_budget_usd;
  -- Of the two, the one that refuses for longer: what exceeds the budget of a day fits into no day.
  if v_beyond_day and (v_beyond_month is not true or p_usd > p_limits.daily_budget_usd) then
    return jsonb_build_object(
      'decision', 'budget_exceeded', 'scope', p_scope, 'period', 'day',
      'limit_usd', trim_scale(p_limits.daily_budget_usd)::text,
      'spent_usd', trim_scale(p_budget.day_spent_usd)::text,
      'reserved_usd', trim_scale(p_budget.day_reserved_usd)::text,
      'estimate_usd', trim_scale(p_usd)::text, 'resets_at', v_day_ends
    );
  end if;
  if v_beyond_month then
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
      'why', case v_per_day when 0 then 'none' else 'day' end,
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
