-- A DID that was erased while maintenance looked for its lost calls came back into the books: all of its calls
-- were taken for missing, and booked a second time.

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
