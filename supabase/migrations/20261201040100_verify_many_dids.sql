-- verify_usage(apply => true) took minutes where a thousand DIDs differed: it read the whole log for each of
-- them, and went through all that differs for each. Now it reads a DID's own rows, and goes through once. It
-- puts a thousand DIDs right at a time, because Postgres has room for some thousand locks.

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
  from (
    select did, (request_time at time zone 'utc')::date as day,
      -- counted_model, without a call for each row.
      case
        when http_status between 400 and 499 and http_status <> 429 and generation_id is null
          and total_cost = 0
        then 'unknown'
        else coalesce(model, 'unknown')
      end as model,
      endpoint, status, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost,
      upstream_cost
    from public.request_logs
    where (p_did is null or did = p_did) and request_time >= p_since and status <> 'pending'
  ) as ended
  group by did, day, model, endpoint;
end;
$$;

create or replace function public.verify_usage(apply boolean default false, p_did text default null)
returns table (
  relation text,
  did text,
  starts_at timestamptz,
  model text,
  endpoint text,
  counted jsonb,
  logged jsonb
)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  -- From here on the log is whole: it goes by months.
  v_since timestamptz := date_trunc('month', greatest(
    public.request_log_kept_since(), (select min(request_time) from public.request_logs)
  ), 'utc');
  v_hours_since timestamptz := greatest(public.usage_hourly_kept_since(), v_since);
  v_difference jsonb;
  -- So many at once, because Postgres has room for some thousand locks.
  v_dids constant integer := 1000;
  v_differences jsonb[] := '{}';
  v_did text;
  v_days date[];
begin
  if v_since is null then
    return;
  end if;

  -- One statement, so that totals and log are of one instant.
  v_differences := array(
    select to_jsonb(difference)
    from (
      select 'usage_daily' as relation, did, day::timestamp at time zone 'utc' as starts_at, model,
        endpoint, to_jsonb(counted) as counted, to_jsonb(logged) as logged
      from (
        select * from public.usage_daily
        where day >= (v_since at time zone 'utc')::date and (p_did is null or did = p_did)
      ) as counted
      full join public.usage_daily_of_log(p_did, v_since) as logged using (did, day, model, endpoint)
      where counted is distinct from logged
      union all
      select 'usage_hourly', did, hour, model, endpoint, to_jsonb(counted), to_jsonb(logged)
      from (
        select * from public.usage_hourly
        where hour >= v_hours_since and (p_did is null or did = p_did)
      ) as counted
      full join public.usage_of_log(p_did, v_hours_since, 'infinity') as logged
        using (did, hour, model, endpoint)
      where counted is distinct from logged
      union all
      select 'usage_daily_of_all', '*', day::timestamp at time zone 'utc', model, endpoint,
        to_jsonb(counted), to_jsonb(logged)
      from (
        select * from public.usage_daily_of_all
        where p_did is null and day <> all (array(select day from public.usage_day_changes))
      ) as counted
      full join (
        select day, model, endpoint, sum(requests)::bigint as requests,
          sum(failed_requests)::bigint as failed_requests, sum(input_tokens)::bigint as input_tokens,
          sum(output_tokens)::bigint as output_tokens, sum(cached_tokens)::bigint as cached_tokens,
          sum(reasoning_tokens)::bigint as reasoning_tokens, sum(total_cost) as total_cost,
          sum(upstream_cost) as upstream_cost,
          sum(requests_without_cost)::bigint as requests_without_cost
        from public.usage_daily
        where p_did is null and day in (select day from public.usage_daily_of_all)
          and day <> all (array(select day from public.usage_day_changes))
        group by day, model, endpoint
      ) as logged using (day, model, endpoint)
      where counted is distinct from logged
    ) as difference
    order by relation, did collate "C", starts_at, model, endpoint
  );

  if apply then
    -- The order of the locks is that of the DIDs. The differences are gone through once: there may be as many
    -- for each of thousands of DIDs.
    for v_did, v_days in
      select difference ->> 'did', array_agg(
        distinct ((difference ->> 'starts_at')::timestamptz at time zone 'utc')::date
      ) filter (where difference ->> 'relation' = 'usage_daily')
      from unnest(v_differences) as difference
      where difference ->> 'did' <> '*'
      group by 1
      order by 1
      limit v_dids
    loop
      perform public.lock_budget(v_did);
      insert into public.usage_day_changes select unnest(v_days);
      delete from public.usage_daily as total
      where total.did = v_did and total.day >= (v_since at time zone 'utc')::date;
      insert into public.usage_daily select * from public.usage_daily_of_log(v_did, v_since);
      perform public.recount_hours(v_did, v_hours_since);
    end loop;
    insert into public.usage_day_changes
    select distinct ((difference ->> 'starts_at')::timestamptz at time zone 'utc')::date
    from unnest(v_differences) as difference
    where difference ->> 'relation' = 'usage_daily_of_all';
  end if;

  return query
  select told.* from unnest(v_differences) as difference,
    jsonb_to_record(difference) as told (
      relation text, did text, starts_at timestamptz, model text, endpoint text, counted jsonb,
      logged jsonb
    );
end;
$$;
