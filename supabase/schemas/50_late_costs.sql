-- Costs that come after the end of their row: from GET /generation, from a job that was still running, from
-- maintenance after an outage. Each is entered once; many go in one round trip, in the order of the DIDs
-- and of the totals' keys.

-- Finds its row first, as book_cost has the rules. Null: nothing was entered.
create function public.enter_known_cost(p_cost jsonb)
returns public.budget_change
language plpgsql
set search_path = ''
as $$
declare
  v_known public.settlement := jsonb_populate_record(null::public.settlement, p_cost);
  v_row public.request_logs;
begin
  -- Whether the cost is known is asked afterwards: asked here, it would choose the next row.
  if v_known.request_id is not null then
    select * into v_row from public.request_logs
    where id = v_known.request_id and request_time = v_known.request_time
    for update;
  else
    select * into v_row from public.request_logs
    where did = p_cost ->> 'did' and generation_id = v_known.generation_id and status <> 'pending'
    order by endpoint = '/videos' desc, request_time, id
    limit 1
    for update;
  end if;
  if not found or v_row.status = 'pending' or v_row.total_cost is not null or v_known.cost is null then
    return null;
  end if;
  return public.budget_change_of(v_row, public.enter_cost(v_row, v_known));
end;
$$;
comment on function public.enter_known_cost is
  'Enters the cost of an ended row that has none; returns what it changes in budgets.';

-- In this order. What Postgres refuses, or another transaction is in the way of, is left out where there
-- are several.
create function public.enter_known_costs(p_costs jsonb[])
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_cost jsonb;
  v_change public.budget_change;
  v_changes public.budget_change[] := '{}';
begin
  if cardinality(p_costs) = 1 then
    v_changes := array[public.enter_known_cost(p_costs[1])];
  else
    foreach v_cost in array coalesce(p_costs, '{}') loop
      begin
        v_changes := v_changes || public.enter_known_cost(v_cost);
      exception when data_exception or check_violation or program_limit_exceeded or deadlock_detected then
        null;
      end;
    end loop;
  end if;
  v_changes := array(select change from unnest(v_changes) as change where change.did is not null);
  if cardinality(v_changes) > 0 then
    perform public.change_budgets(v_changes);
  end if;
  return cardinality(v_changes);
end;
$$;
comment on function public.enter_known_costs is
  'Enters costs of ended rows that have none, and then what they change in budgets. Returns how many.';

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
begin
  return public.enter_known_costs(array[p_cost]) = 1;
end;
$$;
comment on function public.book_cost is
  'Books the cost of an ended row of request_logs that has none, once.';

-- Books each as book_cost does, in the order of the DIDs and of the totals' keys, and of a row the one
-- that is told first. Where Postgres refuses a cost, or another transaction is in the way, that one is
-- left for another time.
--
-- p_costs: an array of what book_cost takes, each with request_id and request_time. Returns how many were
-- booked.
create function public.book_costs(p_costs jsonb)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_costs jsonb[];
begin
  -- All rows are locked before the first DID.
  select array_agg(locked.cost order by did, day, counted_model, endpoint, place)
  into v_costs
  from (
    select told.cost, told.place, log.did, (log.request_time at time zone 'utc')::date as day,
      public.counted_model(log) as counted_model, log.endpoint
    from jsonb_array_elements(p_costs) with ordinality as told (cost, place)
    join public.request_logs as log
      on log.id = (told.cost ->> 'request_id')::uuid
      and log.request_time = (told.cost ->> 'request_time')::timestamptz
    order by log.request_time, log.id
    for update of log
  ) as locked;
  return public.enter_known_costs(v_costs);
end;
$$;
comment on function public.book_costs is
  'Books the costs of ended rows that have none, once each, as book_cost does.';

-- Claims rows to ask OpenRouter what they cost: those never claimed before the others, ten seconds after
-- their end at the earliest, because the gateway that had them asks first. Each claim keeps the row from
-- the next one for twice as long as the one before, from a minute to a day: whoever dies with a claim
-- loses nothing.
--
-- Returns {"requests": [{"request_id", "request_time", "did", "endpoint", "generation_id"}], "left": how many
-- more could be claimed now, counted up to 100000}.
create function public.claim_unpriced_requests(p_limit integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_requests jsonb;
  v_left bigint;
begin
  with never_claimed as materialized (
    select id, request_time from public.request_logs
    where total_cost is null and status <> 'pending' and generation_id is not null
      and cost_ask_after is null and response_time <= now() - interval '10 seconds'
    order by request_time
    limit p_limit
    for update skip locked
  ),
  due_again as materialized (
    select id, request_time from public.request_logs
    where total_cost is null and status <> 'pending' and generation_id is not null
      and cost_ask_after <= now()
    order by cost_ask_after
    limit p_limit - (select count(*) from never_claimed)
    for update skip locked
  ),
  claimed as (
    update public.request_logs as log
    set cost_asks = least(cost_asks + 1, 1000),
      cost_ask_after = now()
        + least(interval '1 day', interval '1 minute' * 2 ^ least(cost_asks, 11))
    from (table never_claimed union all table due_again) as due
    where log.id = due.id and log.request_time = due.request_time
    returning log.id, log.request_time, did, endpoint, generation_id
  )
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'request_id', id, 'request_time', request_time, 'did', did, 'endpoint', endpoint,
        'generation_id', generation_id
      )
      order by request_time, id
    ),
    '[]'
  )
  into v_requests
  from claimed;

  select count(*) into v_left from (
    select from public.request_logs
    where total_cost is null and status <> 'pending' and generation_id is not null
      and (cost_ask_after <= now()
        or (cost_ask_after is null and response_time <= now() - interval '10 seconds'))
    limit 100000
  ) as due;
  return jsonb_build_object('requests', v_requests, 'left', v_left);
end;
$$;
comment on function public.claim_unpriced_requests is
  'Claims ended rows with a generation and no cost, for maintenance to ask OpenRouter what they cost.';

-- OpenRouter was not asked, and can be at once.
--
-- p_requests: an array of {"request_id", "request_time"}.
create function public.give_back_unpriced_requests(p_requests jsonb)
returns void
language sql
set search_path = ''
as $$
  update public.request_logs as log
  set cost_asks = greatest(cost_asks - 1, 0), cost_ask_after = now()
  from jsonb_to_recordset(p_requests) as claimed (request_id uuid, request_time timestamptz)
  where log.id = claimed.request_id and log.request_time = claimed.request_time
    and log.total_cost is null;
$$;
comment on function public.give_back_unpriced_requests is
  'Gives claims of claim_unpriced_requests back that were not used.';
