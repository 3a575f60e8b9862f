-- Unknown is visible: how many requests the sums of costs lack.
--
-- In a migration of its own, after the one that made settlements count it: settlements that had begun
-- before that was committed went on by the rules of before. Their locks were asked for before these, so
-- that they have ended when the count begins; later ones wait for its end.
do $$
begin
  lock table public.request_logs in share row exclusive mode;
  lock table public.usage_daily in share row exclusive mode;

  update public.request_logs set given_up = true
  where status = 'failed' and error_message like 'worker\_%' and not given_up
    and response_time > now() - interval '1 hour';

  update public.usage_daily as total
  set requests_without_cost = counted.requests
  from (
    select did, (request_time at time zone 'utc')::date as day, coalesce(model, 'unknown') as model,
      endpoint, count(*) as requests
    from public.request_logs
    where total_cost is null and status <> 'pending'
    group by 1, 2, 3, 4
  ) as counted
  where (total.did, total.day, total.model, total.endpoint)
    = (counted.did, counted.day, counted.model, counted.endpoint);
end;
$$;

-- Ended requests of one DID in [p_start, p_end), null being unbounded, in the shape of
-- GET /api/v1/usage. p_group_by: any of day, hour, model, endpoint; empty: no groups.
-- Costs are decimal strings in USD, because clients read JSON numbers as binary floats.
--
-- The answer is bounded, whatever models and paths a client makes up: of the models, the hundred with
-- the most requests are told by name, and of the groups five thousand. The others are summed up under
-- the name 'other', so that nothing is missing from the sums.
create or replace function public.usage_stats(
  p_did text,
  p_start timestamptz default null,
  p_end timestamptz default null,
  p_group_by text[] default '{}'
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_named_models constant integer := 100;
  v_named_groups constant integer := 5000;
  v_start timestamptz := coalesce(p_start, '-infinity');
  v_end timestamptz := coalesce(p_end, 'infinity');
  -- The whole days inside the range; what is left of it at either end is read from the log.
  v_first_day timestamptz := case
    when p_start is null then '-infinity'
    when date_trunc('day', p_start, 'utc') = p_start then p_start
    -- A day of the session's time zone can have 23 or 25 hours.
    else date_trunc('day', p_start, 'utc') + interval '24 hours'
  end;
  v_last_day_end timestamptz := coalesce(date_trunc('day', p_end, 'utc'), 'infinity');
  v_unknown text := (
    select name from unnest(p_group_by) as name
    where name not in ('day', 'hour', 'model', 'endpoint') limit 1
  );
  v_result jsonb;
begin
  if v_unknown is not null then
    raise exception 'cannot group usage by %', v_unknown using errcode = '22023';
  end if;
  if 'hour' = any (p_group_by) or v_first_day >= v_last_day_end then
    v_first_day := v_end;
    v_last_day_end := v_end;
  end if;

  with ended as (
    select day, null::timestamptz as hour, model, endpoint, requests, failed_requests,
      requests_without_cost, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost
    from public.usage_daily
    where did = p_did
      and v_first_day < v_last_day_end
      and day >= (v_first_day at time zone 'utc')::date
      and day < (v_last_day_end at time zone 'utc')::date
    union all
    select (request_time at time zone 'utc')::date, date_trunc('hour', request_time, 'utc'),
      -- counted_model, without a call for each row.
      case
        when http_status between 400 and 499 and http_status <> 429 and generation_id is null
          and total_cost = 0
        then 'unknown'
        else coalesce(model, 'unknown')
      end,
      endpoint, 1, (status = 'failed')::integer, (total_cost is null)::integer,
      coalesce(input_tokens, 0), coalesce(output_tokens, 0),
      coalesce(cached_tokens, 0), coalesce(reasoning_tokens, 0), coalesce(total_cost, 0)
    from public.request_logs
    where did = p_did
      and status <> 'pending'
      and (
        (request_time >= v_start and request_time < v_first_day)
        or (request_time >= v_last_day_end and request_time < v_end)
      )
  ),
  totals as (
    select jsonb_build_object(
      'total_requests', coalesce(sum(requests), 0)::bigint,
      'successful_requests', coalesce(sum(requests - failed_requests), 0)::bigint,
      'failed_requests', coalesce(sum(failed_requests), 0)::bigint,
      'requests_without_cost', coalesce(sum(requests_without_cost), 0)::bigint,
      'total_input_tokens', coalesce(sum(input_tokens), 0)::bigint,
      'total_output_tokens', coalesce(sum(output_tokens), 0)::bigint,
      'total_cached_tokens', coalesce(sum(cached_tokens), 0)::bigint,
      'total_reasoning_tokens', coalesce(sum(reasoning_tokens), 0)::bigint,
      'total_cost', trim_scale(coalesce(sum(total_cost), 0))::text
    ) as json
    from ended
  ),
  models as (
    select coalesce(jsonb_object_agg(name, requests), '{}') as json
    from (
      select case when place <= v_named_models then model else 'other' end as name,
        sum(requests)::bigint as requests
      from (
        select model, sum(requests) as requests,
          row_number() over (order by sum(requests) desc, model) as place
        from ended
        group by model
      ) as by_model
      group by 1
    ) as by_name
  ),
  all_groups as (
    select
      case when 'day' = any (p_group_by) then day end as group_day,
      case when 'hour' = any (p_group_by) then hour end as group_hour,
      case when 'model' = any (p_group_by) then model end as group_model,
      case when 'endpoint' = any (p_group_by) then endpoint end as group_endpoint,
      sum(requests) as requests,
      sum(failed_requests) as failed_requests,
      sum(requests_without_cost) as requests_without_cost,
      sum(input_tokens) as input_tokens,
      sum(output_tokens) as output_tokens,
      sum(total_cost) as total_cost,
      row_number() over (order by sum(requests) desc) as place
    from ended
    where cardinality(p_group_by) > 0
    group by 1, 2, 3, 4
  ),
  groups as (
    select group_day, group_hour,
      case when place <= v_named_groups or group_model is null then group_model else 'other' end
        as group_model,
      case when place <= v_named_groups or group_endpoint is null then group_endpoint else 'other' end
        as group_endpoint,
      jsonb_build_object(
        'requests', sum(requests)::bigint,
        'failed_requests', sum(failed_requests)::bigint,
        'requests_without_cost', sum(requests_without_cost)::bigint,
        'input_tokens', sum(input_tokens)::bigint,
        'output_tokens', sum(output_tokens)::bigint,
        'cost', trim_scale(sum(total_cost))::text
      ) as sums
    from all_groups
    group by 1, 2, 3, 4
  )
  select totals.json
    || jsonb_build_object('requests_by_model', models.json)
    || jsonb_build_object('groups', coalesce((
      select jsonb_agg(
        jsonb_strip_nulls(jsonb_build_object(
          'day', group_day,
          'hour', to_char(group_hour at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
          'model', group_model,
          'endpoint', group_endpoint
        )) || sums
        order by group_day, group_hour, group_model, group_endpoint
      )
      from groups
    ), '[]'))
  into v_result
  from totals, models;
  return v_result;
end;
$$;
comment on function public.usage_stats is
  'Sums over the ended requests of one DID, in the shape of GET /api/v1/usage.';

-- The column stands last, because a view that is replaced keeps its columns' places.

create or replace view public.usage_by_day with (security_invoker = true) as
select day,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost
from public.usage_daily
group by day;
comment on view public.usage_by_day is 'Usage per UTC day; requests_without_cost are not in total_cost.';

create or replace view public.usage_by_model with (security_invoker = true) as
select model,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost
from public.usage_daily
group by model;
comment on view public.usage_by_model is 'Usage per model; requests_without_cost are not in total_cost.';

create or replace view public.usage_by_did with (security_invoker = true) as
select did,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost
from public.usage_daily
group by did;
comment on view public.usage_by_did is 'Usage per DID; requests_without_cost are not in total_cost.';
