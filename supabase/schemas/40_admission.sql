-- Admission: whether one authenticated request may go on, and its row in the log, in one transaction and
-- one round trip. Access, models, tools, ownership, replay, idempotency, rates, budgets; what is refused
-- leaves nothing behind but its alert.
--
-- Locks in the order that 14_budgets.sql names: message hash, idempotency key, row of the log, DID, '*'.

create type public.admission as (
  request_id uuid,
  did text,
  method text,
  endpoint text,
  metered boolean,
  model text,
  streaming boolean,
  message_hash text,
  message_expires_at timestamptz,
  token_issued_at timestamptz,
  owned_generations text[],
  shared_features text[],
  server_tools text[],
  may_lack_key boolean,
  idempotency_key text,
  body_hash text,
  models text[],
  runs_unnamed text,
  free_model boolean,
  estimate jsonb,
  session text,
  label text
);
comment on type public.admission is
  'One authenticated request: what admit_request takes as JSON, member by member.';

create function public.token_is_revoked(p_did text, p_issued_at timestamptz)
returns boolean
language sql
stable
set search_path = ''
as $$
  select exists (
    select from public.did_policies where did = p_did and tokens_valid_after > p_issued_at
  );
$$;
comment on function public.token_is_revoked is
  'Whether the operator has revoked the tokens of a DID that were issued at a time.';

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
        'credit_limit_reset', v_key_limit.credit_limit_reset,
        -- What follows from budgets is kept here as well.
        'may_wait', p_account.credit_limit is null
      )
    end
  ) || case when p_limits.requests_per_minute is not null then jsonb_build_object(
    'rate', public.rate_state(p_budget.requests_used_until, p_limits.requests_per_minute, p_now)
  ) else '{}' end || case when v_remaining_usd is not null then jsonb_build_object(
    -- A free call passes although more is spent than there was, as after a budget was lowered.
    'remaining_usd', trim_scale(greatest(v_remaining_usd, 0))::text
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
--                        DID has no key; new_limit {credit_limit, credit_limit_reset, may_wait: whether
--                        the request may go on all the same} where OpenRouter must be told; where there
--                        is such a limit: rate as rate_state returns it, and remaining_usd of the DID's budgets, a decimal string
create function public.enter_admission(p_asked public.admission, p_now timestamptz)
returns jsonb
language plpgsql
set search_path = ''
-- From six partitions on, Postgres would choose to plan each look at the log anew. Look-ups by keys, however
-- small the tables were when it was planned, as in plain_admissions.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
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
  v_text := public.access_of(v_account, v_policy, v_settings);
  if v_text <> 'allowed' then
    return jsonb_build_object('decision', 'access_denied', 'why', v_text);
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
    -- Nearly always two looks, without all that a refusal tells.
    if (
      not v_is_free and (v_known.budget).day = v_today and (v_known.gateway_budget).day = v_today
      and public.has_room(v_known.budget, v_limits, 1, v_usd, p_now)
      and public.has_room(v_known.gateway_budget, v_gateway_limits, 1, v_usd, p_now)
    ) is not true then
      v_refusal := coalesce(
        public.refusal_by(
          public.rolled(v_known.budget, v_today), v_limits, 'did', v_usd, v_is_free, p_now
        ),
        public.refusal_by(
          public.rolled(v_known.gateway_budget, v_today), v_gateway_limits, 'gateway', v_usd,
          v_is_free, p_now
        )
      );
      if v_refusal is not null then
        return v_refusal || public.note_used_up(v_did, v_refusal);
      end if;
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
        delete from public.accepted_messages
        where message_hash = decode(p_asked.message_hash, 'hex');
        return jsonb_build_object('decision', 'duplicate', 'request_id', v_duplicate_of);
      end if;
    end loop;
  end if;

  if p_asked.metered then
    -- Two rows with one id would be settled by each other's answers. The key of the log cannot rule
    -- that out, because it holds the time too; an admission that arrives twice does so within a day.
    perform pg_advisory_xact_lock(hashtextextended(p_asked.request_id::text, 0));
    perform from public.request_logs
    where id = p_asked.request_id
      -- In the partition of now, or the one next to it.
      and request_time between p_now - interval '1 day' and p_now + interval '1 minute'
    -- In the order of the key, so that no other index is as good in a month with no row yet.
    order by request_time
    limit 1;
    if found then
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
    perform public.lock_budget('*');
    if not v_is_free then
      v_budget := public.enter_call(v_did, v_limits, v_gateway_limits, v_usd, v_today, p_now);
    end if;
    if v_budget.did is null then
      v_budget := public.budget_of(v_did, v_today);
      v_refusal := public.refusal_by(v_budget, v_limits, 'did', v_usd, v_is_free, p_now);
      if v_refusal is null then
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
      v_budget := public.with_call(v_budget, v_limits, v_usd, v_is_free, p_now);
      perform public.store_budget(v_budget);
      perform public.store_budget(
        public.with_call(v_gateway_budget, v_gateway_limits, v_usd, v_is_free, p_now)
      );
    end if;
  end if;

  return public.admitted_answer(v_account, v_policy, v_settings, v_limits, v_budget, p_now);
end;
$$;
comment on function public.enter_admission is
  'Decides on one authenticated request at a given time, and books it when it may cost.';

-- enter_admission has the rules.
create function public.admit_request(p_admission jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return public.enter_admission(jsonb_populate_record(null::public.admission, p_admission), now());
end;
$$;
comment on function public.admit_request(jsonb) is
  'Decides on one authenticated request, and books it when it may cost.';
