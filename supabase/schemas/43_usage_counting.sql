-- How ended rows count in the totals of 13_usage_totals.sql: once each, as they are now, under the lock of
-- their DID. The totals are locked in the order of their keys.

-- Another one than that of the budget, so that no admission waits while rows are counted. For its kind, see
-- lock_budget.
create function public.lock_usage(p_did text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('llm-gateway: usage of ' || p_did, 0));
end;
$$;
comment on function public.lock_usage is
  'Takes the lock under which the totals of a DID change, until the end of the transaction.';

-- What OpenRouter refused as the client's mistake is free, and its model can be anybody's invention: under
-- its own name, each would be a row of totals for ever. A model that is too busy (429) exists.
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

-- For whoever adds many rows up: counted_model without a call for each of them.
create view public.ended_requests with (security_invoker = true) as
select
  did,
  request_time,
  response_time,
  (request_time at time zone 'utc')::date as day,
  date_trunc('hour', request_time, 'utc') as hour,
  case
    when http_status between 400 and 499 and http_status <> 429 and generation_id is null
      and total_cost = 0
    then 'unknown'
    else coalesce(model, 'unknown')
  end as model,
  endpoint,
  session,
  label,
  status,
  input_tokens,
  output_tokens,
  cached_tokens,
  reasoning_tokens,
  total_cost,
  upstream_cost,
  first_byte_ms,
  -- How long an answer took is told by what has completed, and was not found out later.
  status = 'completed' and first_byte_ms is not null as is_timed
from public.request_logs
where status <> 'pending';
comment on view public.ended_requests is
  'The rows of request_logs that have ended, as usage counts them.';
comment on column public.ended_requests.response_time is 'When it ended.';
comment on column public.ended_requests.session is 'What the client calls the session; null: it did not say.';
comment on column public.ended_requests.label is 'What the client sent as x-label; null: nothing.';
comment on column public.ended_requests.status is '''completed'' or ''failed''.';
comment on column public.ended_requests.first_byte_ms is
  'Milliseconds from the gateway''s receipt to the first byte of OpenRouter''s answer body.';
comment on column public.ended_requests.is_timed is 'Whether histograms of times count it.';

-- 62 days reach over two whole months, whatever month it is.
create function public.usage_hourly_kept_since()
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
  return date_trunc('hour', now(), 'utc') - interval '1488 hours';
end;
$$;
comment on function public.usage_hourly_kept_since is
  'Since which hour usage_hourly is kept: 62 days ago.';

create function public.latency_bucket(p_ms double precision)
returns integer
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- 2^0.5, 2^1, … 2^19.5
  return 1 + width_bucket(p_ms, '{
    1.4142135623730951, 2, 2.8284271247461903, 4, 5.656854249492381, 8, 11.313708498984761, 16,
    22.627416997969522, 32, 45.254833995939045, 64, 90.50966799187809, 128, 181.01933598375618, 256,
    362.03867196751236, 512, 724.0773439350247, 1024, 1448.1546878700494, 2048, 2896.309375740099, 4096,
    5792.618751480198, 8192, 11585.237502960395, 16384, 23170.47500592079, 32768, 46340.95001184158,
    65536, 92681.90002368316, 131072, 185363.80004736633, 262144, 370727.60009473265, 524288,
    741455.2001894653
  }'::double precision[]);
end;
$$;
comment on function public.latency_bucket is
  'Which bucket of the histograms of usage_hourly a time in milliseconds belongs in: 1 to 40.';

create function public.histogram(
  p_buckets integer[],
  p_counts integer[] default array_fill(0, array[40])
)
returns integer[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_bucket integer;
begin
  foreach v_bucket in array coalesce(p_buckets, '{}') loop
    p_counts[v_bucket] := p_counts[v_bucket] + 1;
  end loop;
  return p_counts;
end;
$$;
comment on function public.histogram is
  'A histogram as in usage_hourly, with some more times, given by their buckets, counted in it.';

-- The only place that does so row by row.
create function public.count_in_usage(p_row public.request_logs, p_sign integer)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_day date := (p_row.request_time at time zone 'utc')::date;
  v_hour timestamptz := date_trunc('hour', p_row.request_time, 'utc');
  v_model text := public.counted_model(p_row);
  -- How much it adds to which buckets: nothing to any, where it is not known how long it took.
  v_timed integer := p_sign
    * (p_row.status = 'completed' and p_row.first_byte_ms is not null)::integer;
  v_first_byte integer := coalesce(public.latency_bucket(p_row.first_byte_ms), 1);
  v_duration integer := public.latency_bucket(
    extract(epoch from p_row.response_time - p_row.request_time) * 1000
  );
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

  if v_day < (now() at time zone 'utc')::date then
    insert into public.usage_day_changes values (v_day);
  end if;

  -- What is older is not kept, and would come back as a difference to nothing.
  if v_hour >= public.usage_hourly_kept_since() then
    insert into public.usage_hourly as total (
      did, hour, model, endpoint, requests, failed_requests, requests_without_cost, input_tokens,
      output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost, first_byte_ms,
      duration_ms
    )
    values (
      p_row.did, v_hour, v_model, p_row.endpoint,
      p_sign,
      p_sign * (p_row.status = 'failed')::integer,
      p_sign * (p_row.total_cost is null)::integer,
      p_sign * coalesce(p_row.input_tokens, 0),
      p_sign * coalesce(p_row.output_tokens, 0),
      p_sign * coalesce(p_row.cached_tokens, 0),
      p_sign * coalesce(p_row.reasoning_tokens, 0),
      p_sign * coalesce(p_row.total_cost, 0),
      p_sign * coalesce(p_row.upstream_cost, 0),
      array_fill(0, array[v_first_byte - 1]) || v_timed || array_fill(0, array[40 - v_first_byte]),
      array_fill(0, array[v_duration - 1]) || v_timed || array_fill(0, array[40 - v_duration])
    )
    on conflict (did, hour, model, endpoint) do update
    set requests = total.requests + excluded.requests,
      failed_requests = total.failed_requests + excluded.failed_requests,
      requests_without_cost = total.requests_without_cost + excluded.requests_without_cost,
      input_tokens = total.input_tokens + excluded.input_tokens,
      output_tokens = total.output_tokens + excluded.output_tokens,
      cached_tokens = total.cached_tokens + excluded.cached_tokens,
      reasoning_tokens = total.reasoning_tokens + excluded.reasoning_tokens,
      total_cost = total.total_cost + excluded.total_cost,
      upstream_cost = total.upstream_cost + excluded.upstream_cost,
      first_byte_ms[v_first_byte] = total.first_byte_ms[v_first_byte] + v_timed,
      duration_ms[v_duration] = total.duration_ms[v_duration] + v_timed;
  end if;

  -- Empty when the answer was by another model than was counted before: the statistics would list a
  -- model that nobody used.
  if p_sign < 0 then
    delete from public.usage_daily
    where did = p_row.did and day = v_day and model = v_model and endpoint = p_row.endpoint
      and requests <= 0;
    delete from public.usage_hourly
    where did = p_row.did and hour = v_hour and model = v_model and endpoint = p_row.endpoint
      and requests <= 0;
  end if;
end;
$$;
comment on function public.count_in_usage is
  'Adds an ended row of request_logs to usage_daily and usage_hourly (1), or takes it out (-1).';

-- In the order of the totals' keys, of which only the model can differ: two that move between the same
-- models in opposite directions must not wait for each other.
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

-- As count_in_usage does with one. The caller has the locks of their DIDs.
create function public.count_rows_in_usage(p_rows public.request_logs[])
returns void
language plpgsql
set search_path = ''
-- By the key, however small the totals were when it was planned: as a range of rows that is one row, it
-- can be looked up by no other index, and joined in no other way.
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
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

  insert into public.usage_day_changes
  select distinct (log.request_time at time zone 'utc')::date
  from unnest(p_rows) as log
  where (log.request_time at time zone 'utc')::date < (now() at time zone 'utc')::date;

  with told as (
    select
      log.did, date_trunc('hour', log.request_time, 'utc') as hour, public.counted_model(log) as model,
      log.endpoint,
      count(*) as requests,
      count(*) filter (where log.status = 'failed') as failed_requests,
      count(*) filter (where log.total_cost is null) as requests_without_cost,
      coalesce(sum(log.input_tokens), 0) as input_tokens,
      coalesce(sum(log.output_tokens), 0) as output_tokens,
      coalesce(sum(log.cached_tokens), 0) as cached_tokens,
      coalesce(sum(log.reasoning_tokens), 0) as reasoning_tokens,
      coalesce(sum(log.total_cost), 0) as total_cost,
      coalesce(sum(log.upstream_cost), 0) as upstream_cost,
      array_agg(public.latency_bucket(log.first_byte_ms)) filter (
        where log.status = 'completed' and log.first_byte_ms is not null
      ) as first_bytes,
      array_agg(
        public.latency_bucket(extract(epoch from log.response_time - log.request_time) * 1000)
      ) filter (where log.status = 'completed' and log.first_byte_ms is not null) as durations
    from unnest(p_rows) as log
    where date_trunc('hour', log.request_time, 'utc') >= public.usage_hourly_kept_since()
    group by 1, 2, 3, 4
  ),
  -- Under the locks of the DIDs nobody else adds what is not there.
  known as (
    update public.usage_hourly as total
    set requests = total.requests + told.requests,
      failed_requests = total.failed_requests + told.failed_requests,
      requests_without_cost = total.requests_without_cost + told.requests_without_cost,
      input_tokens = total.input_tokens + told.input_tokens,
      output_tokens = total.output_tokens + told.output_tokens,
      cached_tokens = total.cached_tokens + told.cached_tokens,
      reasoning_tokens = total.reasoning_tokens + told.reasoning_tokens,
      total_cost = total.total_cost + told.total_cost,
      upstream_cost = total.upstream_cost + told.upstream_cost,
      first_byte_ms = public.histogram(told.first_bytes, total.first_byte_ms),
      duration_ms = public.histogram(told.durations, total.duration_ms)
    from told
    where (total.did, total.hour, total.model, total.endpoint)
        >= (told.did, told.hour, told.model, told.endpoint)
      and (total.did, total.hour, total.model, total.endpoint)
        <= (told.did, told.hour, told.model, told.endpoint)
      -- For the planner, who would expect many rows.
      and total.did = any (array[told.did]) and total.model = any (array[told.model])
      and total.endpoint = any (array[told.endpoint])
    returning told.did, told.hour, told.model, told.endpoint
  )
  insert into public.usage_hourly (
    did, hour, model, endpoint, requests, failed_requests, requests_without_cost, input_tokens,
    output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost, first_byte_ms, duration_ms
  )
  select
    did, hour, model, endpoint, requests, failed_requests, requests_without_cost, input_tokens,
    output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost,
    public.histogram(first_bytes), public.histogram(durations)
  from told
  where (did, hour, model, endpoint) not in (select did, hour, model, endpoint from known);
end;
$$;
comment on function public.count_rows_in_usage is
  'Adds ended rows of request_logs to usage_daily and usage_hourly.';

-- Adds up days for usage_daily_of_all, in their order: those that have changed, and then those that have
-- been over for a day. Who changes usage_daily of a day that is over leaves a note: no transaction takes
-- the day that is between the two.
--
-- Returns how many.
create function public.add_up_days(p_limit integer default 7)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_last date := (now() at time zone 'utc')::date - 2;
  v_day date;
  v_days date[];
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: add_up_days')) then
    return 0;
  end if;
  v_day := coalesce((select max(day) from public.usage_daily_of_all), '-infinity');
  v_days := array(
    select distinct day from public.usage_day_changes where day <= v_day order by day limit p_limit
  );
  while cardinality(v_days) < p_limit loop
    v_day := (select min(day) from public.usage_daily where day > v_day and day <= v_last);
    exit when v_day is null;
    v_days := v_days || v_day;
  end loop;

  -- The notes first: what is noted while the sums are made stays noted, and is in them or not.
  delete from public.usage_day_changes where day = any (v_days);
  delete from public.usage_daily_of_all where day = any (v_days);
  insert into public.usage_daily_of_all
  select day, model, endpoint, sum(requests), sum(failed_requests), sum(input_tokens),
    sum(output_tokens), sum(cached_tokens), sum(reasoning_tokens), sum(total_cost), sum(upstream_cost),
    sum(requests_without_cost)
  from public.usage_daily
  where day = any (v_days)
  group by day, model, endpoint;
  return cardinality(v_days);
end;
$$;
comment on function public.add_up_days is
  'Adds up to p_limit days up for usage_daily_of_all. Returns how many.';
