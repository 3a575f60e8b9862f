-- Admission under limits, still one call: access, models, tools, replay, idempotency, rates, budgets.
-- A request is one value, as a settlement is.

-- One authenticated request.
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
  estimate jsonb
);
comment on type public.admission is
  'One authenticated request: what admit_request takes as JSON, member by member.';
revoke all on type public.admission from public;
grant usage on type public.admission to service_role;

-- What is reserved for a request: the dearest of its estimates.
--
-- p_estimate: an array of {"usd"}, a fixed amount; {"usd", "usd_per_output_token", "output_tokens": the
-- model's bound or null}, where the request says no bound; {"unknown": "price" | "job"}. Null, of
-- gateways of before, counts as an unknown price.
create function public.reserve_of(p_estimate jsonb, p_settings public.gateway_settings)
returns numeric
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_one jsonb;
  v_usd numeric;
  v_dearest numeric;
begin
  for v_one in select jsonb_array_elements(p_estimate) loop
    v_usd := case
      when v_one ->> 'unknown' = 'job' then p_settings.job_reserve_usd
      when v_one ? 'unknown' then p_settings.unknown_price_reserve_usd
      else (v_one ->> 'usd')::numeric
        + coalesce((v_one ->> 'usd_per_output_token')::numeric, 0) * least(
          (v_one ->> 'output_tokens')::bigint, p_settings.default_reserved_output_tokens
        )
    end;
    v_dearest := greatest(v_dearest, v_usd);
  end loop;
  v_dearest := coalesce(v_dearest, p_settings.unknown_price_reserve_usd);
  if v_dearest < 0 or v_dearest = 'NaN' or v_dearest > 1e9 then
    raise exception 'no price is %', v_dearest using errcode = '22003';
  end if;
  return trim_scale(v_dearest);
end;
$$;
comment on function public.reserve_of is 'What is reserved for a request, in USD: the dearest of its estimates.';

-- The first model that a list does not have, '' where it has no name; null: it has all of them.
create function public.model_not_in(p_models text[], p_allowed text[])
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_model text;
begin
  foreach v_model in array coalesce(p_models, '{}') loop
    continue when v_model = any (p_allowed);
    -- Only what is plainly a model of the vendor: `vendor/x@preset/y` is not.
    continue when v_model ~ '^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(:[A-Za-z0-9._-]+)?$'
      and split_part(v_model, '/', 1) || '/*' = any (p_allowed);
    return coalesce(v_model, '');
  end loop;
  return null;
end;
$$;
comment on function public.model_not_in is 'The first of some models that a list of allowed ones does not have; null: it has all.';

-- What a key may spend at OpenRouter.
create type public.key_limit as (credit_limit numeric, credit_limit_reset text);
comment on type public.key_limit is 'What a key may spend at OpenRouter: USD, and when that is reset; null: no limit, never.';
revoke all on type public.key_limit from public;
grant usage on type public.key_limit to service_role;

-- The limit that a DID's key shall have at OpenRouter: what the operator has set for the key; else the
-- tightest budget of the DID, or of the gateway where the DID has none, so that OpenRouter stops what an
-- estimate has missed.
--
-- p_account: null, or its credit_limit null, where the operator has set nothing.
create function public.key_limit_of(
  p_account public.user_api_keys,
  p_policy public.did_policies,
  p_settings public.gateway_settings
)
returns public.key_limit
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_daily numeric := coalesce(p_policy.daily_budget_usd, p_settings.default_daily_budget_usd);
  v_monthly numeric := coalesce(p_policy.monthly_budget_usd, p_settings.default_monthly_budget_usd);
begin
  if p_account.credit_limit is not null then
    return row(p_account.credit_limit, p_account.credit_limit_reset)::public.key_limit;
  end if;
  if v_daily is null and v_monthly is null then
    v_daily := p_settings.daily_budget_usd;
    v_monthly := p_settings.monthly_budget_usd;
  end if;
  if v_daily <= v_monthly or v_monthly is null then
    return row(trim_scale(v_daily), case when v_daily is not null then 'daily' end)::public.key_limit;
  end if;
  return row(trim_scale(v_monthly), 'monthly')::public.key_limit;
end;
$$;
comment on function public.key_limit_of is 'The limit that a DID''s key shall have at OpenRouter: the operator''s, else its tightest budget.';

-- Adds the alert that a budget is used up, where a call is refused for it and hardly anything is left.
--
-- p_refusal: as refusal_by returns it. Returns {"alerted": whether the alert is new}.
create function public.note_used_up(p_did text, p_refusal jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_limit numeric := p_refusal ->> 'limit_usd';
  v_spent numeric := p_refusal ->> 'spent_usd';
  v_did text := case p_refusal ->> 'scope' when 'did' then p_did else '*' end;
  v_kind text := p_refusal ->> 'period';
  v_start date;
begin
  if p_refusal ->> 'decision' <> 'budget_exceeded' or v_limit = 0 or v_spent < v_limit * 0.95 then
    return '{"alerted": false}';
  end if;
  v_start := ((p_refusal ->> 'resets_at')::timestamptz at time zone 'utc'
    - ('1 ' || v_kind)::interval)::date;
  if exists (
    select from public.budget_alerts
    where did = v_did and kind = v_kind and period_start = v_start and threshold = 100
  ) then
    return '{"alerted": false}';
  end if;
  perform public.add_alerts(v_did, v_kind, v_start, 0::smallint, 100::smallint, v_limit, v_spent);
  return '{"alerted": true}';
end;
$$;
comment on function public.note_used_up is 'Adds the alert that a budget is used up, where a call is refused for it and hardly anything is left.';

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
create function public.enter_admission(p_asked public.admission, p_now timestamptz)
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
  v_key_limit public.key_limit;
  v_allowed_models text[];
  v_limits public.limits;
  v_gateway_limits public.limits;
  v_budget public.budgets;
  v_gateway_budget public.budgets;
  v_usd numeric;
  v_remaining_usd numeric;
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
      estimate_usd, reserved_usd, reserved_on
    )
    values (
      p_asked.request_id, v_did, p_asked.method, p_asked.endpoint, p_asked.model,
      coalesce(p_asked.streaming, false), p_now, p_now, v_usd, v_usd, v_today
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

  v_remaining_usd := least(
    v_limits.daily_budget_usd - v_budget.day_spent_usd - v_budget.day_reserved_usd,
    v_limits.monthly_budget_usd - v_budget.month_spent_usd - v_budget.month_reserved_usd
  );
  v_key_limit := public.key_limit_of(v_account, v_policy, v_settings);
  return jsonb_build_object(
    'decision', 'admitted',
    'encrypted_api_key', v_account.encrypted_api_key,
    'openrouter_key_hash', v_account.openrouter_key_hash,
    'request_time', p_now,
    'new_limit', case
      when v_account.did is not null and (v_key_limit.credit_limit, v_key_limit.credit_limit_reset)
        is distinct from (v_account.applied_credit_limit, v_account.applied_credit_limit_reset)
      then jsonb_build_object(
        'credit_limit', v_key_limit.credit_limit::text,
        'credit_limit_reset', v_key_limit.credit_limit_reset
      )
    end
  ) || case when v_limits.requests_per_minute is not null then jsonb_build_object(
    'rate', public.rate_state(v_budget.requests_used_until, v_limits.requests_per_minute, p_now)
  ) else '{}' end || case when v_remaining_usd is not null then jsonb_build_object(
    'remaining_usd', trim_scale(v_remaining_usd)::text
  ) else '{}' end;
end;
$$;
comment on function public.enter_admission is 'Decides on one authenticated request at a given time, and books it when it may cost.';

-- Decides on one authenticated request, and books it when it may cost; enter_admission has the rules.
create function public.admit_request(p_admission jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return public.enter_admission(
    jsonb_populate_record(
      null::public.admission,
      -- @supabase/lite hands JSON over as a string of JSON.
      case jsonb_typeof(p_admission) when 'string' then (p_admission #>> '{}')::jsonb
        else p_admission end
    ),
    now()
  );
end;
$$;
comment on function public.admit_request(jsonb) is
  'Decides on one authenticated request, and books it when it may cost.';

-- What gateways of before call. They do not say what a call may cost, or all that may run, and know no
-- refusal by a limit but that of access.
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
    row(
      p_request_id, p_did, p_method, p_endpoint, p_metered, p_model, p_streaming, p_message_hash,
      p_message_expires_at, p_token_issued_at,
      case when p_owned_generation is null then p_owned_generations
        else p_owned_generations || p_owned_generation end,
      p_shared_features, '{}', p_may_lack_key, p_idempotency_key, p_body_hash, array[p_model],
      'the gateway does not tell', p_model like '%:free', null
    )::public.admission,
    now()
  );
begin
  if v_answer ->> 'decision' in ('model_not_allowed', 'rate_limited', 'budget_exceeded') then
    return '{"decision": "access_denied"}';
  end if;
  return v_answer;
end;
$$;

revoke all on function
  public.reserve_of, public.model_not_in, public.key_limit_of, public.note_used_up,
  public.enter_admission, public.admit_request(jsonb)
  from public, anon, authenticated, service_role;
grant execute on function
  public.reserve_of, public.model_not_in, public.key_limit_of, public.note_used_up,
  public.enter_admission, public.admit_request(jsonb)
  to service_role;
