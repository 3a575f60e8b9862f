-- Whether budgets hold for calls what the log says, and how to put right what is stuck.

-- What budgets hold if they are right, of one DID or of all (null), '*' included: reservations of their day
-- and month, and calls that have not ended. Calls of gateways that know no budgets are not held for.
create function public.reservations_of_log(p_did text)
returns table (
  did text,
  requests_under_way integer,
  day_reserved_usd numeric,
  month_reserved_usd numeric
)
language sql
stable
set search_path = ''
as $$
  -- Two parts, because each has an index of its own; there are few rows of either.
  with held as (
    select did, reserved_on, reserved_usd, 1 as under_way
    from public.request_logs
    where status = 'pending' and reserved_on is not null and p_did in (did, '*') is not false
    union all
    select did, reserved_on, reserved_usd, 0
    from public.request_logs
    where status <> 'pending' and reserved_usd <> 0 and reserved_on is not null
      and p_did in (did, '*') is not false
  ),
  held_by as (
    select * from held
    union all
    -- Calls under way are counted of a DID alone.
    select '*', reserved_on, reserved_usd, 0 from held
  )
  select budget.did,
    coalesce(sum(under_way), 0)::integer,
    coalesce(sum(reserved_usd) filter (where reserved_on = budget.day), 0),
    coalesce(sum(reserved_usd) filter (where date_trunc('month', reserved_on) = budget.month), 0)
  from public.budgets as budget
  left join held_by on held_by.did = budget.did
  where p_did is null or budget.did = p_did
  group by budget.did
$$;
comment on function public.reservations_of_log is
  'What budgets hold for calls if they are right, by the rows of the log.';

-- Compares what budgets hold for calls with the rows of the log that they hold it for, of one DID or of all
-- (null), '*' included. Returns the budgets that differ, with what they hold and what they should; none:
-- all agree. `apply => true` puts them right, under the locks of their DIDs and '*', which are held until
-- the end of the transaction: those of a thousand DIDs a call.
create function public.verify_reservations(apply boolean default false, p_did text default null)
returns table (did text, held jsonb, logged jsonb)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_differences jsonb[];
  -- So many at once, because Postgres has room for some thousand locks.
  v_at_once constant integer := 1000;
  v_dids text[];
begin
  if p_did like 'did:pkh:%' then
    p_did := public.plain_did(p_did);
  end if;
  -- One statement, so that budgets and log are of one instant.
  v_differences := array(
    select to_jsonb(difference)
    from (
      select did, to_jsonb(held) - 'did' as held, to_jsonb(logged) - 'did' as logged
      from (
        select did, requests_under_way, day_reserved_usd, month_reserved_usd
        from public.budgets where p_did is null or did = p_did
      ) as held
      join public.reservations_of_log(p_did) as logged using (did)
      where held is distinct from logged
    ) as difference
    order by did = '*', did
  );

  if apply then
    v_dids := array(
      select difference ->> 'did'
      from unnest(v_differences) with ordinality as found (difference, place)
      where place <= v_at_once or difference ->> 'did' = '*'
      -- The order of the locks is that of the DIDs, '*' last.
      order by place
    );
    for i in 1..cardinality(v_dids) loop
      perform public.lock_budget(v_dids[i]);
    end loop;
    -- Calls have come and ended meanwhile: this looks anew, at the log once for all of them.
    update public.budgets as budget
    set requests_under_way = logged.requests_under_way,
      day_reserved_usd = logged.day_reserved_usd,
      month_reserved_usd = logged.month_reserved_usd
    from public.reservations_of_log(p_did) as logged
    where budget.did = any (v_dids) and logged.did = budget.did;
  end if;

  return query
  select told.* from unnest(v_differences) as difference,
    jsonb_to_record(difference) as told (did text, held jsonb, logged jsonb);
end;
$$;
comment on function public.verify_reservations is
  'Returns the budgets that hold something else for calls than the log says; none: all agree. verify_reservations(apply => true) puts them right.';
