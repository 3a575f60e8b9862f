-- Requests that nobody settles: those that were never forwarded, those that OpenRouter has no path for, and
-- those whose worker died.

-- Ends the pending row of a request whose admission the gateway did not hear of, because Postgres or the
-- way from it failed: nothing was forwarded or billed, and the client may send the same again under the
-- same Idempotency-Key.
--
-- Returns whether there is such a row, of the last day; false may only mean that the admission is still
-- under way.
create function public.withdraw_request(p_request_id uuid)
returns boolean
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_row public.request_logs;
begin
  select * into v_row from public.request_logs
  where id = p_request_id
    and request_time between now() - interval '1 day' and now() + interval '1 minute';
  if not found then
    return false;
  end if;
  if v_row.status = 'pending' or v_row.given_up then
    perform public.settle_request(jsonb_build_object(
      'request_id', p_request_id,
      'request_time', v_row.request_time,
      'status', 'failed',
      'error_message', 'store_unavailable: the gateway did not hear of the admission',
      'cost', '0',
      'may_be_repeated', true
    ));
  end if;
  return true;
end;
$$;
comment on function public.withdraw_request is
  'Ends the row of a request that was not forwarded, because its admission was not heard of.';

-- Takes back a call on a path that OpenRouter does not have: nothing was asked of a model, nothing can
-- have been billed, and in nobody's statistics did a call fail. Its row and its Idempotency-Key go, and
-- what was reserved for it is free; it counts as a refusal.
--
-- p_request_time is the one that admit_request returned: it finds the partition. Returns whether there
-- was a pending row; one that has ended stays as it is.
create function public.discard_request(p_request_id uuid, p_request_time timestamptz)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_row public.request_logs;
  v_gone public.request_logs;
begin
  -- Found by its key alone, and judged afterwards: with a condition on `status`, Postgres would test
  -- the version from before a concurrent settlement.
  select * into v_row from public.request_logs
  where id = p_request_id and request_time = p_request_time
  for update;
  if v_row.status is distinct from 'pending' then
    return false;
  end if;
  delete from public.request_logs where id = p_request_id and request_time = p_request_time;
  delete from public.idempotency_keys where request_id = p_request_id;
  v_gone := v_row;
  v_gone.status := 'failed';
  v_gone.http_status := 404;
  v_gone.total_cost := 0;
  v_gone.reserved_usd := 0;
  perform public.change_budgets(array[public.budget_change_of(v_row, v_gone)]);
  return true;
end;
$$;
comment on function public.discard_request is
  'Deletes the pending row of a call on a path that OpenRouter does not have, with its Idempotency-Key.';

-- Ends rows whose gateway died: pending for longer than any request can last (Supabase's longest
-- worker lives 400 s). Frees what was reserved for them, and for what has ended a day ago without a
-- cost. A thousand of each at a time, and one sweep at a time. Returns how many rows it ended.
create function public.expire_stale_requests(p_older_than interval default '15 minutes')
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_row record;
  v_log public.request_logs;
  v_freed public.request_logs;
  v_entered public.entered;
  v_changes public.budget_change[] := '{}';
  v_count integer := 0;
begin
  if p_older_than < interval '0' then
    raise exception 'p_older_than must not be negative: % ends requests that are under way', p_older_than
      using errcode = '22023';
  end if;
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: expire_stale_requests')) then
    return 0;
  end if;
  for v_row in
    with stale as materialized (
      select id, request_time, did, counted_model, endpoint
      from public.request_logs as log, public.counted_model(log) as counted_model
      where status = 'pending' and request_time < now() - p_older_than
      order by request_time
      limit 1000
      for update of log skip locked
    )
    select id, request_time from stale
    -- In the order of the totals' keys, which it holds until it ends: settlements that hold several take
    -- them in this order, too.
    order by did, (request_time at time zone 'utc')::date, counted_model, endpoint
  loop
    v_entered := public.enter_settlement(jsonb_populate_record(null::public.settlement, jsonb_build_object(
      'request_id', v_row.id,
      'request_time', v_row.request_time,
      'status', 'failed',
      'error_message', 'worker_lost: the gateway ended before it could book this request',
      'given_up', true
    )));
    v_changes := v_changes || (v_entered).change;
    v_count := v_count + 1;
  end loop;

  for v_log in
    select * from public.request_logs
    where reserved_usd <> 0 and status <> 'pending'
      and request_time < now() - p_older_than
      and (given_up or request_time < now() - interval '1 day')
    order by request_time
    limit 1000
    for update skip locked
  loop
    update public.request_logs set reserved_usd = 0
    where id = v_log.id and request_time = v_log.request_time
    returning * into v_freed;
    v_changes := v_changes || public.budget_change_of(v_log, v_freed);
  end loop;
  if cardinality(v_changes) > 0 then
    perform public.change_budgets(v_changes);
  end if;
  return v_count;
end;
$$;
comment on function public.expire_stale_requests is
  'Ends up to a thousand rows that have been pending for longer than any request can last, and frees what was reserved for them.';
