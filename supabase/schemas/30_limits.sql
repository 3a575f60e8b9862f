-- The rules of limits, as functions of values: nothing here reads or writes a table. A DID's own value
-- comes first, then the default of gateway_settings; null means no limit.

create type public.limits as (
  daily_budget_usd numeric,
  monthly_budget_usd numeric,
  requests_per_minute integer,
  concurrent_requests integer,
  free_models_per_minute integer,
  free_models_per_day integer,
  refused_requests_per_minute integer
);
comment on type public.limits is 'The limits on one DID, or on the gateway; null: none.';

create type public.key_limit as (credit_limit numeric, credit_limit_reset text);
comment on type public.key_limit is
  'What a key may spend at OpenRouter: USD, and when that is reset; null: no limit, never.';

-- p_policy may be null.
create function public.limits_of(p_policy public.did_policies, p_settings public.gateway_settings)
returns public.limits
language plpgsql
immutable
set search_path = ''
as $$
begin
  return row(
    coalesce(p_policy.daily_budget_usd, p_settings.default_daily_budget_usd),
    coalesce(p_policy.monthly_budget_usd, p_settings.default_monthly_budget_usd),
    coalesce(p_policy.requests_per_minute, p_settings.default_requests_per_minute),
    coalesce(p_policy.concurrent_requests, p_settings.default_concurrent_requests),
    null,
    coalesce(p_policy.free_models_per_day, p_settings.default_free_models_per_day),
    p_settings.refused_requests_per_minute
  )::public.limits;
end;
$$;
comment on function public.limits_of is 'The limits on a DID: its own, else the defaults.';

create function public.gateway_limits(p_settings public.gateway_settings)
returns public.limits
language plpgsql
immutable
set search_path = ''
as $$
begin
  return row(
    p_settings.daily_budget_usd,
    p_settings.monthly_budget_usd,
    p_settings.requests_per_minute,
    null,
    p_settings.free_models_per_minute,
    p_settings.free_models_per_day,
    null
  )::public.limits;
end;
$$;
comment on function public.gateway_limits is 'The limits on all DIDs together.';

-- p_account and p_policy may be null.
create function public.access_of(
  p_account public.user_api_keys,
  p_policy public.did_policies,
  p_settings public.gateway_settings
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_account.status = 'disabled' or p_policy.access = 'blocked' then 'blocked'
    when p_settings.access_mode = 'allowlist' and p_policy.access is distinct from 'allowed'
      then 'not_allowed'
    else 'allowed'
  end;
end;
$$;
comment on function public.access_of is
  'Whether a DID may call: allowed; blocked; not_allowed, because it is not on the allowlist that there is.';

-- The limit that a DID's key shall have at OpenRouter: what the operator has set for the key; else the
-- tightest budget of the DID, or of the gateway where the DID has none, so that OpenRouter stops what an
-- estimate has missed. Of two that are equal it is that of the month, which does not come anew each day.
--
-- p_account: null, where there is none yet: it will have the default. Its credit_limit is null where the
-- operator has set nothing.
create function public.key_limit_of(
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
  if v_daily < v_monthly or v_monthly is null then
    return row(trim_scale(v_daily), case when v_daily is not null then 'daily' end)::public.key_limit;
  end if;
  return row(trim_scale(v_monthly), 'monthly')::public.key_limit;
end;
$$;
comment on function public.key_limit_of is
  'The limit that a DID''s key shall have at OpenRouter: the operator''s, else its tightest budget.';

-- '' where that has no name.
create function public.model_not_in(p_models text[], p_allowed text[])
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_model text;
begin
  foreach v_model in array coalesce(p_models, '{}') loop
    continue when v_model = any (p_allowed);
    -- Only what is plainly a model of the vendor: `vendor/x@preset/y` is not.
    continue when v_model ~ '^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(:[A-Za-z0-9._-]+)?$'
      and split_part(v_model, '/', 1) || '/*' = any (p_allowed);
    return coalesce(v_model, '');
  end loop;
  return null;
end;
$$;
comment on function public.model_not_in is
  'The first of some models that a list of allowed ones does not have; null: it has all.';

-- p_estimate: an array of {"usd"}, a fixed amount; {"usd", "usd_per_output_token", "output_tokens": the
-- model's bound or null}, where the request says no bound; {"unknown": "price" | "job"}. Null, of
-- gateways of before, counts as an unknown price.
create function public.reserve_of(p_estimate jsonb, p_settings public.gateway_settings)
returns numeric
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_one jsonb;
  v_usd numeric;
  v_dearest numeric;
begin
  for v_place in 0 .. coalesce(jsonb_array_length(p_estimate), 0) - 1 loop
    v_one := p_estimate -> v_place;
    v_usd := case
      when v_one ->> 'unknown' = 'job' then p_settings.job_reserve_usd
      when v_one ? 'unknown' then p_settings.unknown_price_reserve_usd
      else (v_one ->> 'usd')::numeric
        + coalesce((v_one ->> 'usd_per_output_token')::numeric, 0) * least(
          (v_one ->> 'output_tokens')::bigint, p_settings.default_reserved_output_tokens
        )
    end;
    v_dearest := greatest(v_dearest, v_usd);
  end loop;
  v_dearest := coalesce(v_dearest, p_settings.unknown_price_reserve_usd);
  if v_dearest < 0 or v_dearest = 'NaN' or v_dearest > 1e9 then
    raise exception 'no price is %', v_dearest using errcode = '22003';
  end if;
  return trim_scale(v_dearest);
end;
$$;
comment on function public.reserve_of is
  'What is reserved for a request, in USD: the dearest of its estimates.';
