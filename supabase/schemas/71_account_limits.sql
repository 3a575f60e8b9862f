-- What GET /api/v1/limits answers.

-- Amounts are decimal strings in USD. The gateway's own budgets and rate are shown, as what is left of them
-- alone, where they would refuse before the DID's do. Operators ask, too: in any spelling that set_limits
-- takes.
create function public.account_limits(p_did text, p_now timestamptz default now())
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_did text := public.plain_did(p_did);
  v_settings public.gateway_settings;
  v_policy public.did_policies;
  v_account public.user_api_keys;
  v_limits public.limits;
  v_gateway_limits public.limits;
  v_budget public.budgets;
  v_gateway public.budgets;
  v_today date := (p_now at time zone 'utc')::date;
  v_key_limit public.key_limit;
begin
  select * into v_settings from public.gateway_settings;
  select * into v_policy from public.did_policies where did = v_did;
  select * into v_account from public.user_api_keys where did = v_did;
  v_limits := public.limits_of(v_policy, v_settings);
  v_gateway_limits := public.gateway_limits(v_settings);
  v_budget := public.budget_of(v_did, v_today);
  v_gateway := public.budget_of('*', v_budget.day);
  v_key_limit := public.key_limit_of(v_account, v_policy, v_settings);

  return jsonb_build_object(
    'did', v_did,
    'access', public.access_of(v_account, v_policy, v_settings),
    'budgets', (
      select jsonb_agg(
        jsonb_build_object(
          'scope', 'did', 'period', period,
          'limit_usd', trim_scale(limit_usd)::text,
          'spent_usd', trim_scale(spent_usd)::text,
          'reserved_usd', trim_scale(reserved_usd)::text,
          -- Without a limit null; greatest alone would make it 0.
          'remaining_usd', case when limit_usd is not null
            then trim_scale(greatest(limit_usd - spent_usd - reserved_usd, 0))::text end,
          'resets_at', resets_at,
          'alerts', (
            select coalesce(jsonb_agg(
              jsonb_build_object('threshold', threshold, 'reached_at', reached_at) order by threshold
            ), '[]')
            from public.budget_alerts
            where did = v_did and kind = period and period_start = starts_on
          )
        )
        order by period
      )
      from (values
        ('day', v_limits.daily_budget_usd, v_budget.day_spent_usd, v_budget.day_reserved_usd,
          v_budget.day, (v_budget.day + 1)::timestamp at time zone 'utc'),
        ('month', v_limits.monthly_budget_usd, v_budget.month_spent_usd, v_budget.month_reserved_usd,
          v_budget.month, (v_budget.month + interval '1 month') at time zone 'utc')
      ) as own (period, limit_usd, spent_usd, reserved_usd, starts_on, resets_at)
    ) || (
      select coalesce(jsonb_agg(
        jsonb_build_object(
          'scope', 'gateway', 'period', period, 'limit_usd', null, 'spent_usd', null,
          'reserved_usd', null, 'remaining_usd', trim_scale(greatest(remaining_usd, 0))::text,
          'resets_at', resets_at, 'alerts', '[]'::jsonb
        )
        order by period
      ), '[]')
      from (values
        ('day', v_gateway_limits.daily_budget_usd - v_gateway.day_spent_usd - v_gateway.day_reserved_usd,
          (v_gateway.day + 1)::timestamp at time zone 'utc'),
        ('month',
          v_gateway_limits.monthly_budget_usd - v_gateway.month_spent_usd - v_gateway.month_reserved_usd,
          (v_gateway.month + interval '1 month') at time zone 'utc')
      ) as shared (period, remaining_usd, resets_at)
      where remaining_usd < coalesce(least(
        v_limits.daily_budget_usd - v_budget.day_spent_usd - v_budget.day_reserved_usd,
        v_limits.monthly_budget_usd - v_budget.month_spent_usd - v_budget.month_reserved_usd
      ), 'Infinity')
    ),
    'rates', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'scope', scope,
        'requests_per_minute', state -> 'limit',
        'remaining', state -> 'remaining',
        'resets_at', p_now + make_interval(secs => (state ->> 'reset_ms')::double precision / 1000)
      ) order by scope), '[]')
      from (
        select 'did' as scope, public.rate_state(
          v_budget.requests_used_until, v_limits.requests_per_minute, p_now
        ) as state
        where v_limits.requests_per_minute is not null
        union all
        select 'gateway', public.rate_state(
          v_gateway.requests_used_until, v_gateway_limits.requests_per_minute, p_now
        )
        where (public.rate_state(
            v_gateway.requests_used_until, v_gateway_limits.requests_per_minute, p_now
          ) ->> 'remaining')::integer < coalesce((public.rate_state(
            v_budget.requests_used_until, v_limits.requests_per_minute, p_now
          ) ->> 'remaining')::numeric, 'Infinity')
      ) as rate
    ),
    'concurrent_requests', v_limits.concurrent_requests,
    'free_models_per_day', v_limits.free_models_per_day,
    'allowed_models', coalesce(v_policy.allowed_models, v_settings.default_allowed_models),
    'upstream_limit_usd', v_key_limit.credit_limit::text
  );
end;
$$;
comment on function public.account_limits is 'What GET /api/v1/limits answers for a DID.';
