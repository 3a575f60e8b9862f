-- Who had no account any more was never compared: a call whose gateway had died, and whose DID was erased then, or
-- its account deleted, stayed without its cost for good.

create or replace function public.claim_cost_checks(p_limit integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_run_since timestamptz := (select started_at from public.maintenance_runs);
  v_due text[];
  v_claimed text[];
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
  v_claimed := v_due[:p_limit];

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
