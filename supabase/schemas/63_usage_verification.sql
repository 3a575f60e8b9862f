-- Whether the totals say what the log says, and how to put them right where they do not.

-- Of a DID or of all (null), in [p_since, p_until).
create function public.usage_of_log(p_did text, p_since timestamptz, p_until timestamptz)
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
comment on function public.usage_of_log is
  'What usage_hourly says of a time if it is right: the log, added up.';

-- Of a DID or of all (null).
create function public.usage_daily_of_log(p_did text, p_since timestamptz)
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
comment on function public.usage_daily_of_log is
  'What usage_daily says since a day if it is right: the log, added up.';

-- Adds the hours of a DID up anew, since one for which the log is whole.
create function public.recount_hours(p_did text, p_since timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform public.lock_usage(p_did);
  delete from public.usage_hourly where did = p_did and hour >= p_since;
  insert into public.usage_hourly select * from public.usage_of_log(p_did, p_since, 'infinity');
end;
$$;
comment on function public.recount_hours is
  'Adds usage_hourly of a DID up anew from the log, under the lock of its totals.';

-- Compares usage_daily, usage_hourly and usage_daily_of_all with the log, of one DID or of all (null).
-- Returns the totals that differ, with the sums that they have and those that they should have; null:
-- there is no such total. None: all agree. `apply => true` puts them right, under the locks of the DIDs'
-- totals, which are held until the end of the transaction: those of a thousand DIDs a call. An Ethereum
-- address may be spelt with capitals, as wallets show it.
--
-- Days of which the log may not be whole, because of its retention, are left out. It reads all of the
-- log: minutes, where that has many millions of rows.
create function public.verify_usage(apply boolean default false, p_did text default null)
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
  if p_did like 'did:pkh:%' then
    p_did := public.plain_did(p_did);
  end if;
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
        where p_did is null and day <> all (array(select distinct day from public.usage_day_changes))
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
          and day <> all (array(select distinct day from public.usage_day_changes))
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
      perform public.lock_usage(v_did);
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
comment on function public.verify_usage is
  'Returns the totals that differ from the log; none: all agree. verify_usage(apply => true) puts them right.';
