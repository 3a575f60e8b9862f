-- A DID whose key was deleted after calls with its owner's own provider key gets its lost calls booked.
-- Their upstream costs seemed to exceed OpenRouter's sum for good, which analytics do not tell, and with
-- them every call that was found.

-- Books what OpenRouter made for one request of a DID, and what no row says of it, once: as the cost of
-- the lost row whose model and time fit best, or as a row of its own.
--
-- p_found: {"did", "generations": those of the request, [{"id", "cost", "upstream_cost"}] in OpenRouter's
-- credits, "created_at", "endpoint": null where not known, "streaming", and members of `settlement`:
-- model, provider, native_finish_reason, tokens, usd_per_credit}. p_any_row: whether a lost row of another model will do, and a new one, too; those
-- that fit well come first, so that each lost row gets its own.
--
-- Returns
--   adopted   a lost row has the cost now
--   own_row   it has a row of its own now
--   known     the cost is in the books already, or there is none: what failed for free is no lost call
--   pending   it may be a request's that has not ended: ask again later
--   exceeds   the DID's sum would exceed OpenRouter's: this is no call that is missing
--   no_row    without p_any_row: no lost row fits well
create or replace function public.adopt_generation(p_found jsonb, p_any_row boolean)
returns text
language plpgsql
set search_path = ''
as $$
declare
  -- The Data API of the development stack hands JSON on as a string.
  v_found jsonb := case jsonb_typeof(p_found)
    when 'string' then (p_found #>> '{}')::jsonb else p_found
  end;
  v_did text := v_found ->> 'did';
  v_ids text[];
  v_created_at timestamptz := v_found ->> 'created_at';
  v_endpoint text := v_found ->> 'endpoint';
  v_model text := v_found ->> 'model';
  v_rate numeric := v_found ->> 'usd_per_credit';
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
    jsonb_to_recordset(v_found -> 'generations') as (id text, cost numeric, upstream_cost numeric)
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

  v_known := v_found || jsonb_build_object(
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
      coalesce((v_found ->> 'streaming')::boolean, false), v_created_at, v_created_at, 'completed',
      told.model, told.provider, told.generation_id, told.native_finish_reason, told.input_tokens,
      told.output_tokens, told.cached_tokens, told.reasoning_tokens, v_cost, v_upstream_cost,
      told.cost_source
    from jsonb_populate_record(null::public.settlement, v_known) as told
    returning * into v_row;
    perform public.lock_budget(v_did);
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
