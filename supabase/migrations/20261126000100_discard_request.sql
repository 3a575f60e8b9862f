-- Takes back a call on a path that OpenRouter does not have: nothing was asked of a model, nothing can
-- have been billed, and in nobody's statistics did a call fail. Its row and its Idempotency-Key go.
--
-- p_request_time is the one that admit_request returned: it finds the partition. Returns whether there
-- was a pending row; one that has ended stays as it is.
create function public.discard_request(p_request_id uuid, p_request_time timestamptz)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_status text;
begin
  -- Found by its key alone, and judged afterwards: with a condition on `status`, Postgres would test
  -- the version from before a concurrent settlement.
  select status into v_status from public.request_logs
  where id = p_request_id and request_time = p_request_time
  for update;
  if v_status is distinct from 'pending' then
    return false;
  end if;
  delete from public.request_logs where id = p_request_id and request_time = p_request_time;
  delete from public.idempotency_keys where request_id = p_request_id;
  return true;
end;
$$;
comment on function public.discard_request is 'Deletes the pending row of a call on a path that OpenRouter does not have, with its Idempotency-Key.';

revoke all on function public.discard_request from public, anon, authenticated, service_role;
grant execute on function public.discard_request to service_role;
