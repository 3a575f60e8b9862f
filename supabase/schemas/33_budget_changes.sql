-- How budgets change. Admission enters calls, settlement enters changes, both under lock_budget of the
-- DID, and then under that of '*', which comes last. Who changes several DIDs' budgets takes them in the
-- order of the DIDs: change_budgets does.

create type public.budget_change as (
  did text,
  day date,
  spent_usd numeric,
  reserved_usd numeric,
  ended integer,
  refused integer
);
comment on type public.budget_change is
  'What a request changes in the budgets that it counts in, of a DID and of ''*''.';

-- Waiting for an advisory lock costs far less than for a row that everybody changes.
create function public.lock_budget(p_did text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('llm-gateway: budget of ' || p_did, 0));
end;
$$;
comment on function public.lock_budget is
  'Takes the lock under which the budget of a DID changes, or that of ''*'', until the end of the transaction.';

-- A row that is on a later day already, because a transaction that began before midnight comes after one
-- that did not, stays there. Null, where there is no row, is one with which nothing was done yet.
create function public.rolled(p_budget public.budgets, p_day date)
returns public.budgets
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_month date := date_trunc('month', p_day)::date;
begin
  if p_budget.day is null then
    return row(
      p_budget.did, p_day, 0, 0, 0, 0, 0, 0, v_month, 0, 0, 0, 0,
      '-infinity', '-infinity', '-infinity', '-infinity'
    )::public.budgets;
  end if;
  if p_budget.day < p_day then
    p_budget.day := p_day;
    p_budget.day_spent_usd := 0;
    p_budget.day_reserved_usd := 0;
    p_budget.day_alerted := 0;
    p_budget.day_free_requests := 0;
    p_budget.day_new_accounts := 0;
    p_budget.new_accounts_alerted := 0;
  end if;
  if p_budget.month < v_month then
    p_budget.month := v_month;
    p_budget.month_spent_usd := 0;
    p_budget.month_reserved_usd := 0;
    p_budget.month_alerted := 0;
  end if;
  return p_budget;
end;
$$;
comment on function public.rolled is
  'A row of budgets as it is on a day: what is of an earlier day or month counts as nothing.';

create function public.budget_of(p_did text, p_day date)
returns public.budgets
language plpgsql
-- Volatile, so that it sees what was committed while its caller waited for the lock.
volatile
set search_path = ''
as $$
declare
  v_budget public.budgets;
begin
  select * into v_budget from public.budgets where did = p_did;
  v_budget.did := p_did;
  return public.rolled(v_budget, p_day);
end;
$$;
comment on function public.budget_of is
  'A row of budgets as it stands on a day, whether or not it is in the table.';

create function public.store_budget(p_budget public.budgets)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.budgets as stored
  set day = p_budget.day,
    day_spent_usd = p_budget.day_spent_usd,
    day_reserved_usd = p_budget.day_reserved_usd,
    day_alerted = p_budget.day_alerted,
    day_free_requests = p_budget.day_free_requests,
    day_new_accounts = p_budget.day_new_accounts,
    new_accounts_alerted = p_budget.new_accounts_alerted,
    month = p_budget.month,
    month_spent_usd = p_budget.month_spent_usd,
    month_reserved_usd = p_budget.month_reserved_usd,
    month_alerted = p_budget.month_alerted,
    requests_under_way = p_budget.requests_under_way,
    requests_used_until = p_budget.requests_used_until,
    free_requests_used_until = p_budget.free_requests_used_until,
    refusals_used_until = p_budget.refusals_used_until,
    new_accounts_used_until = p_budget.new_accounts_used_until
  where stored.did = p_budget.did;
  if not found then
    insert into public.budgets select p_budget.*;
  end if;
end;
$$;
comment on function public.store_budget is 'Stores a row of budgets, whose lock the caller has.';

create function public.with_call(
  p_budget public.budgets,
  p_limits public.limits,
  p_usd numeric,
  p_free_model boolean,
  p_now timestamptz
)
returns public.budgets
language plpgsql
immutable
set search_path = ''
as $$
begin
  p_budget.day_reserved_usd := p_budget.day_reserved_usd + p_usd;
  p_budget.month_reserved_usd := p_budget.month_reserved_usd + p_usd;
  if p_budget.did <> '*' then
    p_budget.requests_under_way := p_budget.requests_under_way + 1;
  end if;
  p_budget.requests_used_until :=
    public.used_until(p_budget.requests_used_until, p_limits.requests_per_minute, 1, p_now);
  if p_free_model then
    p_budget.day_free_requests := p_budget.day_free_requests + 1;
    p_budget.free_requests_used_until :=
      public.used_until(p_budget.free_requests_used_until, p_limits.free_models_per_minute, 1, p_now);
  end if;
  return p_budget;
end;
$$;
comment on function public.with_call is 'A row of budgets with one more call in it.';

-- One more call in the budget of its DID and in that of '*', whose locks the caller has, where nothing stands
-- against it at a glance: two statements enter it then, which is nearly always.
--
-- Returns the row of the DID with the call in it; null where it takes a closer look, and nothing is entered.
create function public.enter_call(
  p_did text,
  p_limits public.limits,
  p_gateway_limits public.limits,
  p_usd numeric,
  p_day date,
  p_now timestamptz
)
returns public.budgets
language plpgsql
set search_path = ''
as $$
declare
  v_budget public.budgets;
begin
  update public.budgets as budget
  set day_reserved_usd = budget.day_reserved_usd + p_usd,
    month_reserved_usd = budget.month_reserved_usd + p_usd,
    requests_under_way = budget.requests_under_way + 1,
    requests_used_until =
      public.used_until(budget.requests_used_until, p_limits.requests_per_minute, 1, p_now)
  from public.budgets as gateway_budget
  where gateway_budget.did = '*' and gateway_budget.day = p_day
    and public.has_room(gateway_budget, p_gateway_limits, 1, p_usd, p_now)
    and budget.did = p_did and budget.day = p_day
    and public.has_room(budget, p_limits, 1, p_usd, p_now)
  returning budget.* into v_budget;
  if found then
    update public.budgets
    set day_reserved_usd = day_reserved_usd + p_usd,
      month_reserved_usd = month_reserved_usd + p_usd,
      requests_used_until =
        public.used_until(requests_used_until, p_gateway_limits.requests_per_minute, 1, p_now)
    where did = '*';
  end if;
  return v_budget;
end;
$$;
comment on function public.enter_call is
  'Enters one more call in the budgets that it counts in, whose locks the caller has, where nothing stands against it at a glance.';

-- p_before null: there was none.
create function public.budget_change_of(p_before public.request_logs, p_after public.request_logs)
returns public.budget_change
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_ends boolean := coalesce(p_before.status = 'pending' and p_after.status <> 'pending', false);
begin
  return row(
    p_after.did,
    coalesce(p_after.reserved_on, (p_after.request_time at time zone 'utc')::date),
    coalesce(p_after.total_cost, 0) - coalesce(p_before.total_cost, 0),
    p_after.reserved_usd - coalesce(p_before.reserved_usd, 0),
    -- Those of gateways of before were not counted when they began.
    (v_ends and p_after.reserved_on is not null)::integer,
    coalesce(
      v_ends and p_after.http_status between 400 and 499 and p_after.http_status <> 429
        and p_after.total_cost = 0,
      false
    )::integer
  )::public.budget_change;
end;
$$;
comment on function public.budget_change_of is
  'What it changes in budgets when a row of request_logs becomes another.';

create function public.budget_change_at_end(p_ended public.request_logs)
returns public.budget_change
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_before public.request_logs := p_ended;
begin
  v_before.status := 'pending';
  v_before.total_cost := null;
  v_before.reserved_usd := coalesce(p_ended.estimate_usd, 0);
  return public.budget_change_of(v_before, p_ended);
end;
$$;
comment on function public.budget_change_at_end is
  'What the end of a pending row of request_logs changes in budgets.';

-- What is of a day or month that is over changes nothing of today.
create function public.with_change(p_budget public.budgets, p_change public.budget_change)
returns public.budgets
language plpgsql
immutable
set search_path = ''
as $$
begin
  p_budget := public.rolled(p_budget, p_change.day);
  if p_budget.day = p_change.day then
    p_budget.day_spent_usd := p_budget.day_spent_usd + p_change.spent_usd;
    p_budget.day_reserved_usd := greatest(p_budget.day_reserved_usd + p_change.reserved_usd, 0);
  end if;
  if p_budget.month = date_trunc('month', p_change.day)::date then
    p_budget.month_spent_usd := p_budget.month_spent_usd + p_change.spent_usd;
    p_budget.month_reserved_usd := greatest(p_budget.month_reserved_usd + p_change.reserved_usd, 0);
  end if;
  if p_budget.did <> '*' then
    p_budget.requests_under_way := greatest(p_budget.requests_under_way - p_change.ended, 0);
  end if;
  return p_budget;
end;
$$;
comment on function public.with_change is 'A row of budgets with a change in it.';

create function public.enter_change(
  p_did text,
  p_change public.budget_change,
  p_limits public.limits
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_budget public.budgets;
  v_alerted public.budgets;
begin
  -- Nearly always the row is of the day, and one statement does all.
  update public.budgets
  set day_spent_usd = day_spent_usd + p_change.spent_usd,
    day_reserved_usd = greatest(day_reserved_usd + p_change.reserved_usd, 0),
    month_spent_usd = month_spent_usd + p_change.spent_usd,
    month_reserved_usd = greatest(month_reserved_usd + p_change.reserved_usd, 0),
    requests_under_way = greatest(
      requests_under_way - p_change.ended * (p_did <> '*')::integer, 0
    )
  where did = p_did and day = p_change.day
  returning * into v_budget;
  if not found then
    v_budget := public.with_change(public.budget_of(p_did, p_change.day), p_change);
    perform public.store_budget(v_budget);
  end if;
  if p_change.refused > 0 and p_limits.refused_requests_per_minute is not null then
    update public.budgets
    set refusals_used_until = public.used_until(
      refusals_used_until, p_limits.refused_requests_per_minute, p_change.refused, now()
    )
    where did = p_did;
  end if;

  if v_budget.day_spent_usd * 2 < p_limits.daily_budget_usd
    and v_budget.month_spent_usd * 2 < p_limits.monthly_budget_usd
  then
    return false;
  end if;
  v_alerted := public.with_alerts(v_budget, p_limits);
  if v_alerted.day_alerted = v_budget.day_alerted and v_alerted.month_alerted = v_budget.month_alerted
  then
    return false;
  end if;
  update public.budgets
  set day_alerted = v_alerted.day_alerted, month_alerted = v_alerted.month_alerted
  where did = p_did;
  return true;
end;
$$;
comment on function public.enter_change is
  'Enters a change in a budget whose lock the caller has. Returns whether an alert is new.';

-- What is of a day goes into that of '*' together.
create function public.change_budgets(p_changes public.budget_change[])
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_settings public.gateway_settings;
  v_policy public.did_policies;
  v_changes public.budget_change[] := p_changes;
  v_totals public.budget_change[] := p_changes;
  v_change public.budget_change;
  v_is_alerted boolean := false;
begin
  if cardinality(p_changes) <> 1 then
    v_changes := array(
      select row(did, day, sum(spent_usd), sum(reserved_usd), sum(ended), sum(refused))::public.budget_change
      from unnest(p_changes) where did is not null
      group by did, day order by did, day
    );
    v_totals := array(
      select row('*', day, sum(spent_usd), sum(reserved_usd), 0, 0)::public.budget_change
      from unnest(v_changes)
      group by day order by day
    );
  end if;
  select * into v_settings from public.gateway_settings;
  foreach v_change in array v_changes loop
    select * into v_policy from public.did_policies where did = v_change.did;
    perform public.lock_budget(v_change.did);
    v_is_alerted := public.enter_change(
      v_change.did, v_change, public.limits_of(v_policy, v_settings)
    ) or v_is_alerted;
  end loop;
  perform public.lock_budget('*');
  foreach v_change in array v_totals loop
    v_is_alerted := public.enter_change('*', v_change, public.gateway_limits(v_settings))
      or v_is_alerted;
  end loop;
  return v_is_alerted;
end;
$$;
comment on function public.change_budgets is
  'Enters changes in the budgets of their DIDs, in their order, then in that of ''*''. Returns whether an alert is new.';
