-- A call that came in while its DID was being erased, and ended, could stay under the DID in the log while
-- its sums went to the pseudonym.

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
