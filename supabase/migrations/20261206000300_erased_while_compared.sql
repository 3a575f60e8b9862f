-- A DID that was erased while maintenance looked for its lost calls came back into the books: all of its calls
-- were taken for missing, and booked a second time.

create or replace function public.compare_costs(
  p_did text,
  p_usd_per_credit text,
  p_keys jsonb default '[]',
  p_read_for interval default '0'
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_openrouter record;
  v_books record;
  v_last public.cost_drift;
  v_drift numeric;
  v_byok_drift numeric;
  v_is_equal boolean;
  v_nothing jsonb[];
begin
  perform public.lock_costs_of(p_did);

  insert into public.key_usages as known (
    openrouter_key_hash, did, usage, byok_usage, read_at, gone_since
  )
  select key.hash, p_did,
    -- Analytics reach back 31 days: of an older key they tell a part.
    case when not key.is_gone or coalesce(retired.created_at, current.created_at) > v_now - interval '31 days'
      then key.usage end,
    key.byok_usage, v_now - p_read_for, case when key.is_gone then v_now end
  from jsonb_to_recordset(p_keys) as key (hash text, usage numeric, byok_usage numeric, is_gone boolean)
  left join public.user_api_keys as current on current.openrouter_key_hash = key.hash
  left join public.retired_api_keys as retired on retired.openrouter_key_hash = key.hash
  -- Not those of a DID that was erased since they were claimed.
  where p_did in (current.did, retired.did)
  order by key.hash
  on conflict (openrouter_key_hash) do update
  set usage = case when excluded.gone_since is null then excluded.usage
      else greatest(known.usage, excluded.usage) end,
    byok_usage = case when excluded.gone_since is null then excluded.byok_usage
      else greatest(known.byok_usage, excluded.byok_usage) end,
    read_at = excluded.read_at,
    gone_since = case when excluded.gone_since is not null
      then coalesce(known.gone_since, excluded.gone_since) end,
    is_final = coalesce(excluded.gone_since - known.gone_since >= interval '1 hour', false);

  select
    sum(known.usage) * p_usd_per_credit::numeric as usd,
    case when count(known.byok_usage) = count(*)
      then sum(known.byok_usage) * p_usd_per_credit::numeric end as byok_usd,
    count(known.usage) = count(*) and count(*) > 0 as is_known,
    count(known.gone_since) > 0 as has_gone_key,
    coalesce(min(known.read_at) filter (where not known.is_final), v_now) as read_at
  into v_openrouter
  from (
    select openrouter_key_hash as hash from public.user_api_keys where did = p_did
    union
    select openrouter_key_hash from public.retired_api_keys where did = p_did
  ) as of_did
  left join public.key_usages as known on known.openrouter_key_hash = of_did.hash;
  if not v_openrouter.is_known then
    return jsonb_build_object('state', 'unknown');
  end if;

  -- One statement, so that sums and rows are of one instant.
  select
    coalesce(sum(total_cost), 0) as usd,
    coalesce(sum(upstream_cost), 0) as byok_usd,
    exists (select from public.request_logs where did = p_did and status = 'pending')
    or exists (
      -- What OpenRouter does not know after an hour, or of a job after a day, holds up nothing.
      select from public.request_logs
      where did = p_did and status <> 'pending' and total_cost is null and generation_id is not null
        and public.may_be_charged(http_status)
        and response_time > v_now - case when endpoint = '/videos' then interval '1 day'
          else interval '1 hour' end
    )
    or exists (
      -- The longest request lasts a quarter of an hour. What was found in OpenRouter's sum is in it.
      select from public.request_logs
      where did = p_did and request_time > v_openrouter.read_at - interval '20 minutes'
        and response_time >= v_openrouter.read_at and total_cost <> 0
        and cost_source is distinct from 'reconciliation'
    ) as are_busy,
    exists (
      select from public.request_logs
      where did = p_did and status <> 'pending' and total_cost is null and generation_id is null
        and public.may_be_charged(http_status) and request_time > v_now - interval '31 days'
    ) as have_lost_calls
  into v_books
  from public.usage_daily where did = p_did;

  v_drift := public.difference_of_sums(v_openrouter.usd, v_books.usd);
  v_byok_drift := public.difference_of_sums(v_openrouter.byok_usd, v_books.byok_usd);
  -- Analytics do not tell upstream costs: what a key that is gone had by then is not known to the end.
  if v_openrouter.has_gone_key and v_byok_drift < 0 then
    v_byok_drift := null;
  end if;
  v_is_equal := v_drift = 0 and coalesce(v_byok_drift, 0) = 0;

  -- A DID that is always busy must not hide its lost calls: whoever adopts one looks whether it can
  -- belong to a pending row.
  update public.cost_checks as past
  set is_equal = case when not v_books.are_busy then v_is_equal end,
    equal_at = case when v_is_equal and not v_books.are_busy then v_openrouter.read_at else equal_at end,
    surplus_usd = v_drift,
    surplus_byok_usd = v_byok_drift,
    searches = case when (past.surplus_usd, past.surplus_byok_usd)
      is not distinct from (v_drift, v_byok_drift) then past.searches else 0 end,
    search_after = case
      when not (v_drift > 0 or coalesce(v_byok_drift, 0) > 0) then null
      when v_books.are_busy and not v_books.have_lost_calls then past.search_after
      when (past.surplus_usd, past.surplus_byok_usd) is not distinct from (v_drift, v_byok_drift)
        then coalesce(past.search_after, v_now)
      else v_now
    end
  where past.did = p_did;

  if v_books.are_busy then
    return jsonb_build_object('state', 'busy');
  end if;

  select * into v_last from public.cost_drift where did = p_did order by since desc limit 1;
  if found and (v_last.drift_usd, v_last.byok_drift_usd) is not distinct from (v_drift, v_byok_drift)
  then
    update public.cost_drift
    set checked_at = v_now,
      openrouter_usd = trim_scale(v_openrouter.usd),
      booked_usd = trim_scale(v_books.usd),
      openrouter_byok_usd = trim_scale(v_openrouter.byok_usd),
      booked_byok_usd = trim_scale(v_books.byok_usd)
    where did = p_did and since = v_last.since;
  else
    insert into public.cost_drift values (
      p_did, v_now, v_now, trim_scale(v_openrouter.usd), trim_scale(v_books.usd), v_drift,
      trim_scale(v_openrouter.byok_usd), trim_scale(v_books.byok_usd), v_byok_drift
    );
    -- What has been put right is history for a quarter.
    delete from public.cost_drift
    where did = p_did and checked_at < v_now - interval '90 days';
  end if;

  if not v_is_equal then
    return jsonb_build_object(
      'state', 'differs', 'drift_usd', v_drift::text, 'byok_drift_usd', v_byok_drift::text
    );
  end if;
  -- Costs are never negative: where nothing is missing from the sum, what is unknown was nothing.
  select array_agg(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'cost', '0', 'cost_source', 'reconciliation'
  ))
  into v_nothing
  from (
    select id, request_time from public.request_logs
    where did = p_did and status <> 'pending' and total_cost is null
      and response_time < v_now - case when endpoint = '/videos' then interval '1 day'
        else interval '1 hour' end
    order by request_time
    limit 500
    for update skip locked
  ) as unknown;
  perform public.enter_known_costs(v_nothing);
  return jsonb_build_object('state', 'equal');
end;
$$;

create or replace function public.note_parts(p_did text, p_generation_ids text[])
returns void
language sql
set search_path = ''
as $$
  insert into public.found_generations (generation_id, did)
  select id, p_did from unnest(p_generation_ids) as id
  -- As in adopt_generation: the DID may have been erased since the search began.
  where exists (select from public.key_usages where did = p_did)
  order by id
  on conflict do nothing;
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
  -- Nothing is missing of a DID that was erased since the search began: its calls are in the books, as
  -- another one's.
  if not exists (select from public.key_usages where did = v_did) then
    return 'exceeds';
  end if;
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
      and public.may_be_charged(log.http_status)
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
