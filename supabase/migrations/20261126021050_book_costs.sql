-- Many costs in one round trip: maintenance works off what an outage has left. What it has claimed and
-- could not ask for it gives back.

-- Books each as book_cost does. In the order of the totals' keys, so that it does not wait for another
-- transaction that waits for it; where that happens all the same, or Postgres refuses a cost, that one is
-- left for another time.
--
-- p_costs: an array of what book_cost takes, each with request_id and request_time. Returns how many were
-- booked.
create function public.book_costs(p_costs jsonb)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  -- @supabase/lite hands JSON over as a string of JSON.
  v_costs jsonb := case jsonb_typeof(p_costs)
    when 'string' then (p_costs #>> '{}')::jsonb else p_costs
  end;
  v_cost jsonb;
  v_count integer := 0;
begin
  for v_cost in
    select told.cost
    from jsonb_array_elements(v_costs) as told (cost)
    join public.request_logs as log
      on log.id = (told.cost ->> 'request_id')::uuid
      and log.request_time = (told.cost ->> 'request_time')::timestamptz
    order by log.did, (log.request_time at time zone 'utc')::date, public.counted_model(log), log.endpoint
  loop
    begin
      v_count := v_count + public.book_cost(v_cost)::integer;
    exception when data_exception or check_violation or program_limit_exceeded or deadlock_detected then
      null;
    end;
  end loop;
  return v_count;
end;
$$;
comment on function public.book_costs is 'Books the costs of ended rows that have none, once each, as book_cost does.';

-- Gives claims of claim_unpriced_requests back: OpenRouter was not asked, and can be at once.
--
-- p_requests: an array of {"request_id", "request_time"}.
create function public.give_back_unpriced_requests(p_requests jsonb)
returns void
language sql
set search_path = ''
as $$
  update public.request_logs as log
  set cost_asks = greatest(cost_asks - 1, 0), cost_ask_after = now()
  from jsonb_to_recordset(
    case jsonb_typeof(p_requests) when 'string' then (p_requests #>> '{}')::jsonb else p_requests end
  ) as claimed (request_id uuid, request_time timestamptz)
  where log.id = claimed.request_id and log.request_time = claimed.request_time
    and log.total_cost is null;
$$;
comment on function public.give_back_unpriced_requests is 'Gives claims of claim_unpriced_requests back that were not used.';

revoke all on function public.book_costs, public.give_back_unpriced_requests
  from public, anon, authenticated, service_role;
grant execute on function public.book_costs, public.give_back_unpriced_requests to service_role;
