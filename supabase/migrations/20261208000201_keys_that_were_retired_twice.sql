-- Where a deleted account is put back, from a backup say, its key stands among the current ones and the retired
-- ones; deleted or replaced again, it stands among the retired ones twice. Its reading was then two rows of one
-- key, which Postgres refuses, so that the DID's costs were never compared again.

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
  -- Several times, where a deleted account was put back, and its key retired again.
  left join lateral (
    select did, created_at from public.retired_api_keys
    where did = p_did and openrouter_key_hash = key.hash
    limit 1
  ) as retired on true
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
  -- What a key spent after it was read last, and before it was gone, analytics tell of 31 days only.
  if v_drift < 0 and exists (
    select
    from public.key_usages as known
    left join public.user_api_keys as current using (openrouter_key_hash)
    left join public.retired_api_keys as retired using (openrouter_key_hash)
    where known.did = p_did
      and coalesce(retired.created_at, current.created_at) <= known.gone_since - interval '31 days'
  ) then
    return jsonb_build_object('state', 'unknown');
  end if;
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
