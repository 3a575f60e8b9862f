-- Settlement as one value, and costs that follow. A row ends as soon as its answer has, with what is
-- known by then; a cost that is not known yet comes later, by another settlement or by book_cost.
-- Gateways of before call the signatures of before: those stay, as wrappers.

-- How a metered request ended. Costs are decimal strings, exponents allowed, in OpenRouter's credits.
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
revoke all on type public.settlement from public;
grant usage on type public.settlement to service_role;

alter table public.request_logs add column given_up boolean not null default false;
update public.request_logs set given_up = true
where status = 'failed' and error_message like 'worker\_%';

-- Rows of before are not looked at: what was booked stays booked. Postgres reads a check anew for each
-- statement, so that few and short ones take the place of many.
alter table public.request_logs
  drop constraint request_logs_costs_are_numbers,
  -- NaN is greater than any number.
  add constraint request_logs_costs_make_sense check (
    least(total_cost, upstream_cost) >= 0 and greatest(total_cost, upstream_cost) <= 1e9
    and greatest(scale(total_cost), scale(upstream_cost)) <= 100
  ) not valid,
  add constraint request_logs_tokens_make_sense check (
    least(input_tokens, output_tokens, cached_tokens, reasoning_tokens) >= 0
    and greatest(input_tokens, output_tokens, cached_tokens, reasoning_tokens) <= 1000000000000
  ) not valid;
comment on column public.request_logs.given_up is
  'Ended before its end was known, because its worker was about to go or seems lost: whoever knows the end settles it again.';
comment on column public.request_logs.total_cost is
  'USD that OpenRouter charged; 0: nothing, as for what it refused; null: not known, or not yet.';
comment on constraint request_logs_costs_make_sense on public.request_logs is
  'No price reaches a billion dollars, and none goes below nothing; a settlement that says so is entered without it.';
comment on constraint request_logs_tokens_make_sense on public.request_logs is
  'Far above what a model can read, and low enough that no number of requests overflows a total.';

-- What is looked for among the ended: a cost.
create index request_logs_without_cost on public.request_logs (request_time)
  where total_cost is null and status <> 'pending';

alter table public.usage_daily add column requests_without_cost bigint not null default 0;
comment on column public.usage_daily.requests_without_cost is
  'Ended requests whose cost is not known; total_cost lacks them.';

-- The model under which usage counts an ended row. What OpenRouter refused as the client's mistake is
-- free, and its model can be anybody's invention: under its own name, each would be a row of totals for
-- ever. A model that is too busy (429) exists.
create function public.counted_model(p_row public.request_logs)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_row.http_status between 400 and 499 and p_row.http_status <> 429
    and p_row.generation_id is null and p_row.total_cost = 0
  then
    return 'unknown';
  end if;
  return coalesce(p_row.model, 'unknown');
end;
$$;
comment on function public.counted_model is
  'The model under which usage counts an ended row; ''unknown'' for what OpenRouter refused as a mistake.';
comment on column public.usage_daily.model is
  'The model that answered, else the one asked for; ''unknown'' where neither is known, or OpenRouter refused the call as a mistake.';

-- Adds an ended row to usage_daily (p_sign 1), or takes it out again (-1): the only place that does.
create function public.count_in_usage(p_row public.request_logs, p_sign integer)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_day date := (p_row.request_time at time zone 'utc')::date;
  v_model text := public.counted_model(p_row);
begin
  insert into public.usage_daily as total (
    did, day, model, endpoint, requests, failed_requests, requests_without_cost, input_tokens,
    output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost
  )
  values (
    p_row.did, v_day, v_model, p_row.endpoint,
    p_sign,
    p_sign * (p_row.status = 'failed')::integer,
    p_sign * (p_row.total_cost is null)::integer,
    p_sign * coalesce(p_row.input_tokens, 0),
    p_sign * coalesce(p_row.output_tokens, 0),
    p_sign * coalesce(p_row.cached_tokens, 0),
    p_sign * coalesce(p_row.reasoning_tokens, 0),
    p_sign * coalesce(p_row.total_cost, 0),
    p_sign * coalesce(p_row.upstream_cost, 0)
  )
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

  -- Empty when the answer was by another model than was counted before: the statistics would list a
  -- model that nobody used.
  if p_sign < 0 then
    delete from public.usage_daily
    where did = p_row.did and day = v_day and model = v_model and endpoint = p_row.endpoint
      and requests <= 0;
  end if;
end;
$$;
comment on function public.count_in_usage is
  'Adds an ended row of request_logs to usage_daily (1), or takes it out (-1).';

-- Counts a row as it is now instead of as it was. In the order of the totals' keys, of which only the
-- model can differ: two that move between the same models in opposite directions must not wait for each
-- other.
create function public.recount_in_usage(p_before public.request_logs, p_after public.request_logs)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if public.counted_model(p_before) < public.counted_model(p_after) then
    perform public.count_in_usage(p_before, -1);
    perform public.count_in_usage(p_after, 1);
  else
    perform public.count_in_usage(p_after, 1);
    perform public.count_in_usage(p_before, -1);
  end if;
end;
$$;
comment on function public.recount_in_usage is
  'Counts a changed row of request_logs in usage_daily as it is now instead of as it was.';

-- Enters the cost of an ended row that has none, and what else is known now and was not. p_row is
-- locked by the caller. Returns the row as it is then.
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
    first_byte_ms = coalesce(first_byte_ms, p_known.first_byte_ms)
  where id = p_row.id and request_time = p_row.request_time
  returning * into v_row;
  perform public.recount_in_usage(p_row, v_row);
  return v_row;
end;
$$;
comment on function public.enter_cost is
  'Enters the cost of a locked, ended row that has none, with what else it lacks.';

-- Enters a settlement that holds nothing that Postgres refuses; settle_request has the rules.
create function public.enter_settlement(p_settlement public.settlement)
returns jsonb
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
      reserved_usd = 0
    where id = p_settlement.request_id and request_time = p_settlement.request_time
      and (status = 'pending' or v_replaces)
    returning * into v_row;
    if found then
      if p_settlement.may_be_repeated then
        delete from public.idempotency_keys where request_id = v_row.id;
      end if;
      if v_replaces then
        perform public.recount_in_usage(v_before, v_row);
      else
        perform public.count_in_usage(v_row, 1);
      end if;
      return jsonb_build_object('settled', true, 'total_cost', v_row.total_cost::text);
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
      return jsonb_build_object('settled', true, 'total_cost', v_row.total_cost::text);
    end if;
    return jsonb_build_object('settled', false, 'total_cost', v_before.total_cost::text);
  end loop;
  return jsonb_build_object('settled', false, 'total_cost', null);
end;
$$;
comment on function public.enter_settlement is
  'Enters a settlement that holds nothing that Postgres refuses; called by settle_request.';

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
-- that were refused, separated by commas, or null}. total_cost is what the row costs now, whether this
-- settlement told so or another one before.
create function public.settle_request(p_settlement jsonb)
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
  v_left_out text[] := '{}';
begin
  begin
    return public.enter_settlement(jsonb_populate_record(null::public.settlement, v_told))
      || '{"left_out": null}';
  exception when data_exception or check_violation or program_limit_exceeded then
    null;
  end;

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
  return public.enter_settlement(jsonb_populate_record(null::public.settlement, v_kept))
    || jsonb_build_object('left_out', array_to_string(v_left_out, ', '));
end;
$$;
comment on function public.settle_request(jsonb) is
  'Ends a row of request_logs and counts it, once, with the most that is known of it.';

-- What gateways of before call.
create or replace function public.settle_request(
  p_request_id uuid,
  p_request_time timestamptz,
  p_status text,
  p_http_status integer default null,
  p_error_message text default null,
  p_model text default null,
  p_provider text default null,
  p_generation_id text default null,
  p_input_tokens bigint default null,
  p_output_tokens bigint default null,
  p_cached_tokens bigint default null,
  p_reasoning_tokens bigint default null,
  p_cost text default null,
  p_upstream_cost text default null,
  p_usd_per_credit text default '1',
  p_cost_source text default null,
  p_first_byte_ms integer default null,
  p_never_sent boolean default false,
  p_native_finish_reason text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return public.settle_request(jsonb_build_object(
    'request_id', p_request_id,
    'request_time', p_request_time,
    'status', p_status,
    'http_status', p_http_status,
    'error_message', p_error_message,
    'given_up', p_status = 'failed' and p_error_message like 'worker\_%',
    'model', p_model,
    'provider', p_provider,
    'generation_id', p_generation_id,
    'native_finish_reason', p_native_finish_reason,
    'input_tokens', p_input_tokens,
    'output_tokens', p_output_tokens,
    'cached_tokens', p_cached_tokens,
    'reasoning_tokens', p_reasoning_tokens,
    'cost', p_cost,
    'upstream_cost', p_upstream_cost,
    'usd_per_credit', p_usd_per_credit,
    'cost_source', p_cost_source,
    'first_byte_ms', p_first_byte_ms,
    'may_be_repeated', p_http_status >= 400 or p_never_sent
  ));
end;
$$;
comment on function public.settle_request(
  uuid, timestamptz, text, integer, text, text, text, text, bigint, bigint, bigint, bigint, text, text,
  text, text, integer, boolean, text
) is 'settle_request as gateways of before call it.';

-- Books the cost of an ended row that has none, once, and fills in what else the row lacks; what it has
-- stays. The row is named by request_id and request_time, or by did and generation_id. Several requests
-- can carry one job's id, such as the one that cancelled it: the job's own row, of /videos, counts before
-- them, then the oldest.
--
-- False: there is no such row, it is pending, its cost is known, or none is told.
create function public.book_cost(p_cost jsonb)
returns boolean
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_told jsonb := case jsonb_typeof(p_cost)
    when 'string' then (p_cost #>> '{}')::jsonb else p_cost
  end;
  v_known public.settlement := jsonb_populate_record(null::public.settlement, v_told);
  v_row public.request_logs;
begin
  -- Whether the cost is known is asked afterwards: asked here, it would choose the next row.
  if v_known.request_id is not null then
    select * into v_row from public.request_logs
    where id = v_known.request_id and request_time = v_known.request_time
    for update;
  else
    select * into v_row from public.request_logs
    where did = v_told ->> 'did' and generation_id = v_known.generation_id and status <> 'pending'
    order by endpoint = '/videos' desc, request_time, id
    limit 1
    for update;
  end if;
  if not found or v_row.status = 'pending' or v_row.total_cost is not null or v_known.cost is null then
    return false;
  end if;
  perform public.enter_cost(v_row, v_known);
  return true;
end;
$$;
comment on function public.book_cost is
  'Books the cost of an ended row of request_logs that has none, once.';

-- What gateways of before call.
create or replace function public.book_late_cost(
  p_did text,
  p_generation_id text,
  p_cost text,
  p_upstream_cost text default null,
  p_usd_per_credit text default '1'
)
returns boolean
language sql
set search_path = ''
as $$
  select public.book_cost(jsonb_build_object(
    'did', p_did, 'generation_id', p_generation_id, 'cost', p_cost,
    'upstream_cost', p_upstream_cost, 'usd_per_credit', p_usd_per_credit, 'cost_source', 'response'
  ));
$$;
comment on function public.book_late_cost is 'book_cost as gateways of before call it, for jobs.';

-- Ends the pending row of a request whose admission the gateway did not hear of, because Postgres or the
-- way from it failed: nothing was forwarded or billed, and the client may send the same again under the
-- same Idempotency-Key.
--
-- Returns whether there is such a row, of the last day; false may only mean that the admission is still
-- under way.
create or replace function public.withdraw_request(p_request_id uuid)
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

-- Ends rows whose gateway died: pending for longer than any request can last (Supabase's longest
-- worker lives 400 s). A thousand at a time, and one sweep at a time. Returns how many.
create or replace function public.expire_stale_requests(p_older_than interval default '15 minutes')
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_row record;
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
    perform public.settle_request(jsonb_build_object(
      'request_id', v_row.id,
      'request_time', v_row.request_time,
      'status', 'failed',
      'error_message', 'worker_lost: the gateway ended before it could book this request',
      'given_up', true
    ));
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function public.expire_stale_requests is
  'Ends up to a thousand rows that have been pending for longer than any request can last.';

revoke all on function
  public.counted_model, public.count_in_usage, public.recount_in_usage, public.enter_cost,
  public.enter_settlement, public.settle_request(jsonb), public.book_cost
  from public, anon, authenticated, service_role;
grant execute on function
  public.counted_model, public.count_in_usage, public.recount_in_usage, public.enter_cost,
  public.enter_settlement, public.settle_request(jsonb), public.book_cost
  to service_role;
