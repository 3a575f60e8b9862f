-- A call whose admission the gateway did not hear of ends, and may be sent again.
begin;
select plan(12);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash a', 'sealed a', 'alice');

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
create function pg_temp.admit(n integer, p_key text) returns text language sql as $$
  select public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(n), 'did', 'did:key:alice', 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true, 'model', 'asked/for', 'idempotency_key', p_key,
    'body_hash', 'ab'
  )) ->> 'decision';
$$;

set local role service_role;

select is(
  public.withdraw_request(pg_temp.request(1)), false,
  'a request that has no row, or none yet, is not withdrawn'
);
select is(pg_temp.admit(1, 'k'), 'admitted', 'a call is admitted, and nobody hears of it');
select is(public.withdraw_request(pg_temp.request(1)), true, 'it is withdrawn');
select results_eq(
  'select status, error_message, http_status, total_cost, model from public.request_logs',
  $$ values ('failed', 'store_unavailable: the gateway did not hear of the admission',
    null::smallint, 0::numeric, 'asked/for') $$,
  'it has failed for that reason, and cost nothing'
);
select results_eq(
  'select requests, failed_requests, requests_without_cost, total_cost from public.usage_daily',
  $$ values (1::bigint, 1::bigint, 0::bigint, 0::numeric) $$,
  'it is counted once'
);
select is(pg_temp.admit(2, 'k'), 'admitted', 'the same call may be sent again under the same key');

select is(public.withdraw_request(pg_temp.request(1)), true, 'who asks again is told that there is a row');
select results_eq(
  'select requests, failed_requests from public.usage_daily',
  $$ values (1::bigint, 1::bigint) $$,
  'and it is counted no second time'
);

select public.settle_request(jsonb_build_object(
  'request_id', pg_temp.request(2), 'request_time', now(), 'status', 'completed', 'http_status', 200,
  'cost', '0.5'
));
select is(public.withdraw_request(pg_temp.request(2)), true, 'a call that has ended');
select results_eq(
  $$ select status, total_cost from public.request_logs where id = pg_temp.request(2) $$,
  $$ values ('completed', 0.5) $$,
  'stays as it ended'
);

-- It looks at a day, and at what another clock may say.
reset role;
insert into public.request_logs (id, did, method, endpoint, request_time)
select pg_temp.request(10 + n::integer), 'did:key:alice', 'POST', '/x', now() + away
from unnest('{-24 hours, -24 hours -1 second, 1 minute, 1 minute 1 second}'::interval[]) with ordinality as row_of (away, n);
set local role service_role;
select is(
  array(select public.withdraw_request(pg_temp.request(10 + n)) from generate_series(1, 4) as n), '{t,f,t,f}', 'a row of the last day is withdrawn, and no other'
);

select pg_temp.admit(20, 'k20');
select public.settle_request(jsonb_build_object('request_id', pg_temp.request(20), 'request_time', now(), 'status', 'failed', 'given_up', true));
select public.withdraw_request(pg_temp.request(20));
select is(
  (select total_cost from public.request_logs where id = pg_temp.request(20)), 0::numeric,
  'what a sweep gave up meanwhile was not forwarded either'
);

select * from finish();
rollback;
