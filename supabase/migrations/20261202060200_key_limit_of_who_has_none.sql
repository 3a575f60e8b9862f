-- key_limit_of knows itself which limit a DID gets that has no account yet: its callers said so, each for
-- itself.

create or replace function public.key_limit_of(
  p_account public.user_api_keys,
  p_policy public.did_policies,
  p_settings public.gateway_settings
)
returns public.key_limit
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_daily numeric := coalesce(p_policy.daily_budget_usd, p_settings.default_daily_budget_usd);
  v_monthly numeric := coalesce(p_policy.monthly_budget_usd, p_settings.default_monthly_budget_usd);
begin
  if p_account.did is null then
    p_account.credit_limit := p_settings.default_credit_limit;
    p_account.credit_limit_reset := p_settings.default_credit_limit_reset;
  end if;
  if p_account.credit_limit is not null then
    return row(p_account.credit_limit, p_account.credit_limit_reset)::public.key_limit;
  end if;
  if v_daily is null and v_monthly is null then
    v_daily := p_settings.daily_budget_usd;
    v_monthly := p_settings.monthly_budget_usd;
  end if;
  if v_daily <= v_monthly or v_monthly is null then
    return row(trim_scale(v_daily), case when v_daily is not null then 'daily' end)::public.key_limit;
  end if;
  return row(trim_scale(v_monthly), 'monthly')::public.key_limit;
end;
$$;

create or replace function public.claim_key_provisioning(
  p_did text,
  p_attempt_id uuid,
  p_broken_key_hash text default null,
  p_lease interval default '60 seconds'
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_lease public.key_provisioning;
  v_account public.user_api_keys;
  v_settings public.gateway_settings;
  v_policy public.did_policies;
  v_key_limit public.key_limit;
  v_room jsonb := '{}';
begin
  insert into public.key_provisioning as lease (did, attempt_id, expires_at)
  values (p_did, p_attempt_id, clock_timestamp() + p_lease)
  on conflict (did) do update
  set attempt_id = excluded.attempt_id, expires_at = excluded.expires_at
  where lease.expires_at < clock_timestamp()
  returning * into v_lease;

  -- After the lease, not before: whoever completes stores the account and ends its lease in one
  -- transaction, for which the statement above has waited.
  select * into v_account from public.user_api_keys where did = p_did;
  if found and (v_account.status = 'disabled'
    or v_account.openrouter_key_hash is distinct from p_broken_key_hash)
  then
    delete from public.key_provisioning where did = p_did and attempt_id = p_attempt_id;
    if v_account.status = 'disabled' then
      return jsonb_build_object('state', 'disabled');
    end if;
    return jsonb_build_object(
      'state', 'provisioned', 'encrypted_api_key', v_account.encrypted_api_key
    );
  end if;
  if v_lease.did is null then
    return jsonb_build_object('state', 'in_progress');
  end if;

  select * into v_settings from public.gateway_settings;
  select * into v_policy from public.did_policies where did = p_did;
  if v_account.did is null and v_lease.counted_on is null then
    v_room := public.count_new_account(v_settings, now());
    if v_room ? 'why' then
      -- An attempt that may have left a key is remembered.
      if v_lease.first_claimed_at < now() then
        update public.key_provisioning set expires_at = '-infinity'
        where did = p_did and attempt_id = p_attempt_id;
      else
        delete from public.key_provisioning where did = p_did and attempt_id = p_attempt_id;
      end if;
      return v_room || '{"state": "no_room"}';
    end if;
    update public.key_provisioning set counted_on = (now() at time zone 'utc')::date
    where did = p_did and attempt_id = p_attempt_id;
  end if;
  v_key_limit := public.key_limit_of(v_account, v_policy, v_settings);
  return v_room || jsonb_build_object(
    'state', 'claimed',
    'credit_limit', v_key_limit.credit_limit::text,
    'credit_limit_reset', v_key_limit.credit_limit_reset,
    'orphans_since', case when v_lease.first_claimed_at < now() then v_lease.first_claimed_at end
  );
end;
$$;

create or replace function public.account_limits(p_did text, p_now timestamptz default now())
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
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
  select * into v_policy from public.did_policies where did = p_did;
  select * into v_account from public.user_api_keys where did = p_did;
  v_limits := public.limits_of(v_policy, v_settings);
  v_gateway_limits := public.gateway_limits(v_settings);
  v_budget := public.budget_of(p_did, v_today);
  v_gateway := public.budget_of('*', v_budget.day);
  v_key_limit := public.key_limit_of(v_account, v_policy, v_settings);

  return jsonb_build_object(
    'did', p_did,
    'access', case
      when v_account.status = 'disabled' or v_policy.access = 'blocked' then 'blocked'
      when v_settings.access_mode = 'allowlist' and v_policy.access is distinct from 'allowed'
        then 'not_allowed'
      else 'allowed'
    end,
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
            where did = p_did and kind = period and period_start = starts_on
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
          ) ->> 'remaining')::integer, 1000000)
      ) as rate
    ),
    'concurrent_requests', v_limits.concurrent_requests,
    'free_models_per_day', v_limits.free_models_per_day,
    'allowed_models', coalesce(v_policy.allowed_models, v_settings.default_allowed_models),
    'upstream_limit_usd', v_key_limit.credit_limit::text
  );
end;
$$;
