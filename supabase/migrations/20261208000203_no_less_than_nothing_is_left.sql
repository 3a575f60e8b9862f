-- x-budget-remaining-usd is never below 0, as GET /limits has it. A call of a free model passes where a budget
-- is more than used up, and its answer said `-0.2`.

create or replace function public.admitted_answer(
  p_account public.user_api_keys,
  p_policy public.did_policies,
  p_settings public.gateway_settings,
  p_limits public.limits,
  p_budget public.budgets,
  p_now timestamptz
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_key_limit public.key_limit := public.key_limit_of(p_account, p_policy, p_settings);
  v_remaining_usd numeric := least(
    p_limits.daily_budget_usd - p_budget.day_spent_usd - p_budget.day_reserved_usd,
    p_limits.monthly_budget_usd - p_budget.month_spent_usd - p_budget.month_reserved_usd
  );
begin
  return jsonb_build_object(
    'decision', 'admitted',
    'encrypted_api_key', p_account.encrypted_api_key,
    'openrouter_key_hash', p_account.openrouter_key_hash,
    'request_time', p_now,
    'new_limit', case
      when p_account.did is not null and (v_key_limit.credit_limit, v_key_limit.credit_limit_reset)
        is distinct from (p_account.applied_credit_limit, p_account.applied_credit_limit_reset)
      then jsonb_build_object(
        'credit_limit', v_key_limit.credit_limit::text,
        'credit_limit_reset', v_key_limit.credit_limit_reset,
        -- What follows from budgets is kept here as well.
        'may_wait', p_account.credit_limit is null
      )
    end
  ) || case when p_limits.requests_per_minute is not null then jsonb_build_object(
    'rate', public.rate_state(p_budget.requests_used_until, p_limits.requests_per_minute, p_now)
  ) else '{}' end || case when v_remaining_usd is not null then jsonb_build_object(
    -- A free call passes although more is spent than there was, as after a budget was lowered.
    'remaining_usd', trim_scale(greatest(v_remaining_usd, 0))::text
  ) else '{}' end;
end;
$$;
