-- Ended requests whose generation is known and whose cost is not: maintenance asks OpenRouter for it,
-- in batches, and less and less often for those that OpenRouter does not know either.

alter table public.request_logs
  add column cost_asks smallint not null default 0,
  add column cost_ask_after timestamptz;
comment on column public.request_logs.cost_asks is
  'How often maintenance has claimed the row, to ask OpenRouter what it cost.';
comment on column public.request_logs.cost_ask_after is
  'When maintenance may claim it again; null: it was not claimed yet.';

create index request_logs_unpriced on public.request_logs (cost_ask_after)
  where total_cost is null and status <> 'pending' and generation_id is not null;

-- Claims rows to ask OpenRouter what they cost: those never claimed before the others, ten seconds after
-- their end at the earliest, because the gateway that had them asks first. Each claim keeps the row from
-- the next one for twice as long as the one before, from a minute to a day: whoever dies with a claim
-- loses nothing.
--
-- Returns {"requests": [{"request_id", "request_time", "did", "endpoint", "generation_id", "asks": how
-- often it has been claimed, this time included}], "left": how many more could be claimed now, counted up
-- to 100000}.
create function public.claim_unpriced_requests(p_limit integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_requests jsonb;
  v_left bigint;
begin
  with never_claimed as materialized (
    select id, request_time from public.request_logs
    where total_cost is null and status <> 'pending' and generation_id is not null
      and cost_ask_after is null and response_time <= now() - interval '10 seconds'
    order by request_time
    limit p_limit
    for update skip locked
  ),
  due_again as materialized (
    select id, request_time from public.request_logs
    where total_cost is null and status <> 'pending' and generation_id is not null
      and cost_ask_after <= now()
    order by cost_ask_after
    limit p_limit - (select count(*) from never_claimed)
    for update skip locked
  ),
  claimed as (
    update public.request_logs as log
    set cost_asks = least(cost_asks + 1, 1000),
      cost_ask_after = now()
        + least(interval '1 day', interval '1 minute' * 2 ^ least(cost_asks, 11))
    from (table never_claimed union all table due_again) as due
    where log.id = due.id and log.request_time = due.request_time
    returning log.id, log.request_time, did, endpoint, generation_id, cost_asks
  )
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'request_id', id, 'request_time', request_time, 'did', did, 'endpoint', endpoint,
        'generation_id', generation_id, 'asks', cost_asks
      )
      order by request_time, id
    ),
    '[]'
  )
  into v_requests
  from claimed;

  select count(*) into v_left from (
    select from public.request_logs
    where total_cost is null and status <> 'pending' and generation_id is not null
      and (cost_ask_after <= now()
        or (cost_ask_after is null and response_time <= now() - interval '10 seconds'))
    limit 100000
  ) as due;
  return jsonb_build_object('requests', v_requests, 'left', v_left);
end;
$$;
comment on function public.claim_unpriced_requests is
  'Claims ended rows with a generation and no cost, for maintenance to ask OpenRouter what they cost.';

revoke all on function public.claim_unpriced_requests
  from public, anon, authenticated, service_role;
grant execute on function public.claim_unpriced_requests to service_role;
