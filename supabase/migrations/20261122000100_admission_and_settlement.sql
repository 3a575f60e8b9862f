-- The interface of the gateway's store: one call before a request is forwarded, one after it ended,
-- and the lease under which a DID's key is created.

-- Whether a DID token issued at p_issued_at has been revoked by did_policies.tokens_valid_after.
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

-- Decides on one authenticated request, and books it, in one transaction. A message counts as accepted
-- only once nothing about the account stands against it, so that it can be sent again after the cause
-- of a refusal is gone.
--
-- Returns {"decision": …}:
--   admitted            with encrypted_api_key, openrouter_key_hash, request_time, and
--                       new_limit {credit_limit, credit_limit_reset} where OpenRouter must be told
--   needs_provisioning  the DID has no key yet
--   access_denied       the DID is disabled
--   token_revoked       the token was issued before tokens_valid_after
--   not_owned           p_owned_generation is in no row of this DID
--   duplicate           with request_id: the metered request that had the same idempotency key and body
--   replayed            p_message_hash was accepted before
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
  p_body_hash text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_account public.user_api_keys;
  v_duplicate_of uuid;
begin
  if p_token_issued_at is not null and public.token_is_revoked(p_did, p_token_issued_at) then
    return jsonb_build_object('decision', 'token_revoked');
  end if;

  select * into v_account from public.user_api_keys where did = p_did;
  if not found then
    return jsonb_build_object('decision', 'needs_provisioning');
  end if;
  if v_account.status = 'disabled' then
    return jsonb_build_object('decision', 'access_denied');
  end if;

  if p_owned_generation is not null and not exists (
    select from public.request_logs where did = p_did and generation_id = p_owned_generation
  ) then
    return jsonb_build_object('decision', 'not_owned');
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
    insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id)
    values (p_did, p_idempotency_key, decode(p_body_hash, 'hex'), p_request_id)
    on conflict (did, idempotency_key, body_hash) do nothing;
    if not found then
      select request_id into v_duplicate_of from public.idempotency_keys
      where did = p_did and idempotency_key = p_idempotency_key
        and body_hash = decode(p_body_hash, 'hex');
      return jsonb_build_object('decision', 'duplicate', 'request_id', v_duplicate_of);
    end if;
  end if;

  if p_metered then
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

-- Ends a pending row exactly once and adds it to usage_daily in the same transaction. A second
-- settlement of the same row changes nothing, with one exception: a row that was given up because its
-- worker seemed lost (error_message worker_…) and has no cost yet takes the settlement of a worker that
-- lived after all.
--
-- p_request_time is the one that admit_request returned: it finds the partition. Costs are decimal
-- strings (exponents allowed) in OpenRouter's credits; this is the one place that turns them into
-- dollars. p_never_sent: OpenRouter got no byte of the request.
--
-- Returns {"settled": boolean, "total_cost": decimal string in USD or null}.
create function public.settle_request(
  p_request_id uuid,
  p_request_time timestamptz,
  p_status text,
  p_http_status integer default null,
  p_error_message text default null,
  p_model text default null,
  p_provider text default null,
  p_generation_id text default null,
  p_input_tokens bigint default null,
  p_output_tokens bigint default null,
  p_cached_tokens bigint default null,
  p_reasoning_tokens bigint default null,
  p_cost text default null,
  p_upstream_cost text default null,
  p_usd_per_credit text default '1',
  p_cost_source text default null,
  p_first_byte_ms integer default null,
  p_never_sent boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_given_up public.request_logs;
  v_row public.request_logs;
begin
  select * into v_given_up from public.request_logs
  where id = p_request_id and request_time = p_request_time
    and status = 'failed' and error_message like 'worker\_%' and total_cost is null
  for update;

  update public.request_logs
  set status = p_status,
    response_time = clock_timestamp(),
    http_status = p_http_status,
    error_message = p_error_message,
    model = coalesce(p_model, model),
    provider = p_provider,
    generation_id = p_generation_id,
    input_tokens = p_input_tokens,
    output_tokens = p_output_tokens,
    cached_tokens = p_cached_tokens,
    reasoning_tokens = p_reasoning_tokens,
    total_cost = trim_scale(p_cost::numeric * p_usd_per_credit::numeric),
    upstream_cost = trim_scale(p_upstream_cost::numeric * p_usd_per_credit::numeric),
    cost_source = p_cost_source,
    first_byte_ms = p_first_byte_ms,
    reserved_usd = 0
  where id = p_request_id and request_time = p_request_time
    and (status = 'pending' or id = v_given_up.id)
  returning * into v_row;
  if not found then
    return jsonb_build_object('settled', false, 'total_cost', null);
  end if;

  if v_given_up.id is not null then
    update public.usage_daily as total
    set requests = total.requests - 1,
      failed_requests = total.failed_requests - 1,
      input_tokens = total.input_tokens - coalesce(v_given_up.input_tokens, 0),
      output_tokens = total.output_tokens - coalesce(v_given_up.output_tokens, 0),
      cached_tokens = total.cached_tokens - coalesce(v_given_up.cached_tokens, 0),
      reasoning_tokens = total.reasoning_tokens - coalesce(v_given_up.reasoning_tokens, 0)
    where total.did = v_given_up.did
      and total.day = (v_given_up.request_time at time zone 'utc')::date
      and total.model = coalesce(v_given_up.model, 'unknown')
      and total.endpoint = v_given_up.endpoint;
  end if;

  -- What OpenRouter refused or never got was not billed: a client may try it again under the same key.
  if p_http_status >= 400 or p_never_sent then
    delete from public.idempotency_keys where request_id = p_request_id;
  end if;

  insert into public.usage_daily as total (
    did, day, model, endpoint, requests, failed_requests, input_tokens, output_tokens,
    cached_tokens, reasoning_tokens, total_cost, upstream_cost
  )
  values (
    v_row.did,
    (v_row.request_time at time zone 'utc')::date,
    coalesce(v_row.model, 'unknown'),
    v_row.endpoint,
    1,
    (v_row.status = 'failed')::integer,
    coalesce(v_row.input_tokens, 0),
    coalesce(v_row.output_tokens, 0),
    coalesce(v_row.cached_tokens, 0),
    coalesce(v_row.reasoning_tokens, 0),
    coalesce(v_row.total_cost, 0),
    coalesce(v_row.upstream_cost, 0)
  )
  on conflict (did, day, model, endpoint) do update
  set requests = total.requests + excluded.requests,
    failed_requests = total.failed_requests + excluded.failed_requests,
    input_tokens = total.input_tokens + excluded.input_tokens,
    output_tokens = total.output_tokens + excluded.output_tokens,
    cached_tokens = total.cached_tokens + excluded.cached_tokens,
    reasoning_tokens = total.reasoning_tokens + excluded.reasoning_tokens,
    total_cost = total.total_cost + excluded.total_cost,
    upstream_cost = total.upstream_cost + excluded.upstream_cost;

  return jsonb_build_object('settled', true, 'total_cost', v_row.total_cost::text);
end;
$$;

-- Ends rows whose gateway died: pending for longer than any request can last (Supabase's longest
-- worker lives 400 s, and settlement from GET /generation takes up to two minutes more). A thousand at a
-- time, and one sweep at a time. Returns how many.
create function public.expire_stale_requests(p_older_than interval default '15 minutes')
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_row record;
  v_count integer := 0;
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: expire_stale_requests')) then
    return 0;
  end if;
  for v_row in
    select id, request_time from public.request_logs
    where status = 'pending' and request_time < now() - p_older_than
    order by request_time
    limit 1000
    for update skip locked
  loop
    perform public.settle_request(
      v_row.id, v_row.request_time, 'failed',
      p_error_message => 'worker_lost: the gateway ended before it could book this request'
    );
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;

-- Forgets replay keys that no timestamp could revive; an hour's margin covers clocks that disagree.
create function public.purge_accepted_messages()
returns bigint
language sql
set search_path = ''
as $$
  with purged as (
    delete from public.accepted_messages where expires_at < now() - interval '1 hour' returning 1
  )
  select count(*) from purged;
$$;

-- Books the cost of a job that became known after its row had ended, once: a video's, at the first
-- sight of it. False: there is no such row, or its cost is known.
create function public.book_late_cost(
  p_did text,
  p_generation_id text,
  p_cost text,
  p_upstream_cost text default null,
  p_usd_per_credit text default '1'
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_row public.request_logs;
begin
  update public.request_logs
  set total_cost = trim_scale(p_cost::numeric * p_usd_per_credit::numeric),
    upstream_cost = trim_scale(p_upstream_cost::numeric * p_usd_per_credit::numeric),
    cost_source = 'response'
  where did = p_did and generation_id = p_generation_id
    and status <> 'pending' and total_cost is null and p_cost is not null
  returning * into v_row;
  if not found then
    return false;
  end if;
  update public.usage_daily as total
  set total_cost = total.total_cost + v_row.total_cost,
    upstream_cost = total.upstream_cost + coalesce(v_row.upstream_cost, 0)
  where total.did = v_row.did
    and total.day = (v_row.request_time at time zone 'utc')::date
    and total.model = coalesce(v_row.model, 'unknown')
    and total.endpoint = v_row.endpoint;
  return true;
end;
$$;

-- Claims the right to create a DID's key for p_lease. Of any number of claimants at a time one is
-- answered `claimed`. With p_broken_key_hash, the right to replace that key, which OpenRouter no longer
-- takes.
--
-- Returns {"state": …}:
--   provisioned  with encrypted_api_key: the DID has a key, and it is not the broken one
--   disabled     the DID is disabled: it gets no other key
--   in_progress  somebody else holds the lease
--   claimed      with credit_limit and credit_limit_reset for the new key, and orphans_since: set when
--                an earlier attempt died, whose key may exist at OpenRouter
create function public.claim_key_provisioning(
  p_did text,
  p_attempt_id uuid,
  p_broken_key_hash text default null,
  p_lease interval default '60 seconds'
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_lease public.key_provisioning;
  v_account public.user_api_keys;
  v_settings public.gateway_settings;
begin
  insert into public.key_provisioning as lease (did, attempt_id, expires_at)
  values (p_did, p_attempt_id, clock_timestamp() + p_lease)
  on conflict (did) do update
  set attempt_id = excluded.attempt_id, expires_at = excluded.expires_at
  where lease.expires_at < clock_timestamp()
  returning * into v_lease;

  -- After the lease, not before: whoever completes stores the account and ends its lease in one
  -- transaction, for which the statement above has waited.
  select * into v_account from public.user_api_keys where did = p_did;
  if found and (v_account.status = 'disabled'
    or v_account.openrouter_key_hash is distinct from p_broken_key_hash)
  then
    delete from public.key_provisioning where did = p_did and attempt_id = p_attempt_id;
    if v_account.status = 'disabled' then
      return jsonb_build_object('state', 'disabled');
    end if;
    return jsonb_build_object(
      'state', 'provisioned', 'encrypted_api_key', v_account.encrypted_api_key
    );
  end if;
  if v_lease.did is null then
    return jsonb_build_object('state', 'in_progress');
  end if;

  if v_account.did is null then
    select * into v_settings from public.gateway_settings;
    v_account.credit_limit := v_settings.default_credit_limit;
    v_account.credit_limit_reset := v_settings.default_credit_limit_reset;
  end if;
  return jsonb_build_object(
    'state', 'claimed',
    'credit_limit', v_account.credit_limit::text,
    'credit_limit_reset', v_account.credit_limit_reset,
    'orphans_since', case when v_lease.first_claimed_at < now() then v_lease.first_claimed_at end
  );
end;
$$;

-- Stores the key that the lease's holder created, and ends the lease. A key that the DID had before is
-- retired. False: the lease is no longer this attempt's, or the DID was disabled; nothing was stored,
-- and the caller must delete its key at OpenRouter. May be called again with the same key by a caller
-- who did not hear the answer.
create function public.complete_key_provisioning(
  p_did text,
  p_attempt_id uuid,
  p_openrouter_key_hash text,
  p_encrypted_api_key text,
  p_key_name text,
  p_credit_limit text default null,
  p_credit_limit_reset text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_old public.user_api_keys;
begin
  delete from public.key_provisioning where did = p_did and attempt_id = p_attempt_id;
  if not found then
    return exists (
      select from public.user_api_keys
      where did = p_did and openrouter_key_hash = p_openrouter_key_hash
    );
  end if;

  select * into v_old from public.user_api_keys where did = p_did for update;
  if v_old.status = 'disabled' then
    return false;
  end if;
  if found then
    insert into public.retired_api_keys (
      did, openrouter_key_hash, key_name, credit_limit, created_at
    )
    values (
      v_old.did, v_old.openrouter_key_hash, v_old.key_name, v_old.credit_limit, v_old.created_at
    );
    update public.user_api_keys
    set openrouter_key_hash = p_openrouter_key_hash,
      encrypted_api_key = p_encrypted_api_key,
      key_name = p_key_name,
      applied_credit_limit = p_credit_limit::numeric,
      applied_credit_limit_reset = p_credit_limit_reset,
      created_at = now(),
      updated_at = now()
    where did = p_did;
  else
    insert into public.user_api_keys (
      did, openrouter_key_hash, encrypted_api_key, key_name,
      credit_limit, credit_limit_reset, applied_credit_limit, applied_credit_limit_reset
    )
    values (
      p_did, p_openrouter_key_hash, p_encrypted_api_key, p_key_name,
      p_credit_limit::numeric, p_credit_limit_reset, p_credit_limit::numeric, p_credit_limit_reset
    );
  end if;
  return true;
end;
$$;

-- Notes which limit OpenRouter was told for a DID's key. False: the DID has another key by now.
create function public.record_key_limit(
  p_did text,
  p_openrouter_key_hash text,
  p_credit_limit text default null,
  p_credit_limit_reset text default null
)
returns boolean
language sql
set search_path = ''
as $$
  with noted as (
    update public.user_api_keys
    set applied_credit_limit = p_credit_limit::numeric,
      applied_credit_limit_reset = p_credit_limit_reset
    where did = p_did and openrouter_key_hash = p_openrouter_key_hash
    returning 1
  )
  select exists (select from noted);
$$;

-- Gives the lease back after a failure, so that the next request need not wait for it to expire.
-- p_orphan_possible: a key may exist at OpenRouter; the next claimant is told since when to look.
create function public.release_key_provisioning(
  p_did text,
  p_attempt_id uuid,
  p_orphan_possible boolean default false
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_orphan_possible then
    update public.key_provisioning set expires_at = '-infinity'
    where did = p_did and attempt_id = p_attempt_id;
  else
    delete from public.key_provisioning where did = p_did and attempt_id = p_attempt_id;
  end if;
end;
$$;

-- Forgets idempotency keys after a day, which is longer than any client retries.
create function public.purge_idempotency_keys()
returns bigint
language sql
set search_path = ''
as $$
  with purged as (
    delete from public.idempotency_keys where created_at < now() - interval '1 day' returning 1
  )
  select count(*) from purged;
$$;

-- All housekeeping at once. Returns what was done, by name. For the owner: partitions are its own, and
-- they come last, because dropping one locks the log until the transaction ends.
create function public.maintain()
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_done jsonb := jsonb_build_object(
    'expired_requests', public.expire_stale_requests(),
    'purged_messages', public.purge_accepted_messages(),
    'purged_idempotency_keys', public.purge_idempotency_keys()
  );
begin
  perform public.maintain_request_log_partitions();
  return v_done;
end;
$$;

revoke all on function
  public.token_is_revoked, public.admit_request, public.settle_request, public.book_late_cost,
  public.expire_stale_requests, public.purge_accepted_messages, public.purge_idempotency_keys,
  public.claim_key_provisioning, public.complete_key_provisioning,
  public.release_key_provisioning, public.record_key_limit, public.maintain
  from public, anon, authenticated, service_role;
grant execute on function
  public.token_is_revoked, public.admit_request, public.settle_request, public.book_late_cost,
  public.expire_stale_requests, public.purge_accepted_messages, public.purge_idempotency_keys,
  public.claim_key_provisioning, public.complete_key_provisioning,
  public.release_key_provisioning, public.record_key_limit
  to service_role;

-- Housekeeping runs by itself where pg_cron is enabled; elsewhere another scheduler calls maintain().
do $$
begin
  if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
    perform cron.schedule('llm-gateway-stale-requests', '* * * * *', 'select public.expire_stale_requests()');
    perform cron.schedule('llm-gateway-maintain', '17 * * * *', 'select public.maintain()');
  end if;
end;
$$;
