-- A DID with the same budget for a day and for a month had that of the day as its key's limit at
-- OpenRouter, which then let it spend as much again each day of the month.

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
  if v_daily < v_monthly or v_monthly is null then
    return row(trim_scale(v_daily), case when v_daily is not null then 'daily' end)::public.key_limit;
  end if;
  return row(trim_scale(v_monthly), 'monthly')::public.key_limit;
end;
$$;
