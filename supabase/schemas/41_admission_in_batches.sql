-- Admissions that came together are decided together: those that nothing stands against, in a few
-- statements over all of them. Whatever else is to be decided, a refusal, a key of the first time, is left
-- out, and its caller asks admit_request, which has the rules.
--
-- The locks are taken in the order that 14_budgets.sql names, and within each kind in that of their keys:
-- message hashes, idempotency keys, ids, DIDs, '*'.

create type public.plain_admission as (
  asked public.admission,
  account public.user_api_keys,
  policy public.did_policies,
  limits public.limits,
  usd numeric
);
comment on type public.plain_admission is
  'A request that nothing stands against at a glance, with what was read of its DID.';

-- Which of some requests nothing stands against, as it is at a glance, without a lock: an account whose key
-- is there, and nothing that some rule would have to look at closer. In the order of their DIDs and ids.
create function public.plain_admissions(p_asked public.admission[], p_now timestamptz)
returns public.plain_admission[]
language plpgsql
stable
set search_path = ''
-- One look-up by its key for each row that is needed (the `limit 1`s hold the planner to that), however
-- small the tables were when it was planned: a plan is kept while they grow. A scan that is ruled out
-- counts as so dear, where there is no other, that Postgres might compile the plan each time.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
begin
  return array_agg(
    row(asked, account, policy, limits, usd)::public.plain_admission
    order by (asked).did, (asked).request_id
  )
  from (
    select asked, account, policy, limits, usd,
      not asked.metered
        or ((budget).day = (p_now at time zone 'utc')::date
          and public.has_room(
            budget, limits, (count(*) filter (where asked.metered) over of_did)::integer,
            sum(usd) over of_did, p_now
          )) as did_has_room,
      -- What another one of them says too is for one transaction each.
      row_number() over (partition by decode(asked.message_hash, 'hex')) = 1 or asked.message_hash is null
        as message_is_first,
      row_number() over (
          partition by asked.did, asked.idempotency_key, decode(asked.body_hash, 'hex')
        ) = 1
        or asked.idempotency_key is null as key_is_first
    from unnest(p_asked) as asked
    cross join public.gateway_settings as settings
    cross join lateral (
      select account from public.user_api_keys as account where account.did = asked.did limit 1
    ) as of_account
    left join lateral (
      select policy from public.did_policies as policy where policy.did = asked.did limit 1
    ) as of_policy on true
    left join lateral (
      select budget from public.budgets as budget
      where budget.did = asked.did and asked.metered limit 1
    ) as of_budget on true
    cross join lateral (
      select public.limits_of(policy, settings) as limits,
        case when asked.metered then public.reserve_of(asked.estimate, settings) else 0 end as usd
      -- Once a row, not once for each mention of it.
      offset 0
    ) as reserve
    -- Answers are found by the id, so that one of two would be answered with the other's.
    where asked.request_id <> all (array(
        select request_id from unnest(p_asked) group by request_id having count(*) > 1
      ))
      and public.access_of(account, policy, settings) = 'allowed'
      and (asked.token_issued_at < (policy).tokens_valid_after) is not true
      and (
        not asked.metered
        or coalesce((policy).allowed_models, settings.default_allowed_models) is null
        or (
          asked.runs_unnamed is null and asked.models <> '{}' and public.model_not_in(
            asked.models, coalesce((policy).allowed_models, settings.default_allowed_models)
          ) is null
        )
      )
      and coalesce(asked.shared_features || asked.server_tools, '{}')
        <@ (settings.shared_features::text[] || settings.allowed_server_tools)
      and coalesce(asked.owned_generations, '{}') = '{}'
      and asked.free_model is not true
    window of_did as (partition by asked.did)
  ) as plain
  where did_has_room and message_is_first and key_is_first;
end;
$$;
comment on function public.plain_admissions is
  'Which of some requests nothing stands against at a glance, with what was read of their DIDs.';

-- Admits those of some requests that nothing stands against, and books them, in one transaction. The
-- others are as if they had not been asked for.
--
-- p_now: the time, which tests choose.
--
-- Returns admit_request's answers to those admitted, by request_id.
create function public.enter_admissions(p_asked public.admission[], p_now timestamptz)
returns jsonb
language plpgsql
set search_path = ''
-- As in plain_admissions, look-ups by keys: here `= any (array)` holds the planner to that.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  v_settings public.gateway_settings;
  v_gateway_limits public.limits;
  v_today date := (p_now at time zone 'utc')::date;
  v_plain public.plain_admission[] := public.plain_admissions(p_asked, p_now);
  -- Those of them whose message was not accepted before.
  v_fresh public.plain_admission[];
  -- Those of them that hold their Idempotency-Key, or have none.
  v_passing public.plain_admission[];
  v_entered public.plain_admission[];
  v_id uuid;
  v_calls integer;
  v_usd numeric;
  v_budgets public.budgets[] := '{}';
  v_answers jsonb;
begin
  if v_plain is null then
    return '{}';
  end if;
  select * into v_settings from public.gateway_settings;
  v_gateway_limits := public.gateway_limits(v_settings);

  with accepted as (
    insert into public.accepted_messages (message_hash, expires_at)
    select decode((asked).message_hash, 'hex'), (asked).message_expires_at
    from unnest(v_plain) where (asked).message_hash is not null
    order by 1
    on conflict do nothing
    returning message_hash
  )
  select array_agg(plain) into v_fresh
  from unnest(v_plain) as plain
  where (plain.asked).message_hash is null
    or decode((plain.asked).message_hash, 'hex') in (select message_hash from accepted);

  with taken as (
    insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id)
    select (asked).did, (asked).idempotency_key, decode((asked).body_hash, 'hex'), (asked).request_id
    from unnest(v_fresh) where (asked).metered and (asked).idempotency_key is not null
    order by 1, 2, 3
    on conflict (did, idempotency_key, body_hash) do nothing
    returning request_id
  )
  select array_agg(fresh) into v_passing
  from unnest(v_fresh) as fresh
  where not (fresh.asked).metered or (fresh.asked).idempotency_key is null
    or (fresh.asked).request_id in (select request_id from taken);

  -- As in admit_request: no two rows may have one id.
  perform pg_advisory_xact_lock(hashtextextended(id::text, 0))
  from (
    select (asked).request_id as id from unnest(v_passing) where (asked).metered order by 1
  ) as metered;
  select id into v_id
  from (select (asked).request_id as id from unnest(v_passing) where (asked).metered) as metered
  cross join lateral (
    select from public.request_logs as log
    where log.id = metered.id
      and log.request_time between p_now - interval '1 day' and p_now + interval '1 minute'
    -- In the order of the key, so that no other index is as good in a month with no row yet.
    order by log.request_time
    limit 1
  ) as admitted_before
  limit 1;
  if found then
    raise exception 'request % was admitted before', v_id using errcode = '23505';
  end if;

  -- All budgets are held from here to the end of the transaction.
  perform public.lock_budget(metered.did)
  from (
    select (asked).did from unnest(v_passing) where (asked).metered group by 1 order by 1
  ) as metered;
  select count(*), sum(usd) into v_calls, v_usd from unnest(v_passing) where (asked).metered;
  if v_calls > 0 then
    perform public.lock_budget('*');
    if exists (
      select from public.budgets as gateway_budget
      where did = '*' and day = v_today
        and public.has_room(gateway_budget, v_gateway_limits, v_calls, v_usd, p_now)
    ) then
      with metered as (
        select (asked).did, limits, count(*)::integer as calls, sum(usd) as usd
        from unnest(v_passing) where (asked).metered group by 1, 2
      ), entered as (
        update public.budgets as budget
        set day_reserved_usd = day_reserved_usd + metered.usd,
          month_reserved_usd = month_reserved_usd + metered.usd,
          requests_under_way = requests_under_way + metered.calls,
          requests_used_until = public.used_until(
            requests_used_until, (metered.limits).requests_per_minute, metered.calls, p_now
          )
        from metered
        where budget.did = any (array(select did from metered))
          and budget.did = metered.did and budget.day = v_today
          and public.has_room(budget, metered.limits, metered.calls, metered.usd, p_now)
        returning budget, metered.calls, metered.usd
      )
      select array_agg(budget), sum(calls), sum(usd) into v_budgets, v_calls, v_usd from entered;
      update public.budgets
      set day_reserved_usd = day_reserved_usd + v_usd,
        month_reserved_usd = month_reserved_usd + v_usd,
        requests_used_until = public.used_until(
          requests_used_until, v_gateway_limits.requests_per_minute, v_calls, p_now
        )
      where did = '*' and v_calls > 0;
    end if;
  end if;

  select
    array_agg(passing) filter (where (passing.asked).metered),
    jsonb_object_agg(
      (passing.asked).request_id,
      public.admitted_answer(
        passing.account, passing.policy, v_settings,
        case when (passing.asked).metered then passing.limits end, budget, p_now
      )
    )
  into v_entered, v_answers
  from unnest(v_passing) as passing
  left join unnest(v_budgets) as budget on budget.did = (passing.asked).did
  where not (passing.asked).metered or budget.did is not null;

  insert into public.request_logs (
    id, did, method, endpoint, model, streaming, request_time, created_at,
    estimate_usd, reserved_usd, reserved_on, session, label
  )
  select
    (asked).request_id, (asked).did, (asked).method, (asked).endpoint, (asked).model,
    coalesce((asked).streaming, false), p_now, p_now, usd, usd, v_today,
    (asked).session, (asked).label
  from unnest(v_entered)
  order by 1;

  if (select count(*) from jsonb_object_keys(v_answers)) < cardinality(v_fresh) then
    delete from public.accepted_messages
    where message_hash = any (array(
      select decode((asked).message_hash, 'hex') from unnest(v_fresh)
      where not coalesce(v_answers ? (asked).request_id::text, false)
    ));
    delete from public.idempotency_keys
    where request_id = any (array(
      select (asked).request_id from unnest(v_passing)
      where not coalesce(v_answers ? (asked).request_id::text, false)
    ));
  end if;
  return coalesce(v_answers, '{}');
end;
$$;
comment on function public.enter_admissions is
  'Admits those of some requests that nothing stands against, at a given time, and books them.';

-- Admits those of some requests that nothing stands against: what admit_request is for one, for those that
-- came while another call was under way.
--
-- p_admissions: a JSON array of what admit_request takes, as text.
--
-- Returns admit_request's answers, by request_id. Those that are missing must be asked for alone.
create function public.admit_requests(p_admissions text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return public.enter_admissions(
    array(select asked from jsonb_populate_recordset(null::public.admission, p_admissions::jsonb) as asked),
    now()
  );
end;
$$;
comment on function public.admit_requests is
  'Admits those of some requests that nothing stands against; the others must be asked for alone.';
