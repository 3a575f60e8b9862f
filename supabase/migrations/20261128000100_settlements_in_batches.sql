-- Settlements that came together are entered together. Their rows are locked in the order of times and
-- ids, and then what the budgets' migration names: DIDs, totals, budgets, '*'.

-- Counts ended rows in usage_daily, as count_in_usage does with one, in the order of the totals' keys. The
-- caller has the locks of their DIDs.
create function public.count_rows_in_usage(p_rows public.request_logs[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.usage_daily as total (
    did, day, model, endpoint, requests, failed_requests, requests_without_cost, input_tokens,
    output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost
  )
  select
    log.did, (log.request_time at time zone 'utc')::date, public.counted_model(log), log.endpoint,
    count(*),
    count(*) filter (where log.status = 'failed'),
    count(*) filter (where log.total_cost is null),
    coalesce(sum(log.input_tokens), 0),
    coalesce(sum(log.output_tokens), 0),
    coalesce(sum(log.cached_tokens), 0),
    coalesce(sum(log.reasoning_tokens), 0),
    coalesce(sum(log.total_cost), 0),
    coalesce(sum(log.upstream_cost), 0)
  from unnest(p_rows) as log
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
  on conflict (did, day, model, endpoint) do update
  set requests = total.requests + excluded.requests,
    failed_requests = total.failed_requests + excluded.failed_requests,
    requests_without_cost = total.requests_without_cost + excluded.requests_without_cost,
    input_tokens = total.input_tokens + excluded.input_tokens,
    output_tokens = total.output_tokens + excluded.output_tokens,
    cached_tokens = total.cached_tokens + excluded.cached_tokens,
    reasoning_tokens = total.reasoning_tokens + excluded.reasoning_tokens,
    total_cost = total.total_cost + excluded.total_cost,
    upstream_cost = total.upstream_cost + excluded.upstream_cost;
end;
$$;
comment on function public.count_rows_in_usage is 'Adds ended rows of request_logs to usage_daily.';

-- Enters a change in a budget whose lock the caller has. Returns whether an alert is new.
create or replace function public.enter_change(
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

-- Enters changes in the budgets of their DIDs, in the order of the DIDs, and then all in that of '*': those
-- of a day together. Returns whether an alert is new.
create or replace function public.change_budgets(p_changes public.budget_change[])
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

-- Ends rows, each as its settlement says: those that are pending, or, on demand, have ended before. Gives
-- the Idempotency-Keys back of those that may be repeated. At most one settlement a row.
--
-- Returns the rows as they are then; a row that is not there is missing.
create function public.end_rows(p_settlements public.settlement[], p_ended_too boolean default false)
returns public.request_logs[]
language plpgsql
set search_path = ''
-- By the key, however small the log was when it was planned: a plan is kept while the log grows.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  v_rows public.request_logs[];
  v_told public.settlement;
  v_row public.request_logs;
begin
  -- One by one: over several at once, Postgres may choose to read a whole partition of the log.
  for v_told in select * from unnest(p_settlements) order by request_time, request_id loop
    if v_told.status is distinct from 'completed' and v_told.status is distinct from 'failed' then
      raise exception 'a request cannot end as %', v_told.status using errcode = '23514';
    end if;
    update public.request_logs as log
    set status = v_told.status,
      -- The request ended when its row did, however late more is learnt.
      response_time = coalesce(log.response_time, clock_timestamp()),
      http_status = v_told.http_status,
      error_message = v_told.error_message,
      given_up = coalesce(v_told.given_up, false),
      model = coalesce(v_told.model, log.model),
      provider = v_told.provider,
      generation_id = v_told.generation_id,
      native_finish_reason = v_told.native_finish_reason,
      input_tokens = v_told.input_tokens,
      output_tokens = v_told.output_tokens,
      cached_tokens = v_told.cached_tokens,
      reasoning_tokens = v_told.reasoning_tokens,
      total_cost = trim_scale(v_told.cost::numeric * coalesce(v_told.usd_per_credit, '1')::numeric),
      upstream_cost = trim_scale(v_told.upstream_cost::numeric * coalesce(v_told.usd_per_credit, '1')::numeric),
      cost_source = case when v_told.cost is not null then v_told.cost_source end,
      first_byte_ms = v_told.first_byte_ms,
      -- What is not known counts as it was estimated.
      reserved_usd = case when v_told.cost is null then log.reserved_usd else 0 end
    where id = v_told.request_id and request_time = v_told.request_time
      and (status = 'pending' or p_ended_too)
    returning * into v_row;
    continue when not found;
    v_rows := v_rows || v_row;
    if v_told.may_be_repeated then
      delete from public.idempotency_keys where request_id = v_row.id;
    end if;
  end loop;
  return v_rows;
end;
$$;
comment on function public.end_rows is 'Ends rows of request_logs, each as its settlement says; returns them as they are then.';

-- Enters a settlement that holds nothing that Postgres refuses; settle_request has the rules. What it
-- changes in budgets is for the caller to enter, after all else.
create or replace function public.enter_settlement(p_settlement public.settlement)
returns public.entered
language plpgsql
set search_path = ''
as $$
declare
  v_before public.request_logs;
  v_row public.request_logs;
  v_replaces boolean := false;
begin
  -- Nearly always the row is pending, and the first look settles it. The others are for rows that have
  -- ended, and for a row that another transaction moves to another partition meanwhile: what began to
  -- look before that was committed finds nothing.
  for v_look in 1..3 loop
    v_row := (public.end_rows(array[p_settlement], v_replaces))[1];
    if v_row.id is not null then
      perform public.lock_budget(v_row.did);
      if v_replaces then
        perform public.recount_in_usage(v_before, v_row);
      else
        perform public.count_in_usage(v_row, 1);
        return row(true, v_row.total_cost, public.budget_change_at_end(v_row))::public.entered;
      end if;
      return row(true, v_row.total_cost, public.budget_change_of(v_before, v_row))::public.entered;
    end if;

    -- Find the row by its key alone and decide afterwards. With a condition on what a concurrent
    -- settlement changes, Postgres would test the version from before it, and not wait for it.
    select * into v_before from public.request_logs
    where id = p_settlement.request_id and request_time = p_settlement.request_time
    for update;
    if not found or v_before.status = 'pending' then
      continue;
    end if;
    v_replaces := v_before.given_up
      and (v_before.total_cost is null or p_settlement.cost is not null);
    if v_replaces then
      continue;
    end if;
    if v_before.total_cost is null and p_settlement.cost is not null then
      v_row := public.enter_cost(v_before, p_settlement);
      return row(true, v_row.total_cost, public.budget_change_of(v_before, v_row))::public.entered;
    end if;
    return row(false, v_before.total_cost, null)::public.entered;
  end loop;
  return row(false, null, null)::public.entered;
end;
$$;

-- What the end of a pending row changes in budgets.
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
comment on function public.budget_change_at_end is 'What the end of a pending row of request_logs changes in budgets.';

-- Ends those rows that are pending, each as its settlement says: what settle_request is for one, for those
-- that came while another call was under way.
--
-- p_settlements: a JSON array of what settle_request takes, as text, because @supabase/lite hands JSON over
-- as a string of JSON.
--
-- Returns settle_request's answers, by request_id. Those that are missing must be sent alone: rows that are
-- not pending, or that several of these are of; or all, where Postgres refuses one of them for its data.
create function public.settle_requests(p_settlements text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_rows public.request_logs[];
  v_is_alerted boolean;
begin
  begin
    v_rows := public.end_rows(array(
      select told
      from (
        select told, count(*) over (partition by told.request_id) as of_row
        from jsonb_populate_recordset(null::public.settlement, p_settlements::jsonb) as told
      ) as counted
      where of_row = 1
    ));
  exception when data_exception or check_violation or program_limit_exceeded then
    return '{}';
  end;
  if v_rows is null then
    return '{}';
  end if;
  perform public.lock_budget(ended.did)
  from (select did from unnest(v_rows) group by did order by did) as ended;
  perform public.count_rows_in_usage(v_rows);
  v_is_alerted := public.change_budgets(
    array(select public.budget_change_at_end(log) from unnest(v_rows) as log)
  );
  return (
    select jsonb_object_agg(log.id, jsonb_build_object(
      'settled', true, 'total_cost', log.total_cost::text, 'left_out', null,
      -- To one of them, so that alerts are delivered once.
      'alerted', v_is_alerted and log.place = 1
    ))
    from (select row_number() over () as place, id, total_cost from unnest(v_rows)) as log
  );
end;
$$;
comment on function public.settle_requests is
  'Ends those rows that are pending, each as its settlement says; the others must be sent alone.';

revoke all on function
  public.count_rows_in_usage, public.end_rows, public.budget_change_at_end, public.settle_requests
  from public, anon, authenticated, service_role;
grant execute on function
  public.count_rows_in_usage, public.end_rows, public.budget_change_at_end, public.settle_requests
  to service_role;
