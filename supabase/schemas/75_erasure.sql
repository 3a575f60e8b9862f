-- Erasing a person: what the gateway knows of a DID, in whatever table, keeps its numbers and loses its name.

-- The books stay whole: rows, sums and budgets go on under a pseudonym that nothing leads back from, and a
-- call that is under way is booked under it. Sessions, labels and messages of errors are whatever clients and
-- providers wrote, and go. So do the account, whose key `deno task reconcile keys --apply` deletes at
-- OpenRouter, and the DID's policy, a block too: nothing is left to know the DID by.
--
-- Returns the pseudonym; raises where nothing is known of the DID (P0002).
create function public.erase_did(did text)
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
comment on function public.erase_did is
  'Puts a pseudonym in the place of a DID, wherever it stands, and deletes its account, its policy, and what clients and providers wrote. The books stay exact. Returns the pseudonym.';
