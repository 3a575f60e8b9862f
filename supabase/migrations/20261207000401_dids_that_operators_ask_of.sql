-- Operators ask of a DID in the spelling that a wallet shows: what took one spelling alone told them the
-- limits of a stranger, and no usage.

create or replace function public.account_limits(p_did text, p_now timestamptz default now())
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

create or replace function public.usage_stats(
  p_did text,
  p_start timestamptz default null,
  p_end timestamptz default null,
  p_group_by text[] default '{}',
  p_session text default null,
  p_label text default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_rows constant integer := 100000;
  v_start timestamptz := coalesce(p_start, '-infinity');
  v_end timestamptz := coalesce(p_end, 'infinity');
  v_by_hour boolean := 'hour' = any (p_group_by);
  v_by_origin boolean := p_group_by && '{session, label}';
  v_hours_since timestamptz := public.usage_hourly_kept_since();
  v_log_start timestamptz;
  v_pieces public.usage_pieces;
  v_partial_before timestamptz;
  v_parts public.usage_part[];
  v_group_parts public.usage_part[];
  v_unknown text := (
    select name from unnest(p_group_by) as name
    where name not in ('day', 'hour', 'model', 'endpoint', 'session', 'label') limit 1
  );
begin
  if p_did like 'did:pkh:%' then
    p_did := public.plain_did(p_did);
  end if;
  if v_unknown is not null then
    raise exception 'cannot group usage by %', v_unknown using errcode = '22023';
  end if;

  if v_by_origin or p_session is not null or p_label is not null then
    v_log_start := public.bounded_log_start(
      p_did, greatest(v_start, public.request_log_kept_since()), v_end, p_session, p_label, v_rows
    );
    if v_start < v_log_start then
      v_partial_before := least(v_log_start, v_end);
    end if;
    v_group_parts := array(
      select part
      from public.usage_from_log(p_did, v_log_start, v_end, p_session, p_label) as part
    );
  end if;

  if p_session is not null or p_label is not null then
    v_parts := v_group_parts;
  else
    v_pieces := public.usage_pieces_of(v_start, v_end, false);
    v_partial_before := greatest(v_partial_before, v_pieces.partial_before);
    v_parts := array(select part from public.usage_from_totals(p_did, v_pieces) as part);
    if v_by_hour and not v_by_origin then
      v_pieces := public.usage_pieces_of(v_start, v_end, true);
      v_partial_before := greatest(v_partial_before, v_pieces.partial_before);
      v_group_parts := array(select part from public.usage_from_totals(p_did, v_pieces) as part);
    elsif not v_by_origin then
      v_group_parts := v_parts;
    end if;
  end if;
  if v_by_hour and v_log_start is not null and v_start < v_hours_since then
    v_group_parts := array(
      select part from unnest(v_group_parts) as part where (part).hour >= v_hours_since
    );
    v_partial_before := greatest(v_partial_before, least(v_hours_since, v_end));
  end if;

  return public.usage_answer(v_parts, v_group_parts, p_group_by)
    || case when v_partial_before is not null then jsonb_build_object(
      'partial_before',
      to_char(v_partial_before at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    ) else '{}' end;
end;
$$;
