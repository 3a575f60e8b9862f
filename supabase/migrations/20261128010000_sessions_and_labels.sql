-- What a request belongs to, in the client's own words: the session of a coding agent, and a label, such
-- as a job or a customer. Both stand in the log, so that what they cost can be added up.

-- What gateways of before call. They do not say what a call may cost, or all that may run, and know no
-- refusal by a limit but that of access. The members are named, so that the type can get more of them.
create or replace function public.admit_request(
  p_request_id uuid,
  p_did text,
  p_method text,
  p_endpoint text,
  p_metered boolean,
  p_model text default null,
  p_streaming boolean default false,
  p_message_hash text default null,
  p_message_expires_at timestamptz default null,
  p_token_issued_at timestamptz default null,
  p_owned_generation text default null,
  p_idempotency_key text default null,
  p_body_hash text default null,
  p_owned_generations text[] default '{}',
  p_shared_features text[] default '{}',
  p_may_lack_key boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_answer jsonb := public.enter_admission(
    jsonb_populate_record(null::public.admission, jsonb_build_object(
      'request_id', p_request_id,
      'did', p_did,
      'method', p_method,
      'endpoint', p_endpoint,
      'metered', p_metered,
      'model', p_model,
      'streaming', p_streaming,
      'message_hash', p_message_hash,
      'message_expires_at', p_message_expires_at,
      'token_issued_at', p_token_issued_at,
      'owned_generations', case when p_owned_generation is null then p_owned_generations
        else p_owned_generations || p_owned_generation end,
      'shared_features', p_shared_features,
      'server_tools', '[]'::jsonb,
      'may_lack_key', p_may_lack_key,
      'idempotency_key', p_idempotency_key,
      'body_hash', p_body_hash,
      'models', array[p_model],
      'runs_unnamed', 'the gateway does not tell',
      'free_model', p_model like '%:free'
    )),
    now()
  );
begin
  if v_answer ->> 'decision' in ('model_not_allowed', 'rate_limited', 'budget_exceeded') then
    return '{"decision": "access_denied"}';
  end if;
  return v_answer;
end;
$$;

alter type public.admission add attribute session text, add attribute label text;

alter table public.request_logs
  add column session text,
  add column label text,
  add constraint request_logs_session_and_label_are_short check (
    greatest(length(session), length(label)) <= 128
  ) not valid;
comment on column public.request_logs.session is 'What the client calls the session that the request belongs to: session_id of the body, else x-session-id, else x-claude-code-session-id; null: it did not say.';
comment on column public.request_logs.label is 'What the client sent as x-label: a job, a customer; null: nothing.';
comment on constraint request_logs_session_and_label_are_short on public.request_logs is 'The gateway refuses longer ones before.';

-- What did this session, or what is labelled so, cost? However much else the DID has asked for.
create index request_logs_did_session on public.request_logs (did, session, request_time desc)
  where session is not null;
create index request_logs_did_label on public.request_logs (did, label, request_time desc)
  where label is not null;

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

-- Admits those of some requests that nothing stands against, and books them, in one transaction. The
-- others are as if they had not been asked for.
--
-- p_now: the time, which tests choose.
--
-- Returns admit_request's answers to those admitted, by request_id.
create or replace function public.enter_admissions(p_asked public.admission[], p_now timestamptz)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_settings public.gateway_settings;
  v_gateway_limits public.limits;
  v_today date := (p_now at time zone 'utc')::date;
  v_plain public.plain_admission[] := public.plain_admissions(p_asked, p_now);
  -- Those of them whose message was not accepted before.
  v_fresh public.plain_admission[];
  v_passing public.plain_admission[];
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
        where budget.did = metered.did and budget.day = v_today
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
  into v_passing, v_answers
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
  from unnest(v_passing)
  order by 1;

  if (select count(*) from jsonb_object_keys(v_answers)) < cardinality(v_fresh) then
    delete from public.accepted_messages
    where message_hash in (
      select decode((asked).message_hash, 'hex') from unnest(v_fresh)
      where not coalesce(v_answers ? (asked).request_id::text, false)
    );
    delete from public.idempotency_keys
    where request_id in (
      select (asked).request_id from unnest(v_fresh)
      where not coalesce(v_answers ? (asked).request_id::text, false)
    );
  end if;
  return coalesce(v_answers, '{}');
end;
$$;
