-- Views of usage read each day that is noted in usage_day_changes once. Each cost that comes late leaves two
-- notes of its day, which stay for two days where that is yesterday: after ten thousand of them, as an outage
-- makes, usage_by_day and usage_by_model took half a minute, because each row was compared with each note.

create or replace view public.usage_of_days with (security_invoker = true) as
select day, model, endpoint, requests, failed_requests, input_tokens, output_tokens, cached_tokens,
  reasoning_tokens, total_cost, upstream_cost, requests_without_cost
from public.usage_daily_of_all
where day <> all (array(select distinct day from public.usage_day_changes))
union all
select day, model, endpoint, requests, failed_requests, input_tokens, output_tokens, cached_tokens,
  reasoning_tokens, total_cost, upstream_cost, requests_without_cost
from public.usage_daily
where day > coalesce((select max(day) from public.usage_daily_of_all), '-infinity')
  or day = any (array(select distinct day from public.usage_day_changes));

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
