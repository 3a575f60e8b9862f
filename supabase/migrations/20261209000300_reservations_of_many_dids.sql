-- Putting many budgets right looked through all that is held once for each of them, and took a lock for each
-- until the end: it took many minutes for some thousand DIDs, and failed where Postgres has no room for so
-- many locks. It puts a thousand right at a time, by one look.

create or replace function public.verify_reservations(apply boolean default false, p_did text default null)
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
