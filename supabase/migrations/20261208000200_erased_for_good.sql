-- A DID that is erased stays so. Maintenance could bring its name back where it had looked before the erasure
-- was there: with a comparison of its costs, or with the parts of a request. Both take the lock now that an
-- erasure has. And what holds nothing of a DID but an alert, as of a call that was refused at that very
-- moment, or such a part, can be erased: it was said that nothing is known.

create function public.try_lock_costs_of(p_did text)
returns boolean
language sql
set search_path = ''
as $$
  select pg_try_advisory_xact_lock(hashtextextended('llm-gateway: costs of ' || p_did, 0));
$$;
comment on function public.try_lock_costs_of is
  'Takes the lock of lock_costs_of where nobody has it; false: somebody has.';
revoke all on function public.try_lock_costs_of from public, anon, authenticated;
grant execute on function public.try_lock_costs_of to service_role;

create or replace function public.claim_cost_checks(p_limit integer)
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

create or replace function public.note_parts(p_did text, p_generation_ids text[])
returns void
language sql
set search_path = ''
as $$
  -- As in adopt_generation: the DID may have been erased since the search began, or be about to be.
  select public.lock_costs_of(p_did);
  insert into public.found_generations (generation_id, did)
  select id, p_did from unnest(p_generation_ids) as id
  where exists (select from public.key_usages where did = p_did)
  order by id
  on conflict do nothing;
$$;

create or replace function public.erase_did(did text)
returns text
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_did text := public.plain_did(erase_did.did);
  v_pseudonym text := 'did:erased:' || gen_random_uuid();
begin
  if not exists (
    select from public.user_api_keys where did = v_did
    union all select from public.retired_api_keys where did = v_did
    union all select from public.key_provisioning where did = v_did
    union all select from public.did_policies where did = v_did
    union all select from public.budgets where did = v_did
    union all select from public.cost_checks where did = v_did
    union all select from public.usage_daily where did = v_did
    union all select from public.request_logs where did = v_did
    -- What else came to hold its name while it was erased before.
    union all select from public.budget_alerts where did = v_did
    union all select from public.found_generations where did = v_did
  ) then
    raise exception 'nothing is known of %', quote_literal(v_did) using errcode = 'P0002';
  end if;

  -- Locks as settlement takes them. A call that came in before all of them were there can be counted by
  -- then: what is counted moves with its row. It may be in the hands of a settlement that waits for these
  -- locks, so that they are given back before it is looked for again.
  perform public.lock_costs_of(v_did);
  loop
    perform from public.request_logs where did = v_did order by request_time, id for update;
    update public.request_logs
    set did = v_pseudonym, session = null, label = null,
      error_message = case when error_message is not null then 'erased' end
    where did = v_did;
    begin
      perform public.lock_usage(v_did);
      perform public.lock_budget(v_did);
      exit when not exists (select from public.request_logs where did = v_did);
      raise exception 'undo' using errcode = 'LGW01';
    exception when sqlstate 'LGW01' then
      null;
    end;
  end loop;
  update public.usage_daily set did = v_pseudonym where did = v_did;
  update public.usage_hourly set did = v_pseudonym where did = v_did;
  update public.budgets set did = v_pseudonym where did = v_did;
  update public.budget_alerts set did = v_pseudonym where did = v_did;

  delete from public.idempotency_keys where did = v_did;
  delete from public.key_provisioning where did = v_did;
  delete from public.did_policies where did = v_did;
  -- Its key is retired by a trigger.
  delete from public.user_api_keys where did = v_did;
  update public.retired_api_keys set did = v_pseudonym, key_name = v_pseudonym where did = v_did;
  update public.key_usages set did = v_pseudonym where did = v_did;
  update public.cost_checks set did = v_pseudonym where did = v_did;
  update public.cost_drift set did = v_pseudonym where did = v_did;
  update public.found_generations set did = v_pseudonym where did = v_did;
  return v_pseudonym;
end;
$$;
