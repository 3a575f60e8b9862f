-- Whether the books say what OpenRouter says: maintenance reads what each DID's keys have spent, and
-- compares. Who changes or judges a DID's sum from outside its requests holds lock_costs_of.

-- Everything that changes or judges a DID's sum of costs from outside its requests does so one after
-- the other, until the end of the transaction.
create function public.lock_costs_of(p_did text)
returns void
language sql
set search_path = ''
as $$
  select pg_advisory_xact_lock(hashtextextended('llm-gateway: costs of ' || p_did, 0));
$$;
comment on function public.lock_costs_of is
  'Takes the lock under which a DID''s costs are compared and found, until the end of the transaction.';

create function public.try_lock_costs_of(p_did text)
returns boolean
language sql
set search_path = ''
as $$
  select pg_try_advisory_xact_lock(hashtextextended('llm-gateway: costs of ' || p_did, 0));
$$;
comment on function public.try_lock_costs_of is
  'Takes the lock of lock_costs_of where nobody has it; false: somebody has.';

-- A difference between two sums, but 0 where it is no more than what sums of floating-point numbers
-- lose: OpenRouter adds up as doubles, which have 15 digits.
create function public.difference_of_sums(p_openrouter numeric, p_booked numeric)
returns numeric
language sql
immutable
set search_path = ''
as $$
  select case
    when abs(p_openrouter - p_booked) <= 1e-10 + abs(p_openrouter) * 1e-12 then 0
    else trim_scale(p_openrouter - p_booked)
  end;
$$;
comment on function public.difference_of_sums is
  'OpenRouter''s sum minus the books'', 0 where only floating-point noise is between them.';

-- Whether a call that was answered so may be charged: not what OpenRouter has refused. Behind a proxy that
-- waited in vain (504, 520, 524) it may have gone on.
create function public.may_be_charged(p_http_status integer)
returns boolean
language sql
immutable
set search_path = ''
as $$
  select coalesce(p_http_status, 200) < 400 or p_http_status in (504, 520, 524);
$$;
comment on function public.may_be_charged is
  'Whether OpenRouter may have charged a call of which nothing but the status of its answer is known.';

-- Claims DIDs whose sums the running maintenance shall compare: those never compared, or not equal last
-- time, or with requests since then, or with rows whose cost nobody has learnt within an hour, and each
-- once a day; whoever has waited longest comes first. One that has no account any more, because it was
-- erased or its account deleted, is compared for as long as analytics tell of its calls. A DID is claimed
-- once a run, and stays due when the run ends before its sums were compared. Who is being erased, or whose
-- costs somebody else is at, is left for another run.
--
-- Returns {"checks": [{"did", "keys": [hashes whose usage is to be read]}], "left": DIDs still due, no
-- more than 10 000 of them counted}.
create function public.claim_cost_checks(p_limit integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_run_since timestamptz := (select started_at from public.maintenance_runs);
  v_due text[];
  v_did text;
  v_claimed text[] := '{}';
  v_checks jsonb;
begin
  v_due := array(
    select account.did
    from (
      select did from public.user_api_keys
      union
      select did from public.retired_api_keys as retired
      where exists (
        select from public.request_logs as log
        where log.did = retired.did and log.request_time > now() - interval '31 days'
      )
    ) as account
    left join public.cost_checks as past on past.did = account.did
    where past.did is null
      or (
        past.claimed_at < v_run_since
        and (
          past.is_equal is not true
          or past.claimed_at < now() - interval '1 day'
          or exists (
            select from public.request_logs as log
            where log.did = account.did and log.request_time >= past.claimed_at - interval '1 minute'
          )
          or exists (
            select from public.request_logs as log
            where log.did = account.did and log.total_cost is null and log.status <> 'pending'
              and log.response_time < now() - interval '1 hour' and log.endpoint <> '/videos'
          )
        )
      )
    order by past.claimed_at nulls first, account.did
    limit 10000
  );
  foreach v_did in array v_due loop
    exit when cardinality(v_claimed) >= p_limit;
    -- Under the lock that an erasure has, and looked for anew: nothing may bring the name of a DID back that
    -- was erased since the look above.
    if public.try_lock_costs_of(v_did) and exists (
      select from public.user_api_keys where did = v_did
      union all select from public.retired_api_keys where did = v_did
    ) then
      v_claimed := v_claimed || v_did;
    end if;
  end loop;

  insert into public.cost_checks as past (did, claimed_at)
  select did, clock_timestamp() from unnest(v_claimed) as did order by did
  on conflict (did) do update set claimed_at = excluded.claimed_at, is_equal = null;

  select jsonb_agg(jsonb_build_object('did', claimed.did, 'keys', array(
    select of_did.hash
    from (
      select openrouter_key_hash as hash from public.user_api_keys where did = claimed.did
      union
      select openrouter_key_hash from public.retired_api_keys where did = claimed.did
    ) as of_did
    where not exists (
      select from public.key_usages
      where openrouter_key_hash = of_did.hash and is_final
    )
    order by of_did.hash
  )) order by claimed.place)
  into v_checks
  from unnest(v_claimed) with ordinality as claimed (did, place);

  return jsonb_build_object(
    'checks', coalesce(v_checks, '[]'),
    'left', cardinality(v_due) - cardinality(v_claimed)
  );
end;
$$;
comment on function public.claim_cost_checks is
  'Claims DIDs whose costs the running maintenance shall compare with OpenRouter''s sums.';

-- Compares the sum of a DID's costs with what OpenRouter says of its keys.
--
-- p_keys: what was just read, [{"hash", "usage", "byok_usage", "is_gone"}], in OpenRouter's credits as
-- decimal strings; the keys that are not in it count as they were read last. Of a key that is gone,
-- what analytics say counts where it is more than what is known. p_read_for: how long ago the reading
-- began.
--
-- Returns {"state": …}:
--   equal    recorded; rows whose cost nobody learnt within an hour have cost nothing then
--   differs  recorded, with drift_usd and byok_drift_usd
--   busy     not recorded: a request is pending, about to be priced, or has ended since the reading
--   unknown  not recorded: nobody knows what one of its keys has spent
create function public.compare_costs(
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
comment on function public.compare_costs is
  'Compares a DID''s booked costs with what OpenRouter says of its keys, and keeps the difference in cost_drift.';

-- An hour, because OpenRouter adds a call to its key's usage some time after the answer.
create view public.cost_drift_latest with (security_invoker = true) as
select
  latest.*,
  standing.since as stands_since,
  coalesce(latest.checked_at - standing.since >= interval '1 hour', false) as counts
from (
  select distinct on (did) * from public.cost_drift order by did, since desc
) as latest
left join lateral (
  select min(differing.since) as since
  from public.cost_drift as differing
  where differing.did = latest.did
    and differing.since > coalesce(
      (
        select max(equal.since) from public.cost_drift as equal
        where equal.did = latest.did
          and equal.drift_usd = 0 and coalesce(equal.byok_drift_usd, 0) = 0
      ),
      '-infinity'
    )
) as standing on true;
comment on view public.cost_drift_latest is
  'Each DID''s latest difference between OpenRouter''s sum and the books''; where `counts` is true it has stood for an hour: look into it.';
comment on column public.cost_drift_latest.since is 'When this difference was first seen.';
comment on column public.cost_drift_latest.checked_at is 'When it was last seen.';
comment on column public.cost_drift_latest.openrouter_usd is
  'What OpenRouter had charged the DID''s keys then.';
comment on column public.cost_drift_latest.booked_usd is
  'The sum of total_cost over the DID''s usage_daily then.';
comment on column public.cost_drift_latest.drift_usd is
  'Positive: OpenRouter has charged what the books lack. 0: equal.';
comment on column public.cost_drift_latest.openrouter_byok_usd is
  'What OpenRouter says that the owners'' own provider keys were charged; null: not known.';
comment on column public.cost_drift_latest.booked_byok_usd is
  'The sum of upstream_cost over the DID''s usage_daily.';
comment on column public.cost_drift_latest.byok_drift_usd is 'As drift_usd; null: not known.';
comment on column public.cost_drift_latest.stands_since is
  'Since when the sums have differed at each check, by whatever amount; null: they are equal.';
comment on column public.cost_drift_latest.counts is
  'Whether that has been so for an hour: a younger difference means nothing yet.';

-- Returns [{"did", "drift_usd", "byok_drift_usd": decimal strings or null, "stands_since"}].
create function public.standing_cost_drifts(p_limit integer default 20)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'did', did, 'drift_usd', drift_usd::text, 'byok_drift_usd', byok_drift_usd::text,
    'stands_since', stands_since
  ) order by size desc, did), '[]')
  from (
    select *, abs(drift_usd) + abs(coalesce(byok_drift_usd, 0)) as size
    from public.cost_drift_latest
    where counts
    order by size desc, did
    limit p_limit
  ) as standing;
$$;
comment on function public.standing_cost_drifts is
  'The differences of cost_drift_latest that have stood for an hour, the largest first.';
