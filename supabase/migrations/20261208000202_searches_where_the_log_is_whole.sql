-- Lost calls are looked for where the log is whole. A month of retention can be 28 days, and OpenRouter's
-- analytics tell of 31: the calls of those three days, which were booked and then dropped, looked like calls
-- that nobody had booked, and as many of them as a difference had room for were booked again, in the place of
-- what was missing.

create or replace function public.claim_cost_searches(p_limit integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_due text[];
  v_searches jsonb;
begin
  v_due := array(
    select did from public.cost_checks where search_after <= clock_timestamp()
    order by search_after, did limit 10000
  );
  with claimed as (
    update public.cost_checks
    set searches = least(searches + 1, 1000),
      search_after = clock_timestamp()
        + least(interval '1 day', interval '5 minutes' * 2 ^ least(searches, 9))
    where did = any (v_due[:p_limit])
    returning did, equal_at, searched_to
  )
  select jsonb_agg(jsonb_build_object(
    'did', claimed.did,
    'keys', array(
      select openrouter_key_hash from public.user_api_keys where did = claimed.did
      union
      select openrouter_key_hash from public.retired_api_keys
      where did = claimed.did and retired_at > now() - interval '32 days'
    ),
    -- What was called before the sums were equal is booked; an hour for what was under way.
    'from', greatest(
      now() - interval '31 days',
      -- The retention can be shorter: of what was dropped nobody can say whether it is booked.
      public.request_log_kept_since() + interval '1 hour',
      coalesce(claimed.searched_to, claimed.equal_at - interval '1 hour')
    )
  ) order by claimed.did)
  into v_searches
  from claimed;
  return jsonb_build_object(
    'searches', coalesce(v_searches, '[]'),
    'left', greatest(cardinality(v_due) - p_limit, 0)
  );
end;
$$;
