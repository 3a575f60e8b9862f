-- Settling twice. A worker that is about to be retired settles what it has at once, and again when it
-- lives to learn the rest; an answer of settle_request can get lost, and the call be sent again; a
-- sweep can end a row at the same moment. Whatever the order, a request is counted once, with the most
-- that is known of it.

alter table public.request_logs add column native_finish_reason text;
comment on column public.request_logs.native_finish_reason is
  'Why the model stopped, in its provider''s own word.';
comment on table public.request_logs is
  'One row per metered request: pending when it is forwarded, then completed or failed; counted once, whatever is learnt later.';

-- Replaced, because it gains a parameter; gateways of before call it without that.
drop function public.settle_request;

-- Ends a row and adds it to usage_daily in the same transaction. A pending row is always settled. A
-- row that has ended takes another settlement in its place
--   - when that knows a cost and the row has none, or
--   - when the row was given up because its worker seemed lost (error_message worker_…), unless the
--     row has a cost and the settlement has none.
-- Any other settlement of it changes nothing.
--
-- p_request_time is the one that admit_request returned: it finds the partition. Costs are decimal
-- strings (exponents allowed) in OpenRouter's credits; this is the one place that turns them into
-- dollars. p_never_sent: OpenRouter got no byte of the request.
--
-- Returns {"settled": boolean, "total_cost": decimal string in USD or null}: what the row costs now,
-- whether this settlement told so or another one before.
create function public.settle_request(
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
declare
  v_before public.request_logs;
  v_row public.request_logs;
begin
  -- By the key alone: a condition on what another transaction is changing would be judged by what the
  -- row said before, and would not wait.
  select * into v_before from public.request_logs
  where id = p_request_id and request_time = p_request_time
  for update;
  if not found then
    return jsonb_build_object('settled', false, 'total_cost', null);
  end if;
  if not (case
    when v_before.status = 'pending' then true
    when v_before.total_cost is null and p_cost is not null then true
    when v_before.status = 'failed' and v_before.error_message like 'worker\_%'
      then v_before.total_cost is null or p_cost is not null
    else false
  end) then
    return jsonb_build_object('settled', false, 'total_cost', v_before.total_cost::text);
  end if;

  update public.request_logs
  set status = p_status,
    response_time = clock_timestamp(),
    http_status = p_http_status,
    error_message = p_error_message,
    model = coalesce(p_model, model),
    provider = p_provider,
    generation_id = p_generation_id,
    native_finish_reason = p_native_finish_reason,
    input_tokens = p_input_tokens,
    output_tokens = p_output_tokens,
    cached_tokens = p_cached_tokens,
    reasoning_tokens = p_reasoning_tokens,
    total_cost = trim_scale(p_cost::numeric * p_usd_per_credit::numeric),
    upstream_cost = trim_scale(p_upstream_cost::numeric * p_usd_per_credit::numeric),
    cost_source = p_cost_source,
    first_byte_ms = p_first_byte_ms,
    reserved_usd = 0
  where id = p_request_id and request_time = p_request_time
  returning * into v_row;

  -- All that the former settlement added, under the model that it was added under.
  if v_before.status <> 'pending' then
    update public.usage_daily as total
    set requests = total.requests - 1,
      failed_requests = total.failed_requests - (v_before.status = 'failed')::integer,
      input_tokens = total.input_tokens - coalesce(v_before.input_tokens, 0),
      output_tokens = total.output_tokens - coalesce(v_before.output_tokens, 0),
      cached_tokens = total.cached_tokens - coalesce(v_before.cached_tokens, 0),
      reasoning_tokens = total.reasoning_tokens - coalesce(v_before.reasoning_tokens, 0),
      total_cost = total.total_cost - coalesce(v_before.total_cost, 0),
      upstream_cost = total.upstream_cost - coalesce(v_before.upstream_cost, 0)
    where total.did = v_before.did
      and total.day = (v_before.request_time at time zone 'utc')::date
      and total.model = coalesce(v_before.model, 'unknown')
      and total.endpoint = v_before.endpoint;
  end if;

  -- What OpenRouter refused or never got was not billed: a client may try it again under the same key.
  if p_http_status >= 400 or p_never_sent then
    delete from public.idempotency_keys where request_id = p_request_id;
  end if;

  insert into public.usage_daily as total (
    did, day, model, endpoint, requests, failed_requests, input_tokens, output_tokens,
    cached_tokens, reasoning_tokens, total_cost, upstream_cost
  )
  values (
    v_row.did,
    (v_row.request_time at time zone 'utc')::date,
    coalesce(v_row.model, 'unknown'),
    v_row.endpoint,
    1,
    (v_row.status = 'failed')::integer,
    coalesce(v_row.input_tokens, 0),
    coalesce(v_row.output_tokens, 0),
    coalesce(v_row.cached_tokens, 0),
    coalesce(v_row.reasoning_tokens, 0),
    coalesce(v_row.total_cost, 0),
    coalesce(v_row.upstream_cost, 0)
  )
  on conflict (did, day, model, endpoint) do update
  set requests = total.requests + excluded.requests,
    failed_requests = total.failed_requests + excluded.failed_requests,
    input_tokens = total.input_tokens + excluded.input_tokens,
    output_tokens = total.output_tokens + excluded.output_tokens,
    cached_tokens = total.cached_tokens + excluded.cached_tokens,
    reasoning_tokens = total.reasoning_tokens + excluded.reasoning_tokens,
    total_cost = total.total_cost + excluded.total_cost,
    upstream_cost = total.upstream_cost + excluded.upstream_cost;

  -- Empty when the answer was by another model than the former settlement said: the statistics would
  -- list a model that nobody used.
  if v_before.status <> 'pending' then
    delete from public.usage_daily
    where did = v_before.did
      and day = (v_before.request_time at time zone 'utc')::date
      and model = coalesce(v_before.model, 'unknown')
      and endpoint = v_before.endpoint
      and requests = 0;
  end if;

  return jsonb_build_object('settled', true, 'total_cost', v_row.total_cost::text);
end;
$$;

revoke all on function public.settle_request from public, anon, authenticated, service_role;
grant execute on function public.settle_request to service_role;

-- Books the cost of a job that became known after its row had ended, once: a video's, at the first
-- sight of it. Other requests about the job can carry its id too, such as the one that cancelled it:
-- the job's own row, of /videos, counts before them, then the oldest. False: there is no such row, its
-- cost is known, or p_cost is null.
create or replace function public.book_late_cost(
  p_did text,
  p_generation_id text,
  p_cost text,
  p_upstream_cost text default null,
  p_usd_per_credit text default '1'
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_row public.request_logs;
begin
  -- Whether the cost is known is asked afterwards: asked here, it would choose the next row.
  select * into v_row from public.request_logs
  where did = p_did and generation_id = p_generation_id and status <> 'pending'
  order by endpoint = '/videos' desc, request_time, id
  limit 1
  for update;
  if not found or v_row.total_cost is not null or p_cost is null then
    return false;
  end if;
  update public.request_logs
  set total_cost = trim_scale(p_cost::numeric * p_usd_per_credit::numeric),
    upstream_cost = trim_scale(p_upstream_cost::numeric * p_usd_per_credit::numeric),
    cost_source = 'response'
  where id = v_row.id and request_time = v_row.request_time
  returning * into v_row;
  update public.usage_daily as total
  set total_cost = total.total_cost + v_row.total_cost,
    upstream_cost = total.upstream_cost + coalesce(v_row.upstream_cost, 0)
  where total.did = v_row.did
    and total.day = (v_row.request_time at time zone 'utc')::date
    and total.model = coalesce(v_row.model, 'unknown')
    and total.endpoint = v_row.endpoint;
  return true;
end;
$$;
