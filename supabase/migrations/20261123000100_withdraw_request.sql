-- Ends the pending row of a request whose admission the gateway did not hear of, because Postgres or the
-- way from it failed: nothing was forwarded, and the client may send the same again under the same
-- Idempotency-Key.
--
-- Returns whether there is such a row; false may only mean that the admission is still under way.
create function public.withdraw_request(p_request_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_request_time timestamptz;
begin
  select request_time into v_request_time from public.request_logs where id = p_request_id;
  if not found then
    return false;
  end if;
  perform public.settle_request(
    p_request_id, v_request_time, 'failed',
    p_error_message => 'store_unavailable: the gateway did not hear of the admission',
    p_never_sent => true
  );
  return true;
end;
$$;

revoke all on function public.withdraw_request
  from public, anon, authenticated, service_role;
grant execute on function public.withdraw_request to service_role;
