-- Settlement puts the truth in the place of what was reserved. Until a cost is known, what was set aside
-- for it stays so, at most for a day; what a worker left that is lost is free once its row has expired.
--
-- Whatever settles several requests enters their changes of budgets together, at its end, so that it
-- never waits for a row while it holds a budget.

-- What became of a settlement, and what it changes in budgets.
create type public.entered as (
  settled boolean,
  total_cost numeric,
  change public.budget_change
);
comment on type public.entered is 'What became of a settlement, and what it changes in budgets.';
revoke all on type public.entered from public;
grant usage on type public.entered to service_role;

-- Enters the cost of an ended row that has none, and what else is known now and was not. p_row is
-- locked by the caller. Returns the row as it is then.
create or replace function public.enter_cost(p_row public.request_logs, p_known public.settlement)
returns public.request_logs
language plpgsql
set search_path = ''
as $$
declare
  v_usd_per_credit numeric := coalesce(p_known.usd_per_credit, '1')::numeric;
  v_row public.request_logs;
begin
  update public.request_logs
  set model = coalesce(model, p_known.model),
    provider = coalesce(provider, p_known.provider),
    generation_id = coalesce(generation_id, p_known.generation_id),
    native_finish_reason = coalesce(native_finish_reason, p_known.native_finish_reason),
    input_tokens = coalesce(input_tokens, p_known.input_tokens),
    output_tokens = coalesce(output_tokens, p_known.output_tokens),
    cached_tokens = coalesce(cached_tokens, p_known.cached_tokens),
    reasoning_tokens = coalesce(reasoning_tokens, p_known.reasoning_tokens),
    total_cost = trim_scale(p_known.cost::numeric * v_usd_per_credit),
    upstream_cost = coalesce(
      upstream_cost, trim_scale(p_known.upstream_cost::numeric * v_usd_per_credit)
    ),
    cost_source = p_known.cost_source,
    first_byte_ms = coalesce(first_byte_ms, p_known.first_byte_ms),
    reserved_usd = case when p_known.cost is null then reserved_usd else 0 end
  where id = p_row.id and request_time = p_row.request_time
  returning * into v_row;
  perform public.lock_budget(v_row.did);
  perform public.recount_in_usage(p_row, v_row);
  return v_row;
end;
$$;

drop function public.enter_settlement;

-- Enters a settlement that holds nothing that Postgres refuses; settle_request has the rules. What it
-- changes in budgets is for the caller to enter, after all else.
create function public.enter_settlement(p_settlement public.settlement)
returns public.entered
language plpgsql
set search_path = ''
as $$
declare
  v_usd_per_credit numeric := coalesce(p_settlement.usd_per_credit, '1')::numeric;
  v_before public.request_logs;
  v_row public.request_logs;
  v_replaces boolean := false;
begin
  if p_settlement.status is distinct from 'completed' and p_settlement.status is distinct from 'failed'
  then
    raise exception 'a request cannot end as %', p_settlement.status using errcode = '23514';
  end if;

  -- Nearly always the row is pending, and the first look settles it. The others are for rows that have
  -- ended, and for a row that another transaction moves to another partition meanwhile: what began to
  -- look before that was committed finds nothing.
  for v_look in 1..3 loop
    update public.request_logs
    set status = p_settlement.status,
      -- The request ended when its row did, however late more is learnt.
      response_time = coalesce(response_time, clock_timestamp()),
      http_status = p_settlement.http_status,
      error_message = p_settlement.error_message,
      given_up = coalesce(p_settlement.given_up, false),
      model = coalesce(p_settlement.model, model),
      provider = p_settlement.provider,
      generation_id = p_settlement.generation_id,
      native_finish_reason = p_settlement.native_finish_reason,
      input_tokens = p_settlement.input_tokens,
      output_tokens = p_settlement.output_tokens,
      cached_tokens = p_settlement.cached_tokens,
      reasoning_tokens = p_settlement.reasoning_tokens,
      total_cost = trim_scale(p_settlement.cost::numeric * v_usd_per_credit),
      upstream_cost = trim_scale(p_settlement.upstream_cost::numeric * v_usd_per_credit),
      cost_source = case when p_settlement.cost is not null then p_settlement.cost_source end,
      first_byte_ms = p_settlement.first_byte_ms,
      -- What is not known counts as it was estimated.
      reserved_usd = case when p_settlement.cost is null then reserved_usd else 0 end
    where id = p_settlement.request_id and request_time = p_settlement.request_time
      and (status = 'pending' or v_replaces)
    returning * into v_row;
    if found then
      if p_settlement.may_be_repeated then
        delete from public.idempotency_keys where request_id = v_row.id;
      end if;
      perform public.lock_budget(v_row.did);
      if v_replaces then
        perform public.recount_in_usage(v_before, v_row);
      else
        perform public.count_in_usage(v_row, 1);
        v_before := v_row;
        v_before.status := 'pending';
        v_before.total_cost := null;
        v_before.reserved_usd := coalesce(v_row.estimate_usd, 0);
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
comment on function public.enter_settlement is
  'Enters a settlement that holds nothing that Postgres refuses; called by settle_request.';

-- Enters what a settlement changes in budgets, and makes the answer of settle_request.
create function public.settled_answer(p_entered public.entered, p_left_out text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_is_alerted boolean := false;
begin
  if p_entered.settled then
    v_is_alerted := public.change_budgets(array[(p_entered).change]);
  end if;
  return jsonb_build_object(
    'settled', p_entered.settled,
    'total_cost', p_entered.total_cost::text,
    'left_out', p_left_out
  ) || case when v_is_alerted then '{"alerted": true}'::jsonb else '{}' end;
end;
$$;
comment on function public.settled_answer is 'Enters what a settlement changes in budgets, and makes the answer of settle_request.';

-- Ends a row and adds it to usage_daily in the same transaction.
--   - A pending row takes all of the settlement.
--   - A row that was given up takes it in place of what it has, unless it has a cost and the settlement
--     has none.
--   - Any other ended row takes a cost that it lacks, with what else it lacks; else nothing.
-- may_be_repeated: the client may send the same again under its Idempotency-Key, because nothing was
-- billed.
--
-- request_time is the one that admit_request returned: it finds the partition. This and book_cost are
-- where OpenRouter's credits become dollars.
--
-- A settlement that Postgres refuses for its data is entered without the data that it refuses: a row
-- that stays pending would lose all of it.
--
-- Returns {"settled": boolean, "total_cost": decimal string in USD or null, "left_out": names of members
-- that were refused, separated by commas, or null}, and "alerted": true where a budget has reached a
-- threshold by it. total_cost is what the row costs now, whether this settlement told so or another one
-- before.
create or replace function public.settle_request(p_settlement jsonb)
returns jsonb
language plpgsql
set search_path = ''
-- From six partitions on, Postgres would choose to plan each call anew, which takes longer than the
-- rest of it.
set plan_cache_mode = force_generic_plan
as $$
declare
  -- @supabase/lite hands JSON over as a string of JSON.
  v_told jsonb := case jsonb_typeof(p_settlement)
    when 'string' then (p_settlement #>> '{}')::jsonb else p_settlement
  end;
  v_kept jsonb;
  v_member text;
  v_tried jsonb;
  v_left_out text[];
  v_entered public.entered;
begin
  begin
    v_entered := public.enter_settlement(jsonb_populate_record(null::public.settlement, v_told));
    return public.settled_answer(v_entered, null);
  exception when data_exception or check_violation or program_limit_exceeded then
    null;
  end;

  v_left_out := '{}';
  -- Postgres says which members it refuses: one after the other joins those without which there is no
  -- settlement, is tried with them, and that is undone. The model comes first, because it chooses the
  -- totals, and the rate before the costs, which mean nothing without it.
  v_kept := (
    select jsonb_object_agg(key, value) from jsonb_each(v_told)
    where key in (
      'request_id', 'request_time', 'status', 'error_message', 'given_up', 'may_be_repeated'
    )
  );
  for v_member in
    select key from jsonb_each(v_told)
    where not v_kept ? key and jsonb_typeof(value) <> 'null'
    order by key not in ('model', 'usd_per_credit'), key
  loop
    if v_member in ('cost', 'upstream_cost') and 'usd_per_credit' = any (v_left_out) then
      v_left_out := v_left_out || v_member;
      continue;
    end if;
    v_tried := v_kept || jsonb_build_object(v_member, v_told -> v_member);
    begin
      perform public.enter_settlement(jsonb_populate_record(null::public.settlement, v_tried));
      raise exception 'undo' using errcode = 'LGW01';
    exception
      when sqlstate 'LGW01' then
        v_kept := v_tried;
      when data_exception or check_violation or program_limit_exceeded then
        v_left_out := v_left_out || v_member;
    end;
  end loop;
  v_entered := public.enter_settlement(jsonb_populate_record(null::public.settlement, v_kept));
  return public.settled_answer(v_entered, array_to_string(v_left_out, ', '));
end;
$$;
-- Finds the row of a cost, and enters it, as book_cost has the rules.
--
-- Returns what it changes in budgets; null: nothing was entered.
create function public.enter_known_cost(p_cost jsonb)
returns public.budget_change
language plpgsql
set search_path = ''
as $$
declare
  v_known public.settlement := jsonb_populate_record(null::public.settlement, p_cost);
  v_row public.request_logs;
begin
  -- Whether the cost is known is asked afterwards: asked here, it would choose the next row.
  if v_known.request_id is not null then
    select * into v_row from public.request_logs
    where id = v_known.request_id and request_time = v_known.request_time
    for update;
  else
    select * into v_row from public.request_logs
    where did = p_cost ->> 'did' and generation_id = v_known.generation_id and status <> 'pending'
    order by endpoint = '/videos' desc, request_time, id
    limit 1
    for update;
  end if;
  if not found or v_row.status = 'pending' or v_row.total_cost is not null or v_known.cost is null then
    return null;
  end if;
  return public.budget_change_of(v_row, public.enter_cost(v_row, v_known));
end;
$$;
comment on function public.enter_known_cost is 'Enters the cost of an ended row that has none; returns what it changes in budgets.';

-- Books the cost of an ended row that has none, once, and fills in what else the row lacks; what it has
-- stays. The row is named by request_id and request_time, or by did and generation_id. Several requests
-- can carry one job's id, such as the one that cancelled it: the job's own row, of /videos, counts before
-- them, then the oldest.
--
-- False: there is no such row, it is pending, its cost is known, or none is told.
create or replace function public.book_cost(p_cost jsonb)
returns boolean
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
begin
  return public.enter_known_costs(array[
    case jsonb_typeof(p_cost) when 'string' then (p_cost #>> '{}')::jsonb else p_cost end
  ]) = 1;
end;
$$;

-- Enters costs of rows, in this order. Returns how many were entered; what Postgres refuses, or another
-- transaction is in the way of, is left out where there are several.
create function public.enter_known_costs(p_costs jsonb[])
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_cost jsonb;
  v_change public.budget_change;
  v_changes public.budget_change[] := '{}';
begin
  if cardinality(p_costs) = 1 then
    v_changes := array[public.enter_known_cost(p_costs[1])];
  else
    foreach v_cost in array coalesce(p_costs, '{}') loop
      begin
        v_changes := v_changes || public.enter_known_cost(v_cost);
      exception when data_exception or check_violation or program_limit_exceeded or deadlock_detected then
        null;
      end;
    end loop;
  end if;
  v_changes := array(select change from unnest(v_changes) as change where change.did is not null);
  if cardinality(v_changes) > 0 then
    perform public.change_budgets(v_changes);
  end if;
  return cardinality(v_changes);
end;
$$;
comment on function public.enter_known_costs is 'Enters costs of ended rows that have none, and then what they change in budgets. Returns how many.';

-- Books each as book_cost does, in the order of the DIDs and of the totals' keys, and of a row the one
-- that is told first. Where Postgres refuses a cost, or another transaction is in the way, that one is
-- left for another time.
--
-- p_costs: an array of what book_cost takes, each with request_id and request_time. Returns how many were
-- booked.
create or replace function public.book_costs(p_costs jsonb)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_costs jsonb[];
begin
  -- All rows are locked before the first DID.
  select array_agg(locked.cost order by did, day, counted_model, endpoint, place)
  into v_costs
  from (
    select told.cost, told.place, log.did, (log.request_time at time zone 'utc')::date as day,
      public.counted_model(log) as counted_model, log.endpoint
    from jsonb_array_elements(
      -- @supabase/lite hands JSON over as a string of JSON.
      case jsonb_typeof(p_costs) when 'string' then (p_costs #>> '{}')::jsonb else p_costs end
    ) with ordinality as told (cost, place)
    join public.request_logs as log
      on log.id = (told.cost ->> 'request_id')::uuid
      and log.request_time = (told.cost ->> 'request_time')::timestamptz
    order by log.request_time, log.id
    for update of log
  ) as locked;
  return public.enter_known_costs(v_costs);
end;
$$;

-- Takes back a call on a path that OpenRouter does not have: nothing was asked of a model, nothing can
-- have been billed, and in nobody's statistics did a call fail. Its row and its Idempotency-Key go, and
-- what was reserved for it is free; it counts as a refusal.
--
-- p_request_time is the one that admit_request returned: it finds the partition. Returns whether there
-- was a pending row; one that has ended stays as it is.
create or replace function public.discard_request(p_request_id uuid, p_request_time timestamptz)
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

-- Ends rows whose gateway died: pending for longer than any request can last (Supabase's longest
-- worker lives 400 s). Frees what was reserved for them, and for what has ended a day ago without a
-- cost. A thousand of each at a time, and one sweep at a time. Returns how many rows it ended.
create or replace function public.expire_stale_requests(p_older_than interval default '15 minutes')
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

-- Compares the sum of a DID's costs with what OpenRouter says of its keys.
--
-- p_keys: what was just read, [{"hash", "usage", "byok_usage", "is_gone"}], in OpenRouter's credits as
-- decimal strings; the keys that are not in it count as they were read last. Of a key that is gone,
-- what analytics say counts where it is more than what is known. p_read_for: how long ago the reading
-- began.
--
-- Returns {"state": …}:
--   equal    recorded; rows whose cost nobody learnt within an hour have cost nothing then
--   differs  recorded, with drift_usd and byok_drift_usd
--   busy     not recorded: a request is pending, about to be priced, or has ended since the reading
--   unknown  not recorded: nobody knows what one of its keys has spent
create or replace function public.compare_costs(
  p_did text,
  p_usd_per_credit text,
  p_keys jsonb default '[]',
  p_read_for interval default '0'
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  -- The Data API of the development stack hands JSON on as a string.
  v_keys jsonb := case jsonb_typeof(p_keys) when 'string' then (p_keys #>> '{}')::jsonb else p_keys end;
  v_now timestamptz := clock_timestamp();
  v_openrouter record;
  v_books record;
  v_last public.cost_drift;
  v_drift numeric;
  v_byok_drift numeric;
  v_is_equal boolean;
  v_nothing jsonb[];
begin
  perform public.lock_costs_of(p_did);

  insert into public.key_usages as known (
    openrouter_key_hash, did, usage, byok_usage, read_at, gone_since
  )
  select key.hash, p_did,
    -- Analytics reach back 31 days: of an older key they tell a part.
    case when not key.is_gone or coalesce(retired.created_at, current.created_at) > v_now - interval '31 days'
      then key.usage end,
    key.byok_usage, v_now - p_read_for, case when key.is_gone then v_now end
  from jsonb_to_recordset(v_keys) as key (hash text, usage numeric, byok_usage numeric, is_gone boolean)
  left join public.user_api_keys as current on current.openrouter_key_hash = key.hash
  left join public.retired_api_keys as retired on retired.openrouter_key_hash = key.hash
  order by key.hash
  on conflict (openrouter_key_hash) do update
  set usage = case when excluded.gone_since is null then excluded.usage
      else greatest(known.usage, excluded.usage) end,
    byok_usage = case when excluded.gone_since is null then excluded.byok_usage
      else greatest(known.byok_usage, excluded.byok_usage) end,
    read_at = excluded.read_at,
    gone_since = case when excluded.gone_since is not null
      then coalesce(known.gone_since, excluded.gone_since) end,
    is_final = coalesce(excluded.gone_since - known.gone_since >= interval '1 hour', false);

  select
    sum(known.usage) * p_usd_per_credit::numeric as usd,
    case when count(known.byok_usage) = count(*)
      then sum(known.byok_usage) * p_usd_per_credit::numeric end as byok_usd,
    count(known.usage) = count(*) and count(*) > 0 as is_known,
    count(known.gone_since) > 0 as has_gone_key,
    coalesce(min(known.read_at) filter (where not known.is_final), v_now) as read_at
  into v_openrouter
  from (
    select openrouter_key_hash as hash from public.user_api_keys where did = p_did
    union
    select openrouter_key_hash from public.retired_api_keys where did = p_did
  ) as of_did
  left join public.key_usages as known on known.openrouter_key_hash = of_did.hash;
  if not v_openrouter.is_known then
    return jsonb_build_object('state', 'unknown');
  end if;

  -- One statement, so that sums and rows are of one instant.
  select
    coalesce(sum(total_cost), 0) as usd,
    coalesce(sum(upstream_cost), 0) as byok_usd,
    exists (select from public.request_logs where did = p_did and status = 'pending')
    or exists (
      -- What OpenRouter does not know after an hour, or of a job after a day, holds up nothing.
      select from public.request_logs
      where did = p_did and status <> 'pending' and total_cost is null and generation_id is not null
        and coalesce(http_status, 200) < 400
        and response_time > v_now - case when endpoint = '/videos' then interval '1 day'
          else interval '1 hour' end
    )
    or exists (
      -- The longest request lasts a quarter of an hour. What was found in OpenRouter's sum is in it.
      select from public.request_logs
      where did = p_did and request_time > v_openrouter.read_at - interval '20 minutes'
        and response_time >= v_openrouter.read_at and total_cost <> 0
        and cost_source is distinct from 'reconciliation'
    ) as are_busy,
    exists (
      select from public.request_logs
      where did = p_did and status <> 'pending' and total_cost is null and generation_id is null
        and coalesce(http_status, 200) < 400 and request_time > v_now - interval '31 days'
    ) as have_lost_calls
  into v_books
  from public.usage_daily where did = p_did;

  v_drift := public.difference_of_sums(v_openrouter.usd, v_books.usd);
  v_byok_drift := public.difference_of_sums(v_openrouter.byok_usd, v_books.byok_usd);
  -- Analytics do not tell upstream costs: what a key that is gone had by then is not known to the end.
  if v_openrouter.has_gone_key and v_byok_drift < 0 then
    v_byok_drift := null;
  end if;
  v_is_equal := v_drift = 0 and coalesce(v_byok_drift, 0) = 0;

  -- A DID that is always busy must not hide its lost calls: whoever adopts one looks whether it can
  -- belong to a pending row.
  update public.cost_checks as past
  set is_equal = case when not v_books.are_busy then v_is_equal end,
    equal_at = case when v_is_equal and not v_books.are_busy then v_openrouter.read_at else equal_at end,
    surplus_usd = v_drift,
    surplus_byok_usd = v_byok_drift,
    searches = case when (past.surplus_usd, past.surplus_byok_usd)
      is not distinct from (v_drift, v_byok_drift) then past.searches else 0 end,
    search_after = case
      when not (v_drift > 0 or coalesce(v_byok_drift, 0) > 0) then null
      when v_books.are_busy and not v_books.have_lost_calls then past.search_after
      when (past.surplus_usd, past.surplus_byok_usd) is not distinct from (v_drift, v_byok_drift)
        then coalesce(past.search_after, v_now)
      else v_now
    end
  where past.did = p_did;

  if v_books.are_busy then
    return jsonb_build_object('state', 'busy');
  end if;

  select * into v_last from public.cost_drift where did = p_did order by since desc limit 1;
  if found and (v_last.drift_usd, v_last.byok_drift_usd) is not distinct from (v_drift, v_byok_drift)
  then
    update public.cost_drift
    set checked_at = v_now,
      openrouter_usd = trim_scale(v_openrouter.usd),
      booked_usd = trim_scale(v_books.usd),
      openrouter_byok_usd = trim_scale(v_openrouter.byok_usd),
      booked_byok_usd = trim_scale(v_books.byok_usd)
    where did = p_did and since = v_last.since;
  else
    insert into public.cost_drift values (
      p_did, v_now, v_now, trim_scale(v_openrouter.usd), trim_scale(v_books.usd), v_drift,
      trim_scale(v_openrouter.byok_usd), trim_scale(v_books.byok_usd), v_byok_drift
    );
    -- What has been put right is history for a quarter.
    delete from public.cost_drift
    where did = p_did and checked_at < v_now - interval '90 days';
  end if;

  if not v_is_equal then
    return jsonb_build_object(
      'state', 'differs', 'drift_usd', v_drift::text, 'byok_drift_usd', v_byok_drift::text
    );
  end if;
  -- Costs are never negative: where nothing is missing from the sum, what is unknown was nothing.
  select array_agg(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'cost', '0', 'cost_source', 'reconciliation'
  ))
  into v_nothing
  from (
    select id, request_time from public.request_logs
    where did = p_did and status <> 'pending' and total_cost is null
      and response_time < v_now - case when endpoint = '/videos' then interval '1 day'
        else interval '1 hour' end
    order by request_time
    limit 500
    for update skip locked
  ) as unknown;
  perform public.enter_known_costs(v_nothing);
  return jsonb_build_object('state', 'equal');
end;
$$;

-- Books what OpenRouter made for one request of a DID, and what no row says of it, once: as the cost of
-- the lost row whose model and time fit best, or as a row of its own.
--
-- p_found: {"did", "generations": those of the request, [{"id", "cost", "upstream_cost"}] in OpenRouter's
-- credits, "created_at", "endpoint": null where not known, "streaming", and members of `settlement`:
-- model, provider, native_finish_reason, tokens, usd_per_credit}. p_any_row: whether a lost row of another model will do, and a new one, too; those
-- that fit well come first, so that each lost row gets its own.
--
-- Returns
--   adopted   a lost row has the cost now
--   own_row   it has a row of its own now
--   known     the cost is in the books already, or there is none: what failed for free is no lost call
--   pending   it may be a request's that has not ended: ask again later
--   exceeds   the DID's sum would exceed OpenRouter's: this is no call that is missing
--   no_row    without p_any_row: no lost row fits well
create or replace function public.adopt_generation(p_found jsonb, p_any_row boolean)
returns text
language plpgsql
set search_path = ''
as $$
declare
  -- The Data API of the development stack hands JSON on as a string.
  v_found jsonb := case jsonb_typeof(p_found)
    when 'string' then (p_found #>> '{}')::jsonb else p_found
  end;
  v_did text := v_found ->> 'did';
  v_ids text[];
  v_created_at timestamptz := v_found ->> 'created_at';
  v_endpoint text := v_found ->> 'endpoint';
  v_model text := v_found ->> 'model';
  v_rate numeric := v_found ->> 'usd_per_credit';
  v_credits numeric;
  v_upstream_credits numeric;
  v_cost numeric;
  v_upstream_cost numeric;
  v_known jsonb;
  v_row public.request_logs;
begin
  select array_agg(id order by place), sum(cost), sum(upstream_cost)
  into v_ids, v_credits, v_upstream_credits
  from rows from (
    jsonb_to_recordset(v_found -> 'generations') as (id text, cost numeric, upstream_cost numeric)
  ) with ordinality as generation (id, cost, upstream_cost, place);
  v_cost := trim_scale(v_credits * v_rate);
  v_upstream_cost := trim_scale(v_upstream_credits * v_rate);

  perform public.lock_costs_of(v_did);
  if cardinality(public.unbooked_generations(v_did, v_ids)) < cardinality(v_ids) then
    return 'known';
  end if;

  -- A job is charged when it is done, as a generation whose id is not the job's.
  if v_endpoint = '/videos' then
    select * into v_row from public.request_logs
    where did = v_did and endpoint = '/videos' and status <> 'pending' and generation_id is not null
      and request_time between v_created_at - interval '1 day' and v_created_at + interval '1 minute'
      and (total_cost is null or total_cost = v_cost)
      and not exists (select from public.found_generations where request_id = request_logs.id)
    order by total_cost is null, model is distinct from v_model, request_time
    limit 1
    for update;
    if v_row.total_cost is not null then
      insert into public.found_generations (generation_id, did, request_id)
      select id, v_did, v_row.id from unnest(v_ids) as id;
      return 'known';
    end if;
  end if;

  if exists (
    select from public.request_logs
    where did = v_did and status = 'pending' and request_time <= v_created_at + interval '1 minute'
  ) then
    return 'pending';
  end if;
  if exists (
    select
    from (
      select coalesce(sum(total_cost), 0) as usd, coalesce(sum(upstream_cost), 0) as byok_usd
      from public.usage_daily where did = v_did
    ) as booked,
    (
      select sum(usage) * v_rate as usd, sum(byok_usage) * v_rate as byok_usd
      from public.key_usages where did = v_did
    ) as charged
    where public.difference_of_sums(charged.usd, booked.usd + v_cost) < 0
      or public.difference_of_sums(charged.byok_usd, booked.byok_usd + coalesce(v_upstream_cost, 0)) < 0
  ) then
    return 'exceeds';
  end if;

  v_known := v_found || jsonb_build_object(
    'generation_id', v_ids[1], 'cost', v_credits::text, 'upstream_cost', v_upstream_credits::text,
    'cost_source', 'reconciliation'
  );
  if v_row.id is null then
    select * into v_row from public.request_logs
    where did = v_did and generation_id = any (v_ids) and status <> 'pending'
    limit 1
    for update;
  end if;
  if v_row.id is null then
    select log.* into v_row
    from public.request_logs as log,
      lateral (select case
        when log.model = v_model then 0
        -- A variant of it, or the version that an alias stands for.
        when split_part(log.model, ':', 1) = split_part(v_model, ':', 1)
          or starts_with(v_model, log.model || '-') then 1
        else 2
      end as rank) as model
    where log.did = v_did and log.status <> 'pending'
      and log.total_cost is null and log.generation_id is null
      and coalesce(log.http_status, 200) < 400
      and log.request_time between v_created_at - interval '30 minutes' and v_created_at + interval '1 minute'
      and (p_any_row or model.rank < 2)
    order by model.rank, log.endpoint is distinct from v_endpoint,
      log.request_time > v_created_at, abs(extract(epoch from v_created_at - log.request_time)), log.id
    limit 1
    for update of log;
  end if;

  if v_row.id is not null then
    v_known := v_known || jsonb_build_object(
      'request_id', v_row.id, 'request_time', v_row.request_time
    );
    if not public.book_cost(v_known) then
      return 'pending';
    end if;
    -- Found out: the settlement of a worker that lived after all has nothing to add.
    update public.request_logs set given_up = false
    where id = v_row.id and request_time = v_row.request_time and given_up;
  elsif p_any_row and v_cost = 0 and coalesce(v_upstream_cost, 0) = 0 then
    insert into public.found_generations (generation_id, did) select id, v_did from unnest(v_ids) as id;
    return 'known';
  elsif p_any_row then
    insert into public.request_logs (
      id, did, method, endpoint, streaming, request_time, response_time, status, model, provider,
      generation_id, native_finish_reason, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, total_cost, upstream_cost, cost_source
    )
    select
      gen_random_uuid(), v_did, 'POST', coalesce(v_endpoint, 'other'),
      coalesce((v_found ->> 'streaming')::boolean, false), v_created_at, v_created_at, 'completed',
      told.model, told.provider, told.generation_id, told.native_finish_reason, told.input_tokens,
      told.output_tokens, told.cached_tokens, told.reasoning_tokens, v_cost, v_upstream_cost,
      told.cost_source
    from jsonb_populate_record(null::public.settlement, v_known) as told
    returning * into v_row;
    perform public.lock_budget(v_did);
    perform public.count_in_usage(v_row, 1);
    perform public.change_budgets(array[public.budget_change_of(null, v_row)]);
  else
    return 'no_row';
  end if;
  insert into public.found_generations (generation_id, did, request_id)
  select id, v_did, v_row.id from unnest(v_ids) as id;
  -- A lost row as it was before had no cost.
  return case when v_row.total_cost is null then 'adopted' else 'own_row' end;
end;
$$;

revoke all on function
  public.enter_settlement, public.settled_answer, public.enter_known_cost, public.enter_known_costs
  from public, anon, authenticated, service_role;
grant execute on function
  public.enter_settlement, public.settled_answer, public.enter_known_cost, public.enter_known_costs
  to service_role;

-- What the running day and month have cost so far, now that settlements enter what follows. They wait
-- meanwhile.
do $$
begin
  lock table public.usage_daily in share row exclusive mode;
  insert into public.budgets as budget (did, day, day_spent_usd, month, month_spent_usd)
  select coalesce(did, '*'), today.day,
    coalesce(sum(total_cost) filter (where usage.day = today.day), 0),
    date_trunc('month', today.day)::date,
    sum(total_cost)
  from (select (now() at time zone 'utc')::date as day) as today
  join public.usage_daily as usage on usage.day >= date_trunc('month', today.day)
  group by grouping sets ((today.day, did), (today.day))
  on conflict (did) do update
  set day_spent_usd = excluded.day_spent_usd, month_spent_usd = excluded.month_spent_usd;
end;
$$;
