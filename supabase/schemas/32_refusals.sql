-- What stands against a call that may cost: by the rates and budgets of its DID, and of the gateway.
-- Functions of values: admission calls them at a glance, and again with the rows that it has locked.

-- As far as one look tells: what costs nothing may pass where it says no.
create function public.has_room(
  p_budget public.budgets,
  p_limits public.limits,
  p_calls integer,
  p_usd numeric,
  p_now timestamptz
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
      -- However long nobody called, no more than a minute's pass at once.
      greatest(p_budget.requests_used_until, p_now) <= p_now + interval '1 microsecond' * (
        (60000000 / p_limits.requests_per_minute)::bigint * (p_limits.requests_per_minute - p_calls)
      ), true
    )
    and coalesce(p_budget.refusals_used_until <= p_now, true)
    and coalesce(p_budget.requests_under_way + p_calls <= p_limits.concurrent_requests, true)
    and coalesce(
      p_budget.day_spent_usd + p_budget.day_reserved_usd + p_usd <= p_limits.daily_budget_usd, true
    )
    and coalesce(
      p_budget.month_spent_usd + p_budget.month_reserved_usd + p_usd <= p_limits.monthly_budget_usd,
      true
    );
end;
$$;
comment on function public.has_room is
  'Whether a budget takes so many more calls that reserve so much together, none of a free model.';

-- p_budget: the row on the day of the call. p_scope: 'did' or 'gateway'.
--
-- Returns null: nothing; or
--   {"decision": "rate_limited", "scope": p_scope or "free_models", "what": requests | refusals |
--    concurrent | free_requests, "limit", "remaining", "reset_ms", "retry_after_ms"}, and with "shared" true
--    where all DIDs together have used free models up
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
comment on function public.refusal_by is
  'What stands against a call that may cost, by the limits on its DID or on the gateway; null: nothing.';
