-- Admissions that came together are decided together: those that nothing stands against, in a few
-- statements over all of them. Whatever else is to be decided, a refusal, a key of the first time, is left
-- out, and its caller asks admit_request, which has the rules.
--
-- The locks are taken in the order that the budgets' migration names, and within each kind in that of
-- their keys: message hashes, idempotency keys, ids, DIDs, '*'.

-- Whether a budget takes so many more calls that reserve so much together, none of a free model, as far as
-- one look tells: what costs nothing may pass where it says no.
create function public.has_room(
  p_budget public.budgets,
  p_limits public.limits,
  p_calls integer,
  p_usd numeric,
  p_now timestamptz
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
      -- However long nobody called, no more than a minute's pass at once.
      greatest(p_budget.requests_used_until, p_now) <= p_now + interval '1 microsecond' * (
        (60000000 / p_limits.requests_per_minute)::bigint * (p_limits.requests_per_minute - p_calls)
      ), true
    )
    and coalesce(p_budget.refusals_used_until <= p_now, true)
    and coalesce(p_budget.requests_under_way + p_calls <= p_limits.concurrent_requests, true)
    and coalesce(
      p_budget.day_spent_usd + p_budget.day_reserved_usd + p_usd <= p_limits.daily_budget_usd, true
    )
    and coalesce(
      p_budget.month_spent_usd + p_budget.month_reserved_usd + p_usd <= p_limits.monthly_budget_usd,
      true
    );
end;
$$;
comment on function public.has_room is 'Whether a budget takes so many more calls that reserve so much together, none of a free model.';

-- Until when a bucket is used up once so many more were taken out of it; as it was, where there is no rate.
create function public.used_until(
  p_used_until timestamptz,
  p_per_minute integer,
  p_calls integer,
  p_now timestamptz
)
returns timestamptz
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    greatest(p_used_until, p_now)
      + interval '1 microsecond' * ((60000000 / p_per_minute)::bigint * p_calls),
    p_used_until
  );
end;
$$;
comment on function public.used_until(timestamptz, integer, integer, timestamptz) is
  'Until when a bucket is used up once so many more were taken out of it.';

-- What stands against a call that may cost, by the limits on its DID or on the gateway.
--
-- p_budget: the row on the day of the call. p_scope: 'did' or 'gateway'.
--
-- Returns null: nothing; or
--   {"decision": "rate_limited", "scope": p_scope or "free_models", "what": requests | refusals |
--    concurrent | free_requests, "limit", "remaining", "reset_ms", "retry_after_ms"}
--   {"decision": "budget_exceeded", "scope", "period": day | month, "limit_usd", "spent_usd",
--    "reserved_usd", "estimate_usd": decimal strings, "resets_at"}
create or replace function public.refusal_by(
  p_budget public.budgets,
  p_limits public.limits,
  p_scope text,
  p_usd numeric,
  p_free_model boolean,
  p_now timestamptz
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_day_ends timestamptz;
  v_month_ends timestamptz;
  v_ms numeric;
begin
  -- Nearly always: one look, without all that a refusal tells.
  if not p_free_model and public.has_room(p_budget, p_limits, 1, p_usd, p_now) then
    return null;
  end if;

  v_day_ends := (p_budget.day + 1)::timestamp at time zone 'utc';
  v_month_ends := (p_budget.month + interval '1 month') at time zone 'utc';
  if not public.rate_allows(p_budget.requests_used_until, p_limits.requests_per_minute, p_now) then
    return jsonb_build_object('decision', 'rate_limited', 'scope', p_scope, 'what', 'requests')
      || public.rate_state(p_budget.requests_used_until, p_limits.requests_per_minute, p_now);
  end if;
  if not public.rate_allows(
    p_budget.refusals_used_until, p_limits.refused_requests_per_minute, p_now
  ) then
    return jsonb_build_object('decision', 'rate_limited', 'scope', p_scope, 'what', 'refusals')
      || public.rate_state(p_budget.refusals_used_until, p_limits.refused_requests_per_minute, p_now);
  end if;
  if p_budget.requests_under_way >= p_limits.concurrent_requests then
    return jsonb_build_object(
      'decision', 'rate_limited', 'scope', p_scope, 'what', 'concurrent',
      'limit', p_limits.concurrent_requests, 'remaining', 0, 'reset_ms', 1000, 'retry_after_ms', 1000
    );
  end if;
  if p_free_model then
    if p_budget.day_free_requests >= p_limits.free_models_per_day then
      v_ms := ceil(extract(epoch from v_day_ends - p_now) * 1000);
      return jsonb_build_object(
        'decision', 'rate_limited', 'scope', 'free_models', 'what', 'free_requests',
        'limit', p_limits.free_models_per_day, 'remaining', 0, 'reset_ms', v_ms, 'retry_after_ms', v_ms
      );
    end if;
    if not public.rate_allows(
      p_budget.free_requests_used_until, p_limits.free_models_per_minute, p_now
    ) then
      return jsonb_build_object(
        'decision', 'rate_limited', 'scope', 'free_models', 'what', 'free_requests'
      ) || public.rate_state(p_budget.free_requests_used_until, p_limits.free_models_per_minute, p_now);
    end if;
  end if;
  -- What costs nothing is no matter of budgets, used up or not.
  if p_usd = 0 then
    return null;
  end if;
  if p_budget.day_spent_usd + p_budget.day_reserved_usd + p_usd > p_limits.daily_budget_usd then
    return jsonb_build_object(
      'decision', 'budget_exceeded', 'scope', p_scope, 'period', 'day',
      'limit_usd', trim_scale(p_limits.daily_budget_usd)::text,
      'spent_usd', trim_scale(p_budget.day_spent_usd)::text,
      'reserved_usd', trim_scale(p_budget.day_reserved_usd)::text,
      'estimate_usd', trim_scale(p_usd)::text, 'resets_at', v_day_ends
    );
  end if;
  if p_budget.month_spent_usd + p_budget.month_reserved_usd + p_usd > p_limits.monthly_budget_usd then
    return jsonb_build_object(
      'decision', 'budget_exceeded', 'scope', p_scope, 'period', 'month',
      'limit_usd', trim_scale(p_limits.monthly_budget_usd)::text,
      'spent_usd', trim_scale(p_budget.month_spent_usd)::text,
      'reserved_usd', trim_scale(p_budget.month_reserved_usd)::text,
      'estimate_usd', trim_scale(p_usd)::text, 'resets_at', v_month_ends
    );
  end if;
  return null;
end;
$$;

-- What admit_request answers to an admitted request.
--
-- p_budget: the DID's, with the request in it; its limits null where the request does not count.
create function public.admitted_answer(
  p_account public.user_api_keys,
  p_policy public.did_policies,
  p_settings public.gateway_settings,
  p_limits public.limits,
  p_budget public.budgets,
  p_now timestamptz
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_key_limit public.key_limit := public.key_limit_of(p_account, p_policy, p_settings);
  v_remaining_usd numeric := least(
    p_limits.daily_budget_usd - p_budget.day_spent_usd - p_budget.day_reserved_usd,
    p_limits.monthly_budget_usd - p_budget.month_spent_usd - p_budget.month_reserved_usd
  );
begin
  return jsonb_build_object(
    'decision', 'admitted',
    'encrypted_api_key', p_account.encrypted_api_key,
    'openrouter_key_hash', p_account.openrouter_key_hash,
    'request_time', p_now,
    'new_limit', case
      when p_account.did is not null and (v_key_limit.credit_limit, v_key_limit.credit_limit_reset)
        is distinct from (p_account.applied_credit_limit, p_account.applied_credit_limit_reset)
      then jsonb_build_object(
        'credit_limit', v_key_limit.credit_limit::text,
        'credit_limit_reset', v_key_limit.credit_limit_reset
      )
    end
  ) || case when p_limits.requests_per_minute is not null then jsonb_build_object(
    'rate', public.rate_state(p_budget.requests_used_until, p_limits.requests_per_minute, p_now)
  ) else '{}' end || case when v_remaining_usd is not null then jsonb_build_object(
    'remaining_usd', trim_scale(v_remaining_usd)::text
  ) else '{}' end;
end;
$$;
comment on function public.admitted_answer is 'What admit_request answers to an admitted request.';

-- Decides on one authenticated request, and books it, in one transaction. A message counts as accepted
-- only once nothing stands against it, so that it can be sent again after the cause of a refusal is gone.
-- Nothing of what is refused stays.
--
-- p_now: the time, which tests choose.
--
-- Returns {"decision": …}, the first of these that holds:
--   token_revoked        the token was issued before tokens_valid_after
--   access_denied        with why: blocked, not_allowed (access_mode is allowlist)
--   model_not_allowed    with model, or why it is not known what runs
--   feature_not_allowed  with feature: the first one asked for that the operator has not opened
--   not_owned            one of the generations is in no row of this DID
--   rate_limited, budget_exceeded   as refusal_by returns them, and alerted: whether an alert is new
--   needs_provisioning   the DID has no key yet, and the request needs one
--   replayed             message_hash was accepted before
--   duplicate            with request_id: the metered request that had the same idempotency key and body
--   admitted             with request_time, encrypted_api_key, openrouter_key_hash, both null where the
--                        DID has no key; new_limit {credit_limit, credit_limit_reset} where OpenRouter
--                        must be told; where there is such a limit: rate as rate_state returns it, and
--                        remaining_usd of the DID's budgets, a decimal string
create or replace function public.enter_admission(p_asked public.admission, p_now timestamptz)
returns jsonb
language plpgsql
set search_path = ''
-- From six partitions on, Postgres would choose to plan each look at the log anew.
set plan_cache_mode = force_generic_plan
as $$
declare
  v_did text := p_asked.did;
  v_known record;
  v_settings public.gateway_settings;
  v_policy public.did_policies;
  v_account public.user_api_keys;
  v_allowed_models text[];
  v_limits public.limits;
  v_gateway_limits public.limits;
  v_budget public.budgets;
  v_gateway_budget public.budgets;
  v_usd numeric;
  v_is_free boolean := coalesce(p_asked.free_model, false);
  v_today date := (p_now at time zone 'utc')::date;
  v_refusal jsonb;
  v_text text;
  v_duplicate_of uuid;
begin
  select settings, policy, account, budget, gateway_budget
  into v_known
  from public.gateway_settings as settings
  left join public.did_policies as policy on policy.did = v_did
  left join public.user_api_keys as account on account.did = v_did
  left join public.budgets as budget on budget.did = v_did
  left join public.budgets as gateway_budget on gateway_budget.did = '*';
  v_settings := v_known.settings;
  v_policy := v_known.policy;
  v_account := v_known.account;

  if p_asked.token_issued_at < v_policy.tokens_valid_after then
    return jsonb_build_object('decision', 'token_revoked');
  end if;
  if v_account.status = 'disabled' or v_policy.access = 'blocked' then
    return jsonb_build_object('decision', 'access_denied', 'why', 'blocked');
  end if;
  if v_settings.access_mode = 'allowlist' and v_policy.access is distinct from 'allowed' then
    return jsonb_build_object('decision', 'access_denied', 'why', 'not_allowed');
  end if;

  v_allowed_models := coalesce(v_policy.allowed_models, v_settings.default_allowed_models);
  if p_asked.metered and v_allowed_models is not null then
    v_text := public.model_not_in(p_asked.models, v_allowed_models);
    if v_text is not null then
      return jsonb_build_object('decision', 'model_not_allowed', 'model', v_text);
    end if;
    if p_asked.runs_unnamed is not null or coalesce(p_asked.models, '{}') = '{}' then
      return jsonb_build_object(
        'decision', 'model_not_allowed', 'why', coalesce(p_asked.runs_unnamed, 'no model is named')
      );
    end if;
  end if;

  -- `is not true`, so that what is null counts as not opened.
  if p_asked.shared_features <> '{}' or p_asked.server_tools <> '{}' then
    select asked.feature into v_text
    from unnest(p_asked.shared_features || p_asked.server_tools) with ordinality as asked (feature, place)
    where (asked.feature = any (
      v_settings.shared_features::text[] || v_settings.allowed_server_tools
    )) is not true
    order by asked.place
    limit 1;
    if found then
      return jsonb_build_object('decision', 'feature_not_allowed', 'feature', v_text);
    end if;
  end if;

  -- One look-up each, by the index: as one statement over all of them, Postgres may read the whole log
  -- of the DID.
  foreach v_text in array coalesce(p_asked.owned_generations, '{}') loop
    if not exists (
      select from public.request_logs where did = v_did and generation_id = v_text
    ) then
      return jsonb_build_object('decision', 'not_owned');
    end if;
  end loop;

  -- What is refused by limits nearly always is so by what they were a moment ago: without a lock, and
  -- before anything is written or a key is made.
  if p_asked.metered then
    v_usd := public.reserve_of(p_asked.estimate, v_settings);
    v_limits := public.limits_of(v_policy, v_settings);
    v_gateway_limits := public.gateway_limits(v_settings);
    v_refusal := coalesce(
      public.refusal_by(
        public.rolled(v_known.budget, v_today), v_limits, 'did', v_usd, v_is_free, p_now
      ),
      public.refusal_by(
        public.rolled(v_known.gateway_budget, v_today), v_gateway_limits, 'gateway', v_usd, v_is_free,
        p_now
      )
    );
    if v_refusal is not null then
      return v_refusal || public.note_used_up(v_did, v_refusal);
    end if;
  end if;

  if v_account.did is null and (p_asked.metered or p_asked.may_lack_key is not true) then
    return jsonb_build_object('decision', 'needs_provisioning');
  end if;

  if p_asked.message_hash is not null then
    insert into public.accepted_messages (message_hash, expires_at)
    values (decode(p_asked.message_hash, 'hex'), p_asked.message_expires_at)
    on conflict do nothing;
    if not found then
      return jsonb_build_object('decision', 'replayed');
    end if;
  end if;

  if p_asked.metered and p_asked.idempotency_key is not null then
    -- A key that is in use when the row is inserted can be given back before it is looked for: it is
    -- free then.
    loop
      insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id)
      values (
        v_did, p_asked.idempotency_key, decode(p_asked.body_hash, 'hex'), p_asked.request_id
      )
      on conflict (did, idempotency_key, body_hash) do nothing;
      exit when found;
      select request_id into v_duplicate_of from public.idempotency_keys
      where did = v_did and idempotency_key = p_asked.idempotency_key
        and body_hash = decode(p_asked.body_hash, 'hex');
      if found then
        return jsonb_build_object('decision', 'duplicate', 'request_id', v_duplicate_of);
      end if;
    end loop;
  end if;

  if p_asked.metered then
    -- Two rows with one id would be settled by each other's answers. The key of the log cannot rule
    -- that out, because it holds the time too; an admission that arrives twice does so within a day.
    perform pg_advisory_xact_lock(hashtextextended(p_asked.request_id::text, 0));
    if exists (
      select from public.request_logs
      where id = p_asked.request_id
        -- In the partition of now, or the one next to it.
        and request_time between p_now - interval '1 day' and p_now + interval '1 minute'
    ) then
      raise exception 'request % was admitted before', p_asked.request_id using errcode = '23505';
    end if;

    insert into public.request_logs (
      id, did, method, endpoint, model, streaming, request_time, created_at,
      estimate_usd, reserved_usd, reserved_on, session, label
    )
    values (
      p_asked.request_id, v_did, p_asked.method, p_asked.endpoint, p_asked.model,
      coalesce(p_asked.streaming, false), p_now, p_now, v_usd, v_usd, v_today,
      p_asked.session, p_asked.label
    );

    -- Both budgets are held from here to the end of the transaction: what is decided now is true of all
    -- that others have decided.
    perform public.lock_budget(v_did);
    v_budget := public.budget_of(v_did, v_today);
    v_refusal := public.refusal_by(v_budget, v_limits, 'did', v_usd, v_is_free, p_now);
    if v_refusal is null then
      perform public.lock_budget('*');
      v_gateway_budget := public.budget_of('*', v_budget.day);
      -- A request of the last second of a day that comes after one of the next day belongs to that.
      if v_gateway_budget.day > v_budget.day then
        v_budget := public.rolled(v_budget, v_gateway_budget.day);
      end if;
      v_refusal := public.refusal_by(
        v_gateway_budget, v_gateway_limits, 'gateway', v_usd, v_is_free, p_now
      );
    end if;
    if v_refusal is not null then
      if p_asked.message_hash is not null then
        delete from public.accepted_messages
        where message_hash = decode(p_asked.message_hash, 'hex');
      end if;
      if p_asked.idempotency_key is not null then
        delete from public.idempotency_keys where request_id = p_asked.request_id;
      end if;
      delete from public.request_logs where id = p_asked.request_id and request_time = p_now;
      return v_refusal || public.note_used_up(v_did, v_refusal);
    end if;

    if v_budget.day <> v_today then
      update public.request_logs set reserved_on = v_budget.day
      where id = p_asked.request_id and request_time = p_now;
    end if;
    v_budget := public.enter_call(v_budget, v_limits, v_usd, v_is_free, p_now);
    perform public.enter_call(v_gateway_budget, v_gateway_limits, v_usd, v_is_free, p_now);
  end if;

  return public.admitted_answer(v_account, v_policy, v_settings, v_limits, v_budget, p_now);
end;
$$;

-- A request that nothing stands against at a glance, with what was read of its DID.
create type public.plain_admission as (
  asked public.admission,
  account public.user_api_keys,
  policy public.did_policies,
  limits public.limits,
  usd numeric
);
comment on type public.plain_admission is
  'A request that nothing stands against at a glance, with what was read of its DID.';
revoke all on type public.plain_admission from public;
grant usage on type public.plain_admission to service_role;

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
      select account from public.user_api_keys as account
      where account.did = asked.did and account.status = 'active' limit 1
    ) as of_account
    left join lateral (
      select policy from public.did_policies as policy where policy.did = asked.did limit 1
    ) as of_policy on true
    left join lateral (
      select budget from public.budgets as budget
      where budget.did = asked.did and asked.metered limit 1
    ) as of_budget on true
    cross join lateral public.limits_of(policy, settings) as limits
    cross join lateral (
      select case when asked.metered then public.reserve_of(asked.estimate, settings) else 0 end as usd
    ) as reserve
    -- Answers are found by the id, so that one of two would be answered with the other's.
    where asked.request_id <> all (array(
        select request_id from unnest(p_asked) group by request_id having count(*) > 1
      ))
      and (policy).access is distinct from 'blocked'
      and (settings.access_mode = 'open' or (policy).access = 'allowed')
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
  for v_id in select (asked).request_id from unnest(v_passing) where (asked).metered order by 1 loop
    perform pg_advisory_xact_lock(hashtextextended(v_id::text, 0));
    if exists (
      select from public.request_logs
      where id = v_id and request_time between p_now - interval '1 day' and p_now + interval '1 minute'
    ) then
      raise exception 'request % was admitted before', v_id using errcode = '23505';
    end if;
  end loop;

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
-- p_admissions: a JSON array of what admit_request takes, as text, because @supabase/lite hands JSON over
-- as a string of JSON.
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

revoke all on function
  public.has_room, public.admitted_answer, public.plain_admissions, public.enter_admissions,
  public.admit_requests, public.used_until(timestamptz, integer, integer, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function
  public.has_room, public.admitted_answer, public.plain_admissions, public.enter_admissions,
  public.admit_requests, public.used_until(timestamptz, integer, integer, timestamptz)
  to service_role;
