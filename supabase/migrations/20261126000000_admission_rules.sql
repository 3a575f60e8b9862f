-- Admission decides on more before anybody pays for it:
--   - A DID gets a key at OpenRouter with its first call that may cost. What is free was enough before,
--     so that anybody could make the operator's account a key for every DID that they made up.
--   - What a request's body reaches beyond its DID, because all keys of an account share it, is for the
--     operator to open.
--   - A call may have to own several generations or jobs: the one that its path names, and those that
--     its body refers to.
--   - An admission is one row, whatever arrives twice, and `duplicate` always names the request that has
--     the key.

alter table public.gateway_settings
  add column shared_features text[] not null default '{}'
    constraint gateway_settings_shared_features_are_known check (
      shared_features <@ '{openrouter:files, openrouter:shell, openrouter:bash, container, file, preset, vector_store}'::text[]
    );
comment on column public.gateway_settings.shared_features is
  'What requests may use although all DIDs share it, because their keys belong to one OpenRouter account: openrouter:files, openrouter:shell, openrouter:bash (server tools), container, file, preset, vector_store (references to what exists). Empty: nothing.';

-- Replaced, because it gains parameters; gateways of before call it without them.
drop function public.admit_request;

-- Decides on one authenticated request, and books it, in one transaction. A message counts as accepted
-- only once nothing about the account stands against it, so that it can be sent again after the cause
-- of a refusal is gone.
--
-- p_owned_generations, and p_owned_generation of gateways of before: what must be the DID's own.
-- p_shared_features: what the request asks for of gateway_settings.shared_features.
-- p_may_lack_key: whether the gateway can serve what is free without a key; those of before cannot.
--
-- Returns {"decision": …}, the first of these that holds:
--   token_revoked        the token was issued before tokens_valid_after
--   access_denied        the DID is disabled
--   feature_not_allowed  with feature: the first one asked for that the operator has not opened
--   not_owned            one of the generations is in no row of this DID
--   needs_provisioning   the DID has no key yet, and the request needs one
--   replayed             p_message_hash was accepted before
--   duplicate            with request_id: the metered request that had the same idempotency key and body
--   admitted             with request_time, encrypted_api_key, openrouter_key_hash, both null where the
--                        DID has no key, and new_limit {credit_limit, credit_limit_reset} where
--                        OpenRouter must be told
create function public.admit_request(
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
-- From six partitions on, Postgres would choose to plan each look at the log anew.
set plan_cache_mode = force_generic_plan
as $$
declare
  v_account public.user_api_keys;
  v_feature text;
  v_generation text;
  v_duplicate_of uuid;
begin
  if p_token_issued_at is not null and public.token_is_revoked(p_did, p_token_issued_at) then
    return jsonb_build_object('decision', 'token_revoked');
  end if;

  select * into v_account from public.user_api_keys where did = p_did;
  if v_account.status = 'disabled' then
    return jsonb_build_object('decision', 'access_denied');
  end if;

  if p_shared_features <> '{}' then
    -- `is not true`, so that what is null counts as not opened.
    select asked.feature into v_feature
    from unnest(p_shared_features) with ordinality as asked (feature, place)
    where (asked.feature = any ((select shared_features from public.gateway_settings)::text[]))
      is not true
    order by asked.place
    limit 1;
    if found then
      return jsonb_build_object('decision', 'feature_not_allowed', 'feature', v_feature);
    end if;
  end if;

  -- One look-up each, by the index: as one statement over all of them, Postgres may read the whole log
  -- of the DID.
  foreach v_generation in array
    case when p_owned_generation is null then p_owned_generations
    else p_owned_generations || p_owned_generation end
  loop
    if not exists (
      select from public.request_logs where did = p_did and generation_id = v_generation
    ) then
      return jsonb_build_object('decision', 'not_owned');
    end if;
  end loop;

  if v_account.did is null and (p_metered or not p_may_lack_key) then
    return jsonb_build_object('decision', 'needs_provisioning');
  end if;

  if p_message_hash is not null then
    insert into public.accepted_messages (message_hash, expires_at)
    values (decode(p_message_hash, 'hex'), p_message_expires_at)
    on conflict do nothing;
    if not found then
      return jsonb_build_object('decision', 'replayed');
    end if;
  end if;

  if p_metered and p_idempotency_key is not null then
    -- A key that is in use when the row is inserted can be given back before it is looked for: it is
    -- free then.
    loop
      insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id)
      values (p_did, p_idempotency_key, decode(p_body_hash, 'hex'), p_request_id)
      on conflict (did, idempotency_key, body_hash) do nothing;
      exit when found;
      select request_id into v_duplicate_of from public.idempotency_keys
      where did = p_did and idempotency_key = p_idempotency_key
        and body_hash = decode(p_body_hash, 'hex');
      if found then
        return jsonb_build_object('decision', 'duplicate', 'request_id', v_duplicate_of);
      end if;
    end loop;
  end if;

  if p_metered then
    -- Two rows with one id would be settled by each other's answers. The key of the log cannot rule
    -- that out, because it holds the time too; an admission that arrives twice does so within a day.
    perform pg_advisory_xact_lock(hashtextextended(p_request_id::text, 0));
    if exists (
      select from public.request_logs
      where id = p_request_id
        -- In the partition of now, or the one next to it.
        and request_time between now() - interval '1 day' and now() + interval '1 minute'
    ) then
      raise exception 'request % was admitted before', p_request_id using errcode = '23505';
    end if;
    insert into public.request_logs (id, did, method, endpoint, model, streaming)
    values (p_request_id, p_did, p_method, p_endpoint, p_model, p_streaming);
  end if;

  return jsonb_build_object(
    'decision', 'admitted',
    'encrypted_api_key', v_account.encrypted_api_key,
    'openrouter_key_hash', v_account.openrouter_key_hash,
    'request_time', now(),
    'new_limit', case
      when (v_account.credit_limit, v_account.credit_limit_reset)
        is distinct from (v_account.applied_credit_limit, v_account.applied_credit_limit_reset)
      then jsonb_build_object(
        'credit_limit', v_account.credit_limit::text,
        'credit_limit_reset', v_account.credit_limit_reset
      )
    end
  );
end;
$$;
comment on function public.admit_request is 'Decides on one authenticated request, and books it when it may cost.';

revoke all on function public.admit_request from public, anon, authenticated, service_role;
grant execute on function public.admit_request to service_role;
