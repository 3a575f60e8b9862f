-- Settlement ends a row of the log and puts the truth in the place of what was reserved. Until a cost is
-- known, what was set aside for it stays so, at most for a day.
--
-- Settling twice is normal. A worker that is about to be retired settles what it has at once, and again
-- when it lives to learn the rest; an answer of settle_request can get lost, and the call be sent again; a
-- sweep can end a row at the same moment. Whatever the order, a request is counted once, with the most that
-- is known of it.
--
-- Locks: the row, its DID's totals, then the budgets, '*' last. Whatever settles several requests enters
-- their changes of budgets together, at its end, so that it never waits for a row while it holds a budget.

-- Costs are decimal strings, exponents allowed, in OpenRouter's credits.
create type public.settlement as (
  request_id uuid,
  request_time timestamptz,
  status text,
  http_status integer,
  error_message text,
  given_up boolean,
  model text,
  provider text,
  generation_id text,
  native_finish_reason text,
  input_tokens bigint,
  output_tokens bigint,
  cached_tokens bigint,
  reasoning_tokens bigint,
  cost text,
  upstream_cost text,
  usd_per_credit text,
  cost_source text,
  first_byte_ms integer,
  may_be_repeated boolean
);
comment on type public.settlement is
  'How a metered request ended: what settle_request and book_cost take as JSON, member by member.';

create type public.entered as (
  settled boolean,
  total_cost numeric,
  change public.budget_change
);
comment on type public.entered is 'What became of a settlement, and what it changes in budgets.';

-- Ends rows, each as its settlement says: those that are pending, or, on demand, have ended before. Gives
-- the Idempotency-Keys back of those that may be repeated. At most one settlement a row.
--
-- Returns the rows as they are then; a row that is not there is missing.
create function public.end_rows(p_settlements public.settlement[], p_ended_too boolean default false)
returns public.request_logs[]
language plpgsql
set search_path = ''
-- One look-up by its key for each settlement, however small the log was when it was planned: a plan is kept
-- while the log grows. `= any (array[…])`, without hash and merge joins, leaves the planner no other join.
-- The comparison of rows says nothing new: it makes the key the cheapest index of a month with no row yet,
-- where another one, to be read whole for each request_time, would cost the same.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_status text;
  v_rows public.request_logs[];
  v_repeatable uuid[];
begin
  select status into v_status from unnest(p_settlements)
  where coalesce(status, '') not in ('completed', 'failed') limit 1;
  if found then
    raise exception 'a request cannot end as %', v_status using errcode = '23514';
  end if;
  with ended as (
    update public.request_logs as log
    set status = told.status,
      -- The request ended when its row did, however late more is learnt.
      response_time = coalesce(log.response_time, clock_timestamp()),
      http_status = told.http_status,
      error_message = told.error_message,
      given_up = coalesce(told.given_up, false),
      model = coalesce(told.model, log.model),
      provider = told.provider,
      generation_id = told.generation_id,
      native_finish_reason = told.native_finish_reason,
      input_tokens = told.input_tokens,
      output_tokens = told.output_tokens,
      cached_tokens = told.cached_tokens,
      reasoning_tokens = told.reasoning_tokens,
      total_cost = trim_scale(told.cost::numeric * coalesce(told.usd_per_credit, '1')::numeric),
      upstream_cost = trim_scale(told.upstream_cost::numeric * coalesce(told.usd_per_credit, '1')::numeric),
      cost_source = case when told.cost is not null then told.cost_source end,
      first_byte_ms = told.first_byte_ms,
      -- What is not known counts as it was estimated.
      reserved_usd = case when told.cost is null then log.reserved_usd else 0 end
    from (select * from unnest(p_settlements) order by request_time, request_id) as told
    where log.id = any (array[told.request_id]) and log.request_time = any (array[told.request_time])
      and (log.id, log.request_time) >= (told.request_id, told.request_time)
      and (log.status = 'pending' or p_ended_too)
    returning log as ended_row, told.may_be_repeated
  )
  select array_agg(ended_row), array_agg((ended_row).id) filter (where may_be_repeated)
  into v_rows, v_repeatable
  from ended;
  if v_repeatable is not null then
    delete from public.idempotency_keys where request_id = any (v_repeatable);
  end if;
  return v_rows;
end;
$$;
comment on function public.end_rows is
  'Ends rows of request_logs, each as its settlement says; returns them as they are then.';

-- Returns the row as it is then.
create function public.enter_cost(p_row public.request_logs, p_known public.settlement)
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
  perform public.lock_usage(v_row.did);
  perform public.recount_in_usage(p_row, v_row);
  return v_row;
end;
$$;
comment on function public.enter_cost is
  'Enters the cost of a locked, ended row that has none, with what else it lacks.';

-- settle_request has the rules. What it changes in budgets is for the caller to enter, after all else.
create function public.enter_settlement(p_settlement public.settlement)
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
      perform public.lock_usage(v_row.did);
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
comment on function public.enter_settlement is
  'Enters a settlement that holds nothing that Postgres refuses; called by settle_request.';

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
comment on function public.settled_answer is
  'Enters what a settlement changes in budgets, and makes the answer of settle_request.';

-- Ends a row and adds it to usage_daily in the same transaction.
--   - A pending row takes all of the settlement.
--   - A row that was given up takes it in place of what it has, unless it has a cost and the settlement
--     has none.
--   - Any other ended row takes a cost that it lacks, with what else it lacks; else nothing.
-- may_be_repeated: the client may send the same again under its Idempotency-Key, because OpenRouter never
-- got it, or refused it.
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
create function public.settle_request(p_settlement jsonb)
returns jsonb
language plpgsql
set search_path = ''
-- From six partitions on, Postgres would choose to plan each call anew, which takes longer than the
-- rest of it.
set plan_cache_mode = force_generic_plan
as $$
declare
  v_kept jsonb;
  v_member text;
  v_tried jsonb;
  v_left_out text[];
  v_entered public.entered;
begin
  begin
    v_entered := public.enter_settlement(jsonb_populate_record(null::public.settlement, p_settlement));
    return public.settled_answer(v_entered, null);
  exception when data_exception or check_violation or program_limit_exceeded then
    null;
  end;

  v_left_out := '{}';
  -- Postgres says which members it refuses: one after the other joins those without which there is no
  -- settlement, is tried with them, and that is undone. The model comes first, because it chooses the
  -- totals, and the rate before the costs, which mean nothing without it.
  v_kept := (
    select jsonb_object_agg(key, value) from jsonb_each(p_settlement)
    where key in (
      'request_id', 'request_time', 'status', 'error_message', 'given_up', 'may_be_repeated'
    )
  );
  for v_member in
    select key from jsonb_each(p_settlement)
    where not v_kept ? key and jsonb_typeof(value) <> 'null'
    order by key not in ('model', 'usd_per_credit'), key
  loop
    if v_member in ('cost', 'upstream_cost') and 'usd_per_credit' = any (v_left_out) then
      v_left_out := v_left_out || v_member;
      continue;
    end if;
    v_tried := v_kept || jsonb_build_object(v_member, p_settlement -> v_member);
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
comment on function public.settle_request(jsonb) is
  'Ends a row of request_logs and counts it, once, with the most that is known of it.';
