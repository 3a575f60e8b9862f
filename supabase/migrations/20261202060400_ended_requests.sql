-- Which rows of the log usage counts, and under which model, stood in every function and view that adds many
-- of them up. It stands in one view.

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
comment on column public.ended_requests.did is
  'Whose it is.';
comment on column public.ended_requests.request_time is
  'When it was admitted.';
comment on column public.ended_requests.day is
  'The UTC day of request_time.';
comment on column public.ended_requests.hour is
  'When the hour of request_time begins.';
comment on column public.ended_requests.model is
  'The model that answered, else the one asked for; in sums ''unknown'', where neither is known or OpenRouter refused the call as a mistake.';
comment on column public.ended_requests.endpoint is
  'OpenRouter''s path.';
comment on column public.ended_requests.input_tokens is
  'Tokens that went in.';
comment on column public.ended_requests.output_tokens is
  'Tokens that came out.';
comment on column public.ended_requests.cached_tokens is
  'Part of input_tokens.';
comment on column public.ended_requests.reasoning_tokens is
  'Part of output_tokens.';
comment on column public.ended_requests.total_cost is
  'USD, exactly.';
comment on column public.ended_requests.upstream_cost is
  'USD that providers charged the owners of BYOK keys; not part of total_cost.';

revoke all on table public.ended_requests from public, anon, authenticated, service_role;
grant select on table public.ended_requests to authenticated, service_role;

create or replace function public.usage_from_totals(p_did text, p_pieces public.usage_pieces)
returns setof public.usage_part
language plpgsql
stable
set search_path = ''
-- From six partitions on, Postgres would choose to plan each look at the log anew.
set plan_cache_mode = force_generic_plan
as $$
declare
  v_start timestamptz;
  v_end timestamptz;
begin
  if p_pieces.days_start < p_pieces.days_end then
    return query
    select day, null::timestamptz, model, endpoint, null::text, null::text, requests, failed_requests,
      requests_without_cost, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost
    from public.usage_daily
    where did = p_did
      and day >= (p_pieces.days_start at time zone 'utc')::date
      and day < (p_pieces.days_end at time zone 'utc')::date;
  end if;

  if p_pieces.hours_start < p_pieces.days_start then
    return query
    select (hour at time zone 'utc')::date, hour, model, endpoint, null::text, null::text, requests,
      failed_requests, requests_without_cost, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, total_cost
    from public.usage_hourly
    where did = p_did and hour >= p_pieces.hours_start and hour < p_pieces.days_start;
  end if;
  if p_pieces.days_end < p_pieces.hours_end then
    return query
    select (hour at time zone 'utc')::date, hour, model, endpoint, null::text, null::text, requests,
      failed_requests, requests_without_cost, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, total_cost
    from public.usage_hourly
    where did = p_did and hour >= p_pieces.days_end and hour < p_pieces.hours_end;
  end if;

  for v_start, v_end in
    values (p_pieces.range_start, p_pieces.hours_start), (p_pieces.hours_end, p_pieces.range_end)
  loop
    continue when v_start >= v_end;
    return query
    select (hour at time zone 'utc')::date, hour, model, endpoint, null::text, null::text,
      count(*), count(*) filter (where status = 'failed'), count(*) filter (where total_cost is null),
      coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
      coalesce(sum(cached_tokens), 0)::bigint, coalesce(sum(reasoning_tokens), 0)::bigint,
      coalesce(sum(total_cost), 0)
    from public.ended_requests
    where did = p_did and request_time >= v_start and request_time < v_end
    group by hour, model, endpoint;
  end loop;
end;
$$;

create or replace function public.usage_from_log(
  p_did text,
  p_start timestamptz,
  p_end timestamptz,
  p_session text,
  p_label text
)
returns setof public.usage_part
language plpgsql
stable
set search_path = ''
as $$
begin
  -- As text, so that only the conditions that there are choose the index.
  return query execute format(
    $query$
      select (hour at time zone 'utc')::date, hour, model, endpoint, session, label, count(*),
        count(*) filter (where status = 'failed'), count(*) filter (where total_cost is null),
        coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
        coalesce(sum(cached_tokens), 0)::bigint, coalesce(sum(reasoning_tokens), 0)::bigint,
        coalesce(sum(total_cost), 0)
      from public.ended_requests
      where did = $1 and request_time >= $2 and request_time < $3 %s
      group by hour, model, endpoint, session, label
    $query$,
    case when p_session is not null then 'and session = $4 ' else '' end
      || case when p_label is not null then 'and label = $5' else '' end
  ) using p_did, p_start, p_end, p_session, p_label;
end;
$$;

create or replace function public.usage_of_log(p_did text, p_since timestamptz, p_until timestamptz)
returns setof public.usage_hourly
language plpgsql
stable
set search_path = ''
-- Of one DID by its index; of all, the log from end to end.
set plan_cache_mode = force_custom_plan
as $$
begin
  return query
  select did, hour, model, endpoint, count(*), count(*) filter (where status = 'failed'),
    coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
    coalesce(sum(cached_tokens), 0)::bigint, coalesce(sum(reasoning_tokens), 0)::bigint,
    coalesce(sum(total_cost), 0), coalesce(sum(upstream_cost), 0),
    count(*) filter (where total_cost is null),
    public.histogram(
      array_agg(public.latency_bucket(first_byte_ms)) filter (where is_timed)
    ),
    public.histogram(
      array_agg(public.latency_bucket(extract(epoch from response_time - request_time) * 1000))
        filter (where is_timed)
    )
  from public.ended_requests
  where (p_did is null or did = p_did) and request_time >= p_since and request_time < p_until
  group by did, hour, model, endpoint;
end;
$$;

create or replace function public.usage_daily_of_log(p_did text, p_since timestamptz)
returns setof public.usage_daily
language plpgsql
stable
set search_path = ''
-- Of one DID by its index; of all, the log from end to end.
set plan_cache_mode = force_custom_plan
as $$
begin
  return query
  select did, day, model, endpoint, count(*), count(*) filter (where status = 'failed'),
    coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
    coalesce(sum(cached_tokens), 0)::bigint, coalesce(sum(reasoning_tokens), 0)::bigint,
    coalesce(sum(total_cost), 0), coalesce(sum(upstream_cost), 0),
    count(*) filter (where total_cost is null)
  from public.ended_requests
  where (p_did is null or did = p_did) and request_time >= p_since
  group by did, day, model, endpoint;
end;
$$;

create or replace view public.usage_by_did_session with (security_invoker = true) as
select did, session,
  count(*) as requests,
  count(*) filter (where status = 'failed') as failed_requests,
  coalesce(sum(input_tokens), 0)::bigint as input_tokens,
  coalesce(sum(output_tokens), 0)::bigint as output_tokens,
  coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
  coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
  coalesce(sum(total_cost), 0) as total_cost,
  coalesce(sum(upstream_cost), 0) as upstream_cost,
  count(*) filter (where total_cost is null) as requests_without_cost,
  min(request_time) as first_request_at, max(request_time) as last_request_at
from public.ended_requests
where session is not null and request_time >= now() - interval '744 hours'
group by did, session;

create or replace view public.usage_by_did_label with (security_invoker = true) as
select did, label,
  count(*) as requests,
  count(*) filter (where status = 'failed') as failed_requests,
  coalesce(sum(input_tokens), 0)::bigint as input_tokens,
  coalesce(sum(output_tokens), 0)::bigint as output_tokens,
  coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
  coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
  coalesce(sum(total_cost), 0) as total_cost,
  coalesce(sum(upstream_cost), 0) as upstream_cost,
  count(*) filter (where total_cost is null) as requests_without_cost,
  min(request_time) as first_request_at, max(request_time) as last_request_at
from public.ended_requests
where label is not null and request_time >= now() - interval '744 hours'
group by did, label;
