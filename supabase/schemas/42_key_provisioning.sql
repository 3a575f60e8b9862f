-- A DID's key at OpenRouter: one claimant at a time makes it, under a lease, and within limits: so many new
-- accounts a day, so many a minute. A key that OpenRouter no longer takes is replaced the same way.

-- Returns {}, or {"alerted": true} where the day's new accounts have reached a threshold by it. Where
-- there is no room: {"why": "day", "retry_after_ms"}; "none" in place of "day" where no day has any; or
-- {"why": "minute"} with what rate_state returns.
create function public.count_new_account(p_settings public.gateway_settings, p_now timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_per_day integer := p_settings.new_accounts_per_day;
  v_per_minute integer := p_settings.new_accounts_per_minute;
  v_budget public.budgets;
  v_threshold smallint;
begin
  perform public.lock_budget('*');
  v_budget := public.budget_of('*', (p_now at time zone 'utc')::date);
  if v_budget.day_new_accounts >= v_per_day then
    return jsonb_build_object(
      'why', case v_per_day when 0 then 'none' else 'day' end,
      'retry_after_ms',
      ceil(extract(epoch from (v_budget.day + 1)::timestamp at time zone 'utc' - p_now) * 1000)
    );
  end if;
  if not public.rate_allows(v_budget.new_accounts_used_until, v_per_minute, p_now) then
    return '{"why": "minute"}'
      || public.rate_state(v_budget.new_accounts_used_until, v_per_minute, p_now);
  end if;
  v_budget.day_new_accounts := v_budget.day_new_accounts + 1;
  v_budget.new_accounts_used_until :=
    public.used_until(v_budget.new_accounts_used_until, v_per_minute, 1, p_now);
  v_threshold := public.threshold_of(v_budget.day_new_accounts, v_per_day);
  if v_threshold > v_budget.new_accounts_alerted then
    perform public.add_alerts(
      '*', 'new_accounts', v_budget.day, v_budget.new_accounts_alerted, v_threshold, v_per_day,
      v_budget.day_new_accounts
    );
    v_budget.new_accounts_alerted := v_threshold;
    perform public.store_budget(v_budget);
    return '{"alerted": true}';
  end if;
  perform public.store_budget(v_budget);
  return '{}';
end;
$$;
comment on function public.count_new_account is
  'Counts one more new account of the day, where there is room for it.';

-- Claims the right to create a DID's key, or to replace the one that OpenRouter no longer takes.
--
-- Returns {"state": …}:
--   provisioned  with encrypted_api_key: somebody has made it
--   disabled     the operator has disabled the account
--   in_progress  somebody is making it
--   no_room      too many new accounts, as count_new_account tells
--   claimed      with credit_limit, credit_limit_reset: what OpenRouter is to be told; orphans_since:
--                since when earlier attempts may have left a key there, or null; alerted
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
  v_policy public.did_policies;
  v_key_limit public.key_limit;
  v_room jsonb := '{}';
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

  select * into v_settings from public.gateway_settings;
  select * into v_policy from public.did_policies where did = p_did;
  if v_account.did is null and v_lease.counted_on is null then
    v_room := public.count_new_account(v_settings, now());
    if v_room ? 'why' then
      -- An attempt that may have left a key is remembered.
      if v_lease.first_claimed_at < now() then
        update public.key_provisioning set expires_at = '-infinity'
        where did = p_did and attempt_id = p_attempt_id;
      else
        delete from public.key_provisioning where did = p_did and attempt_id = p_attempt_id;
      end if;
      return v_room || '{"state": "no_room"}';
    end if;
    update public.key_provisioning set counted_on = (now() at time zone 'utc')::date
    where did = p_did and attempt_id = p_attempt_id;
  end if;
  v_key_limit := public.key_limit_of(v_account, v_policy, v_settings);
  return v_room || jsonb_build_object(
    'state', 'claimed',
    'credit_limit', v_key_limit.credit_limit::text,
    'credit_limit_reset', v_key_limit.credit_limit_reset,
    'orphans_since', case when v_lease.first_claimed_at < now() then v_lease.first_claimed_at end
  );
end;
$$;
comment on function public.claim_key_provisioning is
  'Claims the right to create a DID''s key, or to replace the broken one, within the limits on new accounts.';

-- Stores the key that the lease's holder created, and ends the lease. A key that the DID had before is
-- retired. False: the lease is no longer this attempt's, or the DID was disabled; nothing was stored,
-- and the caller must delete its key at OpenRouter. May be called again with the same key by a caller
-- who did not hear the answer.
--
-- p_credit_limit, p_credit_limit_reset: what OpenRouter was told. Of the account itself a new one has the
-- operator's default, which is what stands above its budgets.
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
      created_at = now()
    where did = p_did;
  else
    insert into public.user_api_keys (
      did, openrouter_key_hash, encrypted_api_key, key_name,
      credit_limit, credit_limit_reset, applied_credit_limit, applied_credit_limit_reset
    )
    select
      p_did, p_openrouter_key_hash, p_encrypted_api_key, p_key_name,
      default_credit_limit, default_credit_limit_reset, p_credit_limit::numeric, p_credit_limit_reset
    from public.gateway_settings;
  end if;
  return true;
end;
$$;
comment on function public.complete_key_provisioning is
  'Stores the key that the lease''s holder created, and ends the lease.';

-- What the key of an account that somebody deletes has spent stays part of its DID's sum: the calls are in
-- the books, and a difference would be told for good.
create function public.retire_deleted_key()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  insert into public.retired_api_keys (did, openrouter_key_hash, key_name, credit_limit, created_at)
  values (old.did, old.openrouter_key_hash, old.key_name, old.credit_limit, old.created_at);
  return null;
end;
$$;
comment on function public.retire_deleted_key is
  'The trigger of user_api_keys: the key of an account that is deleted counts among those that its DID had.';

create trigger retire_deleted_key after delete on public.user_api_keys
  for each row execute function public.retire_deleted_key();

-- Gives the lease back after a failure, so that the next request need not wait for it to expire.
-- p_orphan_possible: a key may exist at OpenRouter; the next claimant is told since when to look. Where
-- there can be none, the attempt counts among the new accounts of the day no more.
create function public.release_key_provisioning(
  p_did text,
  p_attempt_id uuid,
  p_orphan_possible boolean default false
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_counted_on date;
begin
  if p_orphan_possible then
    update public.key_provisioning set expires_at = '-infinity'
    where did = p_did and attempt_id = p_attempt_id;
    return;
  end if;
  delete from public.key_provisioning where did = p_did and attempt_id = p_attempt_id
  returning counted_on into v_counted_on;
  if v_counted_on is not null then
    perform public.lock_budget('*');
    update public.budgets set day_new_accounts = greatest(day_new_accounts - 1, 0)
    where did = '*' and day = v_counted_on;
  end if;
end;
$$;
comment on function public.release_key_provisioning is
  'Gives the lease back after a failure, and room for a new account where no key was made.';

-- False: the DID has another key by now.
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
comment on function public.record_key_limit is 'Notes what OpenRouter was told of a key''s limit.';
