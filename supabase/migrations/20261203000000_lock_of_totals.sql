-- Settlement took the lock of a DID's budget before it counted the row, and held it meanwhile: admissions of
-- that DID waited for statistics. Totals have a lock of their own.

create or replace function public.lock_usage(p_did text)
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
revoke all on function public.lock_usage from public, anon, authenticated;
grant execute on function public.lock_usage to service_role;
comment on function public.lock_budget is
  'Takes the lock under which the budget of a DID changes, or that of ''*'', until the end of the transaction.';

create or replace function public.enter_cost(p_row public.request_logs, p_known public.settlement)
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

create or replace function public.enter_settlement(p_settlement public.settlement)
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

create or replace function public.settle_requests(p_settlements text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_rows public.request_logs[];
  v_is_alerted boolean;
begin
  begin
    v_rows := public.end_rows(array(
      select told
      from (
        select told, count(*) over (partition by told.request_id) as of_row
        from jsonb_populate_recordset(null::public.settlement, p_settlements::jsonb) as told
      ) as counted
      where of_row = 1
    ));
  exception when data_exception or check_violation or program_limit_exceeded then
    return '{}';
  end;
  if v_rows is null then
    return '{}';
  end if;
  perform public.lock_usage(ended.did)
  from (select did from unnest(v_rows) group by did order by did) as ended;
  perform public.count_rows_in_usage(v_rows);
  v_is_alerted := public.change_budgets(
    array(select public.budget_change_at_end(log) from unnest(v_rows) as log)
  );
  return (
    select jsonb_object_agg(log.id, jsonb_build_object(
      'settled', true, 'total_cost', log.total_cost::text, 'left_out', null,
      -- To one of them, so that alerts are delivered once.
      'alerted', v_is_alerted and log.place = 1
    ))
    from (select row_number() over () as place, id, total_cost from unnest(v_rows)) as log
  );
end;
$$;

create or replace function public.adopt_generation(p_found jsonb, p_any_row boolean)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_did text := p_found ->> 'did';
  v_ids text[];
  v_created_at timestamptz := p_found ->> 'created_at';
  v_endpoint text := p_found ->> 'endpoint';
  v_model text := p_found ->> 'model';
  v_rate numeric := p_found ->> 'usd_per_credit';
  v_credits numeric;
  v_upstream_credits numeric;
  v_cost numeric;
  v_upstream_cost numeric;
  v_known jsonb;
  v_row public.request_logs;
begin
  select array_agg(id order by place), sum(cost), sum(upstream_cost)
  into v_ids, v_credits, v_upstream_credits
  from rows from (
    jsonb_to_recordset(p_found -> 'generations') as (id text, cost numeric, upstream_cost numeric)
  ) with ordinality as generation (id, cost, upstream_cost, place);
  v_cost := trim_scale(v_credits * v_rate);
  v_upstream_cost := trim_scale(v_upstream_credits * v_rate);

  perform public.lock_costs_of(v_did);
  if cardinality(public.unbooked_generations(v_did, v_ids)) < cardinality(v_ids) then
    return 'known';
  end if;

  -- A job is charged when it is done, as a generation whose id is not the job's.
  if v_endpoint = '/videos' then
    select * into v_row from public.request_logs
    where did = v_did and endpoint = '/videos' and status <> 'pending' and generation_id is not null
      and request_time between v_created_at - interval '1 day' and v_created_at + interval '1 minute'
      and (total_cost is null or total_cost = v_cost)
      and not exists (select from public.found_generations where request_id = request_logs.id)
    order by total_cost is null, model is distinct from v_model, request_time
    limit 1
    for update;
    if v_row.total_cost is not null then
      insert into public.found_generations (generation_id, did, request_id)
      select id, v_did, v_row.id from unnest(v_ids) as id;
      return 'known';
    end if;
  end if;

  if exists (
    select from public.request_logs
    where did = v_did and status = 'pending' and request_time <= v_created_at + interval '1 minute'
  ) then
    return 'pending';
  end if;
  if exists (
    select
    from (
      select coalesce(sum(total_cost), 0) as usd, coalesce(sum(upstream_cost), 0) as byok_usd
      from public.usage_daily where did = v_did
    ) as booked,
    (
      select sum(usage) * v_rate as usd,
        -- Nobody tells the upstream costs of a key that is gone: what was read of it last may be less
        -- than what its calls have booked.
        case when count(gone_since) = 0 then sum(byok_usage) * v_rate end as byok_usd
      from public.key_usages where did = v_did
    ) as charged
    where public.difference_of_sums(charged.usd, booked.usd + v_cost) < 0
      or public.difference_of_sums(charged.byok_usd, booked.byok_usd + coalesce(v_upstream_cost, 0)) < 0
  ) then
    return 'exceeds';
  end if;

  v_known := p_found || jsonb_build_object(
    'generation_id', v_ids[1], 'cost', v_credits::text, 'upstream_cost', v_upstream_credits::text,
    'cost_source', 'reconciliation'
  );
  if v_row.id is null then
    select * into v_row from public.request_logs
    where did = v_did and generation_id = any (v_ids) and status <> 'pending'
    limit 1
    for update;
  end if;
  if v_row.id is null then
    select log.* into v_row
    from public.request_logs as log,
      lateral (select case
        when log.model = v_model then 0
        -- A variant of it, or the version that an alias stands for.
        when split_part(log.model, ':', 1) = split_part(v_model, ':', 1)
          or starts_with(v_model, log.model || '-') then 1
        else 2
      end as rank) as model
    where log.did = v_did and log.status <> 'pending'
      and log.total_cost is null and log.generation_id is null
      and coalesce(log.http_status, 200) < 400
      and log.request_time between v_created_at - interval '30 minutes' and v_created_at + interval '1 minute'
      and (p_any_row or model.rank < 2)
    order by model.rank, log.endpoint is distinct from v_endpoint,
      log.request_time > v_created_at, abs(extract(epoch from v_created_at - log.request_time)), log.id
    limit 1
    for update of log;
  end if;

  if v_row.id is not null then
    v_known := v_known || jsonb_build_object(
      'request_id', v_row.id, 'request_time', v_row.request_time
    );
    if not public.book_cost(v_known) then
      return 'pending';
    end if;
    -- Found out: the settlement of a worker that lived after all has nothing to add.
    update public.request_logs set given_up = false
    where id = v_row.id and request_time = v_row.request_time and given_up;
  elsif p_any_row and v_cost = 0 and coalesce(v_upstream_cost, 0) = 0 then
    insert into public.found_generations (generation_id, did) select id, v_did from unnest(v_ids) as id;
    return 'known';
  elsif p_any_row then
    insert into public.request_logs (
      id, did, method, endpoint, streaming, request_time, response_time, status, model, provider,
      generation_id, native_finish_reason, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, total_cost, upstream_cost, cost_source
    )
    select
      gen_random_uuid(), v_did, 'POST', coalesce(v_endpoint, 'other'),
      coalesce((p_found ->> 'streaming')::boolean, false), v_created_at, v_created_at, 'completed',
      told.model, told.provider, told.generation_id, told.native_finish_reason, told.input_tokens,
      told.output_tokens, told.cached_tokens, told.reasoning_tokens, v_cost, v_upstream_cost,
      told.cost_source
    from jsonb_populate_record(null::public.settlement, v_known) as told
    returning * into v_row;
    perform public.lock_usage(v_did);
    perform public.count_in_usage(v_row, 1);
    perform public.change_budgets(array[public.budget_change_of(null, v_row)]);
  else
    return 'no_row';
  end if;
  insert into public.found_generations (generation_id, did, request_id)
  select id, v_did, v_row.id from unnest(v_ids) as id;
  -- A lost row as it was before had no cost.
  return case when v_row.total_cost is null then 'adopted' else 'own_row' end;
end;
$$;

create or replace function public.recount_hours(p_did text, p_since timestamptz)
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

comment on function public.recount_hours is
  'Adds usage_hourly of a DID up anew from the log, under the lock of its totals.';
