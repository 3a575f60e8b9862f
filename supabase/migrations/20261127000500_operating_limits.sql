-- What an operator calls. A value that is not given stays as it is; `clear` takes values away. All can be
-- called again with the same effect, and hold from the next request on.

-- A DID as accounts have it: an Ethereum address in lower case.
create function public.plain_did(p_did text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_did text := trim(p_did);
begin
  if v_did ~ '^did:pkh:eip155:[0-9]+:0[xX][0-9a-fA-F]{40}$' then
    return lower(v_did);
  end if;
  if (v_did ~ '^did:[a-z0-9]+:[A-Za-z0-9._:%-]+$' and length(v_did) <= 512) is not true then
    raise exception '% is no DID', coalesce(quote_literal(p_did), 'null')
      using hint = 'A DID looks like did:key:z6Mk… or did:web:example.com, without a fragment.';
  end if;
  return v_did;
end;
$$;
comment on function public.plain_did is 'A DID as accounts have it; raises what is none.';

-- Raises names that are not in a list.
create function public.check_names(p_names text[], p_known text[], p_what text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_name text;
begin
  foreach v_name in array coalesce(p_names, '{}') loop
    if v_name is null or not v_name = any (p_known) then
      raise exception '% is no %', coalesce(quote_literal(v_name), 'null'), p_what
        using hint = 'There are: ' || array_to_string(p_known, ', ');
    end if;
  end loop;
end;
$$;
comment on function public.check_names is 'Raises names that are not in a list.';

create function public.set_limits(
  did text,
  daily_budget_usd numeric default null,
  monthly_budget_usd numeric default null,
  requests_per_minute integer default null,
  concurrent_requests integer default null,
  free_models_per_day integer default null,
  allowed_models text[] default null,
  clear text[] default '{}'
)
returns public.did_policies
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_did text := public.plain_did(set_limits.did);
  v_clear text[] := coalesce(set_limits.clear, '{}');
  v_policy public.did_policies;
begin
  perform public.check_names(v_clear, array[
    'daily_budget_usd', 'monthly_budget_usd', 'requests_per_minute', 'concurrent_requests',
    'free_models_per_day', 'allowed_models'
  ], 'limit of a DID');
  insert into public.did_policies (did) values (v_did) on conflict do nothing;
  update public.did_policies as policy
  set daily_budget_usd = case when not 'daily_budget_usd' = any (v_clear)
      then coalesce(set_limits.daily_budget_usd, policy.daily_budget_usd) end,
    monthly_budget_usd = case when not 'monthly_budget_usd' = any (v_clear)
      then coalesce(set_limits.monthly_budget_usd, policy.monthly_budget_usd) end,
    requests_per_minute = case when not 'requests_per_minute' = any (v_clear)
      then coalesce(set_limits.requests_per_minute, policy.requests_per_minute) end,
    concurrent_requests = case when not 'concurrent_requests' = any (v_clear)
      then coalesce(set_limits.concurrent_requests, policy.concurrent_requests) end,
    free_models_per_day = case when not 'free_models_per_day' = any (v_clear)
      then coalesce(set_limits.free_models_per_day, policy.free_models_per_day) end,
    allowed_models = case when not 'allowed_models' = any (v_clear)
      then coalesce(set_limits.allowed_models, policy.allowed_models) end,
    updated_at = now()
  where policy.did = v_did
  returning * into v_policy;
  return v_policy;
end;
$$;
comment on function public.set_limits is 'Sets limits of one DID, before or after its first call: USD a UTC day and month, calls a minute and at a time, free calls a day, models (`vendor/model` or `vendor/*`). What is not given stays; clear => array[''daily_budget_usd''] falls back to the default. Returns the DID''s policy.';

create function public.block_did(did text)
returns public.did_policies
language sql
set search_path = ''
as $$
  insert into public.did_policies as policy (did, access)
  values (public.plain_did(block_did.did), 'blocked')
  on conflict (did) do update set access = 'blocked', updated_at = now()
  returning *;
$$;
comment on function public.block_did is 'Refuses all calls of a DID, known or not, from the next one on. allow_did ends it.';

create function public.allow_did(did text)
returns public.did_policies
language sql
set search_path = ''
as $$
  insert into public.did_policies as policy (did, access)
  values (public.plain_did(allow_did.did), 'allowed')
  on conflict (did) do update set access = 'allowed', updated_at = now()
  returning *;
$$;
comment on function public.allow_did is 'Lets a DID call, where access_mode is allowlist or it was blocked.';

create function public.set_gateway_limits(
  access_mode text default null,
  daily_budget_usd numeric default null,
  monthly_budget_usd numeric default null,
  requests_per_minute integer default null,
  default_daily_budget_usd numeric default null,
  default_monthly_budget_usd numeric default null,
  default_requests_per_minute integer default null,
  default_concurrent_requests integer default null,
  default_allowed_models text[] default null,
  new_accounts_per_day integer default null,
  new_accounts_per_minute integer default null,
  default_reserved_output_tokens integer default null,
  unknown_price_reserve_usd numeric default null,
  job_reserve_usd numeric default null,
  allowed_server_tools text[] default null,
  shared_features text[] default null,
  free_models_per_minute integer default null,
  free_models_per_day integer default null,
  default_free_models_per_day integer default null,
  refused_requests_per_minute integer default null,
  clear text[] default '{}'
)
returns public.gateway_settings
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_clear text[] := coalesce(set_gateway_limits.clear, '{}');
  v_settings public.gateway_settings;
begin
  perform public.check_names(v_clear, array[
    'daily_budget_usd', 'monthly_budget_usd', 'requests_per_minute', 'default_daily_budget_usd',
    'default_monthly_budget_usd', 'default_requests_per_minute', 'default_concurrent_requests',
    'default_allowed_models', 'new_accounts_per_day', 'new_accounts_per_minute',
    'free_models_per_minute', 'free_models_per_day', 'default_free_models_per_day',
    'refused_requests_per_minute'
  ], 'limit of the gateway that can be cleared');
  update public.gateway_settings as settings
  set access_mode = coalesce(set_gateway_limits.access_mode, settings.access_mode),
    daily_budget_usd = case when not 'daily_budget_usd' = any (v_clear)
      then coalesce(set_gateway_limits.daily_budget_usd, settings.daily_budget_usd) end,
    monthly_budget_usd = case when not 'monthly_budget_usd' = any (v_clear)
      then coalesce(set_gateway_limits.monthly_budget_usd, settings.monthly_budget_usd) end,
    requests_per_minute = case when not 'requests_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.requests_per_minute, settings.requests_per_minute) end,
    default_daily_budget_usd = case when not 'default_daily_budget_usd' = any (v_clear)
      then coalesce(set_gateway_limits.default_daily_budget_usd, settings.default_daily_budget_usd) end,
    default_monthly_budget_usd = case when not 'default_monthly_budget_usd' = any (v_clear)
      then coalesce(set_gateway_limits.default_monthly_budget_usd, settings.default_monthly_budget_usd) end,
    default_requests_per_minute = case when not 'default_requests_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.default_requests_per_minute, settings.default_requests_per_minute) end,
    default_concurrent_requests = case when not 'default_concurrent_requests' = any (v_clear)
      then coalesce(set_gateway_limits.default_concurrent_requests, settings.default_concurrent_requests) end,
    default_allowed_models = case when not 'default_allowed_models' = any (v_clear)
      then coalesce(set_gateway_limits.default_allowed_models, settings.default_allowed_models) end,
    new_accounts_per_day = case when not 'new_accounts_per_day' = any (v_clear)
      then coalesce(set_gateway_limits.new_accounts_per_day, settings.new_accounts_per_day) end,
    new_accounts_per_minute = case when not 'new_accounts_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.new_accounts_per_minute, settings.new_accounts_per_minute) end,
    default_reserved_output_tokens =
      coalesce(set_gateway_limits.default_reserved_output_tokens, settings.default_reserved_output_tokens),
    unknown_price_reserve_usd =
      coalesce(set_gateway_limits.unknown_price_reserve_usd, settings.unknown_price_reserve_usd),
    job_reserve_usd = coalesce(set_gateway_limits.job_reserve_usd, settings.job_reserve_usd),
    allowed_server_tools =
      coalesce(set_gateway_limits.allowed_server_tools, settings.allowed_server_tools),
    shared_features = coalesce(set_gateway_limits.shared_features, settings.shared_features),
    free_models_per_minute = case when not 'free_models_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.free_models_per_minute, settings.free_models_per_minute) end,
    free_models_per_day = case when not 'free_models_per_day' = any (v_clear)
      then coalesce(set_gateway_limits.free_models_per_day, settings.free_models_per_day) end,
    default_free_models_per_day = case when not 'default_free_models_per_day' = any (v_clear)
      then coalesce(set_gateway_limits.default_free_models_per_day, settings.default_free_models_per_day) end,
    refused_requests_per_minute = case when not 'refused_requests_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.refused_requests_per_minute, settings.refused_requests_per_minute) end,
    updated_at = now()
  -- Supabase's Data API loads safeupdate, which refuses to change all rows without saying which.
  where settings.only_row
  returning * into v_settings;
  return v_settings;
end;
$$;
comment on function public.set_gateway_limits is 'Sets the limits of the whole gateway (daily_budget_usd …) and what a DID without limits of its own has (default_…). What is not given stays; clear => array[''daily_budget_usd''] means no limit. Returns all settings.';

-- What GET /api/v1/limits answers; amounts are decimal strings in USD.
--
-- The gateway's own budgets and rate are shown, as what is left of them alone, where they would refuse
-- before the DID's do.
create function public.account_limits(p_did text, p_now timestamptz default now())
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
  if v_account.did is null then
    v_account.credit_limit := v_settings.default_credit_limit;
    v_account.credit_limit_reset := v_settings.default_credit_limit_reset;
  end if;
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
comment on function public.account_limits is 'What GET /api/v1/limits answers for a DID.';

-- Claims alerts to deliver: each claim keeps an alert from the next one for a minute, then two, up to an
-- hour, so that whoever dies with it loses nothing. What nobody took for a week is left.
--
-- Returns {"alerts": [{"id", "scope": did | gateway, "did", "kind", "period_start", "threshold", "limit",
-- "reached": decimal strings, "reached_at", "attempts": this one included}], "left": how many more could
-- be claimed now}.
create function public.claim_budget_alerts(p_limit integer default 20)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_alerts jsonb;
begin
  with due as materialized (
    select id from public.budget_alerts
    where delivered_at is null and attempt_after <= now() and reached_at > now() - interval '7 days'
    order by attempt_after, reached_at
    limit p_limit
    for update skip locked
  ),
  claimed as (
    update public.budget_alerts as alert
    set attempts = attempts + 1,
      attempt_after = now() + least(interval '1 hour', interval '1 minute' * 2 ^ least(attempts, 6))
    from due where alert.id = due.id
    returning alert.*
  )
  select jsonb_agg(
    jsonb_build_object(
      'id', id,
      'scope', case did when '*' then 'gateway' else 'did' end,
      'did', nullif(did, '*'),
      'kind', kind, 'period_start', period_start, 'threshold', threshold,
      'limit', limit_value::text, 'reached', reached::text, 'reached_at', reached_at,
      'attempts', attempts
    )
    order by reached_at, threshold
  )
  into v_alerts
  from claimed;
  return jsonb_build_object(
    'alerts', coalesce(v_alerts, '[]'),
    'left', (
      select count(*) from public.budget_alerts
      where delivered_at is null and attempt_after <= now() and reached_at > now() - interval '7 days'
    )
  );
end;
$$;
comment on function public.claim_budget_alerts is 'Claims alerts that ALERT_WEBHOOK_URL has not taken yet.';

-- Notes that an alert was delivered. False: there is no such alert, or it was before.
create function public.end_budget_alert(p_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update public.budget_alerts set delivered_at = now() where id = p_id and delivered_at is null;
  return found;
end;
$$;
comment on function public.end_budget_alert is 'Notes that an alert was delivered.';

-- Forgets up to p_limit alerts that are a quarter old. Returns how many.
create function public.purge_budget_alerts(p_limit integer default 10000)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
begin
  delete from public.budget_alerts
  where id = any (array(
    select id from public.budget_alerts
    where reached_at < now() - interval '90 days'
    order by reached_at
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function public.purge_budget_alerts is 'Forgets up to p_limit alerts that are a quarter old. Returns how many.';

revoke all on function
  public.plain_did, public.check_names, public.set_limits, public.block_did, public.allow_did,
  public.set_gateway_limits, public.account_limits, public.claim_budget_alerts,
  public.end_budget_alert, public.purge_budget_alerts
  from public, anon, authenticated, service_role;
grant execute on function
  public.plain_did, public.check_names, public.set_limits, public.block_did, public.allow_did,
  public.set_gateway_limits, public.account_limits, public.claim_budget_alerts,
  public.end_budget_alert, public.purge_budget_alerts
  to service_role;
