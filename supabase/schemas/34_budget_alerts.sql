-- Alerts: a row for each threshold that a budget, or the new accounts of a day, has reached, added once in
-- the transaction that reaches it, and delivered to ALERT_WEBHOOK_URL at least once.

create function public.threshold_of(p_amount numeric, p_limit numeric)
returns smallint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_limit is null or p_limit <= 0 then 0
    when p_amount >= p_limit then 100
    when p_amount >= p_limit * 0.8 then 80
    when p_amount >= p_limit * 0.5 then 50
    else 0
  end;
end;
$$;
comment on function public.threshold_of is
  'The highest threshold, in percent, that an amount has reached of a limit; 0: none.';

create function public.add_alerts(
  p_did text,
  p_kind text,
  p_period_start date,
  p_from smallint,
  p_to smallint,
  p_limit numeric,
  p_reached numeric
)
returns void
language sql
set search_path = ''
as $$
  insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached)
  select p_did, p_kind, p_period_start, threshold, trim_scale(p_limit), trim_scale(p_reached)
  from unnest('{50, 80, 100}'::smallint[]) as threshold
  where threshold > p_from and threshold <= p_to
  on conflict do nothing;
$$;
comment on function public.add_alerts is
  'Adds the alerts of a period up to a threshold, each once.';

create function public.with_alerts(p_budget public.budgets, p_limits public.limits)
returns public.budgets
language plpgsql
set search_path = ''
as $$
declare
  v_day smallint := public.threshold_of(p_budget.day_spent_usd, p_limits.daily_budget_usd);
  v_month smallint := public.threshold_of(p_budget.month_spent_usd, p_limits.monthly_budget_usd);
begin
  if v_day > p_budget.day_alerted then
    perform public.add_alerts(
      p_budget.did, 'day', p_budget.day, p_budget.day_alerted, v_day, p_limits.daily_budget_usd,
      p_budget.day_spent_usd
    );
    p_budget.day_alerted := v_day;
  end if;
  if v_month > p_budget.month_alerted then
    perform public.add_alerts(
      p_budget.did, 'month', p_budget.month, p_budget.month_alerted, v_month,
      p_limits.monthly_budget_usd, p_budget.month_spent_usd
    );
    p_budget.month_alerted := v_month;
  end if;
  return p_budget;
end;
$$;
comment on function public.with_alerts is
  'Adds the alerts that are due by what is spent, and returns the row of budgets that knows of them.';

-- p_refusal: as refusal_by returns it. Returns {"alerted": whether the alert is new}.
create function public.note_used_up(p_did text, p_refusal jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_limit numeric := p_refusal ->> 'limit_usd';
  v_spent numeric := p_refusal ->> 'spent_usd';
  v_did text := case p_refusal ->> 'scope' when 'did' then p_did else '*' end;
  v_kind text := p_refusal ->> 'period';
  v_start date;
begin
  if p_refusal ->> 'decision' <> 'budget_exceeded' or v_limit = 0 or v_spent < v_limit * 0.95 then
    return '{"alerted": false}';
  end if;
  v_start := ((p_refusal ->> 'resets_at')::timestamptz at time zone 'utc'
    - ('1 ' || v_kind)::interval)::date;
  if exists (
    select from public.budget_alerts
    where did = v_did and kind = v_kind and period_start = v_start and threshold = 100
  ) then
    return '{"alerted": false}';
  end if;
  perform public.add_alerts(v_did, v_kind, v_start, 0::smallint, 100::smallint, v_limit, v_spent);
  return '{"alerted": true}';
end;
$$;
comment on function public.note_used_up is
  'Adds the alert that a budget is used up, where a call is refused for it and hardly anything is left.';

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
comment on function public.claim_budget_alerts is
  'Claims alerts that ALERT_WEBHOOK_URL has not taken yet.';

-- False: there is no such alert, or it was delivered before.
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
