-- Totals per hour beside those per day, for 62 days, so that no range is added up from more of the log
-- than two parts of an hour; and how long answers took, as histograms, which add up as sums do.
--
-- A row of the log counts in both totals in the transaction that changes it, under the lock of its DID
-- (lock_budget).

create table public.usage_hourly (
  did text not null,
  hour timestamptz not null,
  model text not null,
  endpoint text not null,
  requests bigint not null default 0,
  failed_requests bigint not null default 0,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cached_tokens bigint not null default 0,
  reasoning_tokens bigint not null default 0,
  total_cost numeric not null default 0,
  upstream_cost numeric not null default 0,
  requests_without_cost bigint not null default 0,
  first_byte_ms integer[] not null default array_fill(0, array[40]),
  duration_ms integer[] not null default array_fill(0, array[40]),
  primary key (did, hour, model, endpoint)
) with (fillfactor = 80);
comment on table public.usage_hourly is 'usage_daily by the hour, of the last 62 days, with histograms of how long answers took.';
comment on column public.usage_hourly.did is 'Whose requests.';
comment on column public.usage_hourly.hour is 'When the hour of request_time begins.';
comment on column public.usage_hourly.model is 'As in usage_daily.';
comment on column public.usage_hourly.endpoint is 'OpenRouter''s path, as in request_logs.';
comment on column public.usage_hourly.requests is 'Requests that have ended.';
comment on column public.usage_hourly.failed_requests is 'Those of them that failed.';
comment on column public.usage_hourly.input_tokens is 'Tokens that went in.';
comment on column public.usage_hourly.output_tokens is 'Tokens that came out.';
comment on column public.usage_hourly.cached_tokens is 'Part of input_tokens.';
comment on column public.usage_hourly.reasoning_tokens is 'Part of output_tokens.';
comment on column public.usage_hourly.total_cost is 'USD, exactly.';
comment on column public.usage_hourly.upstream_cost is 'USD that providers charged the owners of BYOK keys; not part of total_cost.';
comment on column public.usage_hourly.requests_without_cost is 'Ended requests whose cost is not known; total_cost lacks them.';
comment on column public.usage_hourly.first_byte_ms is 'How many completed requests had their first byte after how long: the i-th number counts those from 2^((i-1)/2) ms to below 2^(i/2) ms, the first also shorter ones, the last longer ones.';
comment on column public.usage_hourly.duration_ms is 'The same of the time to their end; of the same requests.';

-- Old hours are looked for by their age alone.
create index usage_hourly_hour on public.usage_hourly (hour);

alter table public.usage_hourly enable row level security;
create policy own_usage on public.usage_hourly for select to authenticated
  using (did = ((select auth.jwt()) ->> 'did'));
revoke all on table public.usage_hourly from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.usage_hourly to service_role;
grant select on table public.usage_hourly to authenticated;

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
comment on function public.usage_hourly_kept_since is 'Since which hour usage_hourly is kept: 62 days ago.';

-- Which bucket of a histogram a time belongs in.
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
comment on function public.latency_bucket is 'Which bucket of the histograms of usage_hourly a time in milliseconds belongs in: 1 to 40.';

-- A histogram with some more buckets counted in it.
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
comment on function public.histogram is 'A histogram as in usage_hourly, with some more times, given by their buckets, counted in it.';

-- What usage_hourly says if it is right: the log's ended rows added up, of a DID or of all (null), in
-- [p_since, p_until). How long an answer took is told by what has completed, and was not found out later.
create function public.usage_of_log(p_did text, p_since timestamptz, p_until timestamptz)
returns setof public.usage_hourly
language sql
stable
set search_path = ''
as $$
  select did, hour, model, endpoint, count(*), count(*) filter (where status = 'failed'),
    coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
    coalesce(sum(cached_tokens), 0), coalesce(sum(reasoning_tokens), 0),
    coalesce(sum(total_cost), 0), coalesce(sum(upstream_cost), 0),
    count(*) filter (where total_cost is null),
    public.histogram(
      array_agg(public.latency_bucket(first_byte_ms)) filter (where is_timed)
    ),
    public.histogram(
      array_agg(public.latency_bucket(extract(epoch from response_time - request_time) * 1000))
        filter (where is_timed)
    )
  from (
    select did, date_trunc('hour', request_time, 'utc') as hour,
      -- counted_model, without a call for each row.
      case
        when http_status between 400 and 499 and http_status <> 429 and generation_id is null
          and total_cost = 0
        then 'unknown'
        else coalesce(model, 'unknown')
      end as model,
      endpoint, status, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost,
      upstream_cost, request_time, response_time, first_byte_ms,
      status = 'completed' and first_byte_ms is not null as is_timed
    from public.request_logs
    where (p_did is null or did = p_did)
      and request_time >= p_since and request_time < p_until and status <> 'pending'
  ) as ended
  group by did, hour, model, endpoint;
$$;
comment on function public.usage_of_log is 'What usage_hourly says of a time if it is right: the log, added up.';

revoke all on function
  public.usage_hourly_kept_since, public.latency_bucket, public.histogram,
  public.usage_of_log
  from public, anon, authenticated, service_role;
grant execute on function
  public.usage_hourly_kept_since, public.latency_bucket, public.histogram,
  public.usage_of_log
  to service_role;

-- What happened before yesterday, while settlements go on: none of them counts here yet. What changes
-- meanwhile is put right below.
insert into public.usage_hourly
select * from public.usage_of_log(
  null, public.usage_hourly_kept_since(), date_trunc('day', now(), 'utc') - interval '24 hours'
);

-- Adds an ended row to usage_daily and usage_hourly (p_sign 1), or takes it out again (-1): the only place
-- that does so row by row.
create or replace function public.count_in_usage(p_row public.request_logs, p_sign integer)
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

-- Counts ended rows as count_in_usage does with one. The caller has the locks of their DIDs.
create or replace function public.count_rows_in_usage(p_rows public.request_logs[])
returns void
language plpgsql
set search_path = ''
-- By the key, however small the totals were when it was planned.
set enable_seqscan = off
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
      = (told.did, told.hour, told.model, told.endpoint)
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

-- What has happened since yesterday: from here on, every settlement counts in both. They wait meanwhile.
do $$
begin
  lock table public.usage_daily in share row exclusive mode;
  delete from public.usage_hourly where hour >= date_trunc('day', now(), 'utc') - interval '24 hours';
  insert into public.usage_hourly
  select * from public.usage_of_log(
    null, date_trunc('day', now(), 'utc') - interval '24 hours', 'infinity'
  );
end;
$$;

-- Settlements that went on by the rules of before, and were about to count when that lock was taken, have
-- ended when this one is given. verify_usage puts right what they have left out.
do $$
begin
  lock table public.request_logs in share row exclusive mode;
end;
$$;

-- Forgets hours that are no longer kept; an hour more is left for what reads them now.
create function public.purge_usage_hourly(p_limit integer default 20000)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: purge_usage_hourly')) then
    return 0;
  end if;
  delete from public.usage_hourly
  where ctid = any (array(
    select ctid from public.usage_hourly
    where hour < public.usage_hourly_kept_since() - interval '1 hour'
    order by hour
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function public.purge_usage_hourly is
  'Forgets up to p_limit totals of hours that are over 62 days old. Returns how many.';
revoke all on function public.purge_usage_hourly from public, anon, authenticated, service_role;
grant execute on function public.purge_usage_hourly to service_role;
