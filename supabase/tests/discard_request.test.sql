-- A call on a path that OpenRouter does not have leaves no trace.
begin;
select plan(15);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash a', 'sealed a', 'alice');

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
create function pg_temp.admit(n integer, p_key text) returns text language sql as $$
  select public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(n), 'did', 'did:key:alice', 'method', 'POST', 'endpoint', '/no/such/path',
    'metered', true, 'idempotency_key', p_key, 'body_hash', 'ab'
  )) ->> 'decision';
$$;
create function pg_temp.discard(n integer, p_later interval default '0') returns boolean language sql
return public.discard_request(pg_temp.request(n), now() + p_later);

set local role service_role;

select is(pg_temp.admit(1, 'k'), 'admitted', 'a call is admitted');
select is(pg_temp.admit(2, 'k2'), 'admitted', 'and another one');
select is(pg_temp.admit(3, 'k'), 'duplicate', 'a repetition is refused while the first one is under way');
select is(pg_temp.discard(1, '1 second'), false, 'a request of another time is not found');
select is(
  (select count(*) from public.request_logs), 2::bigint, 'and nothing is deleted for it'
);
select is(pg_temp.discard(1), true, 'a pending call is discarded');
select results_eq(
  'select id, status from public.request_logs', $$ values (pg_temp.request(2), 'pending') $$,
  'its row is gone, and no other'
);
select results_eq(
  'select idempotency_key from public.idempotency_keys', $$ values ('k2') $$,
  'its Idempotency-Key is gone, and no other'
);
select is(pg_temp.discard(1), false, 'who asks again is told that there is none');
select is(pg_temp.admit(4, 'k'), 'admitted', 'the same call may be sent again under the same key');

select public.settle_request(jsonb_build_object(
  'request_id', pg_temp.request(2), 'request_time', now(), 'status', 'completed', 'http_status', 200,
  'cost', '0.5'
));
select is(pg_temp.discard(2), false, 'a call that has ended is not discarded');
select results_eq(
  $$ select status, total_cost from public.request_logs where id = pg_temp.request(2) $$,
  $$ values ('completed', 0.5) $$,
  'its row stays as it ended'
);
select results_eq(
  'select requests, failed_requests, total_cost from public.usage_daily',
  $$ values (1::bigint, 0::bigint, 0.5) $$,
  'what was discarded is counted nowhere'
);
select is(pg_temp.admit(5, 'k2'), 'duplicate', 'and the Idempotency-Key of what ended stays as well');

select public.set_gateway_limits(refused_requests_per_minute => 6);
select pg_temp.admit(6, 'k6');
select pg_temp.discard(6);
select is(
  (select refusals_used_until from public.budgets where did = 'did:key:alice'), now() + interval '10 seconds',
  'but it counts as a mistake, so that nobody makes up paths at will'
);

select * from finish();
rollback;
