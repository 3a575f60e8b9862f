-- Calls whose generation nobody learnt, because the worker that made them died or the connection broke
-- before the headers: OpenRouter's analytics name their generations, and each of those is booked once.

-- Claims DIDs that OpenRouter has charged more than is booked. Each claim keeps the DID from the next
-- one for twice as long as the one before, from five minutes to a day, until the surplus changes.
--
-- Returns {"searches": [{"did", "keys": [hashes], "from": since when the calls that are missing may
-- have been made}], "left": DIDs that could still be claimed, no more than 10 000 of them counted}.
create function public.claim_cost_searches(p_limit integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_due text[];
  v_searches jsonb;
begin
  v_due := array(
    select did from public.cost_checks where search_after <= clock_timestamp()
    order by search_after, did limit 10000
  );
  with claimed as (
    update public.cost_checks
    set searches = least(searches + 1, 1000),
      search_after = clock_timestamp()
        + least(interval '1 day', interval '5 minutes' * 2 ^ least(searches, 9))
    where did = any (v_due[:p_limit])
    returning did, equal_at, searched_to
  )
  select jsonb_agg(jsonb_build_object(
    'did', claimed.did,
    'keys', array(
      select openrouter_key_hash from public.user_api_keys where did = claimed.did
      union
      select openrouter_key_hash from public.retired_api_keys
      where did = claimed.did and retired_at > now() - interval '32 days'
    ),
    -- What was called before the sums were equal is booked; an hour for what was under way.
    'from', greatest(
      now() - interval '31 days',
      -- The retention can be shorter: of what was dropped nobody can say whether it is booked.
      public.request_log_kept_since() + interval '1 hour',
      coalesce(claimed.searched_to, claimed.equal_at - interval '1 hour')
    )
  ) order by claimed.did)
  into v_searches
  from claimed;
  return jsonb_build_object(
    'searches', coalesce(v_searches, '[]'),
    'left', greatest(cardinality(v_due) - p_limit, 0)
  );
end;
$$;
comment on function public.claim_cost_searches is
  'Claims DIDs that OpenRouter has charged more than is booked.';

-- Notes up to when a search has looked, where it breaks off: the next one goes on there. Null: it has
-- come to its end.
create function public.end_cost_search(p_did text, p_searched_to timestamptz)
returns void
language sql
set search_path = ''
as $$
  update public.cost_checks
  set searched_to = p_searched_to,
    -- Unfinished: there is no reason to wait.
    search_after = case when p_searched_to is null then search_after else clock_timestamp() end
  where did = p_did;
$$;
comment on function public.end_cost_search is
  'Notes how far the search for a DID''s missing calls has come.';

create function public.unbooked_generations(p_did text, p_generation_ids text[])
returns text[]
language sql
stable
set search_path = ''
as $$
  select coalesce(array_agg(asked.id order by asked.place), '{}')
  from unnest(p_generation_ids) with ordinality as asked (id, place)
  where not exists (
      select from public.request_logs
      where did = p_did and generation_id = asked.id and total_cost is not null
    )
    and not exists (select from public.found_generations where generation_id = asked.id);
$$;
comment on function public.unbooked_generations is
  'Of these generations of a DID, those whose cost is not in the books.';

-- A cost that an answer told is the sum of all generations of the request.
--
-- Returns [{"generation_id", "from", "to": when the request ran, give or take what clocks differ by}], no
-- more than 10 000, the latest.
create function public.generations_with_sums(p_did text, p_from timestamptz, p_to timestamptz)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(jsonb_build_object(
      'generation_id', generation_id,
      'from', request_time - interval '10 seconds', 'to', response_time + interval '10 seconds'
    )),
    '[]'
  )
  from (
    select generation_id, request_time, response_time from public.request_logs
    -- The longest request lasts a quarter of an hour.
    where did = p_did
      and request_time between p_from - interval '20 minutes' and p_to + interval '10 seconds'
      and response_time >= p_from - interval '10 seconds'
      and cost_source = 'response' and generation_id is not null
    order by request_time desc
    limit 10000
  ) as running;
$$;
comment on function public.generations_with_sums is
  'The generations of a DID''s requests that ran in a span of time and whose answers told the sum of their costs.';

-- Books generations that no row has as part of a request whose answer told the sum: they are in it.
create function public.note_parts(p_did text, p_generation_ids text[])
returns void
language sql
set search_path = ''
as $$
  -- As in adopt_generation: the DID may have been erased since the search began, or be about to be.
  select public.lock_costs_of(p_did);
  insert into public.found_generations (generation_id, did)
  select id, p_did from unnest(p_generation_ids) as id
  where exists (select from public.key_usages where did = p_did)
  order by id
  on conflict do nothing;
$$;
comment on function public.note_parts is
  'Notes generations whose cost is in the sum that the answer to their request told.';

-- Books what OpenRouter made for one request of a DID, and what no row says of it, once: as the cost of
-- the lost row whose model and time fit best, or as a row of its own.
--
-- p_found: {"did", "generations": those of the request, [{"id", "cost", "upstream_cost"}] in OpenRouter's
-- credits, "created_at", "endpoint": null where not known, "streaming", and members of `settlement`:
-- model, provider, native_finish_reason, tokens, usd_per_credit}. p_any_row: whether a lost row of another
-- model will do, and a new one, too; those that fit well come first, so that each lost row gets its own.
--
-- Returns
--   adopted   a lost row has the cost now
--   own_row   it has a row of its own now
--   known     the cost is in the books already, or there is none: what failed for free is no lost call
--   pending   it may be a request's that has not ended: ask again later
--   exceeds   the DID's sum would exceed OpenRouter's: this is no call that is missing
--   no_row    without p_any_row: no lost row fits well
create function public.adopt_generation(p_found jsonb, p_any_row boolean)
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
comment on function public.adopt_generation is
  'Books a generation that no row has, once: as a lost row''s cost, or as a row of its own.';
