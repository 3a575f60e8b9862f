-- A settlement is one value, and a cost may follow it.
begin;
select plan(20);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash', 'sealed', 'alice');
create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
create function pg_temp.admit(n integer) returns text language sql as $$
  select public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(n), 'did', 'did:key:alice', 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true, 'model', 'asked/for', 'idempotency_key', 'k',
    'body_hash', 'ab'
  )) ->> 'decision';
$$;
create function pg_temp.settle(n integer, members jsonb) returns jsonb language sql as $$
  select public.settle_request(
    jsonb_build_object('request_id', pg_temp.request(n), 'request_time', now()) || members
  );
$$;
set local role service_role;

-- All of it.
select is(pg_temp.admit(1), 'admitted', 'a call');
select is(
  pg_temp.settle(1, '{
    "status": "completed", "http_status": 200, "error_message": null, "given_up": false,
    "model": "answered/by", "provider": "P", "generation_id": "gen-1", "native_finish_reason": "stop",
    "input_tokens": 5, "output_tokens": 4, "cached_tokens": 3, "reasoning_tokens": 2,
    "cost": "100", "upstream_cost": "2e1", "usd_per_credit": "0.01", "cost_source": "response",
    "first_byte_ms": 345, "may_be_repeated": false
  }'),
  '{"settled": true, "total_cost": "1", "left_out": null}', 'is settled'
);
select results_eq(
  $$ select status, http_status::integer, error_message, given_up, model, provider, generation_id,
      native_finish_reason, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost::text,
      upstream_cost::text, cost_source, first_byte_ms from public.request_logs $$,
  $$ values ('completed', 200, null::text, false, 'answered/by', 'P', 'gen-1', 'stop', 5::bigint,
      4::bigint, 3::bigint, 2::bigint, '1', '0.2', 'response', 345) $$,
  'with each member in its place, and amounts without zeros at their end'
);
select is(pg_temp.admit(2), 'duplicate', 'its Idempotency-Key is used up');

-- A part of it.
reset role;
delete from public.request_logs;
delete from public.idempotency_keys;
set local role service_role;
select is(pg_temp.admit(3), 'admitted', 'another call');
select is(
  pg_temp.settle(3, '{
    "status": "failed", "http_status": 200, "error_message": "no usage", "cost": "0", "may_be_repeated": true
  }'),
  '{"settled": true, "total_cost": "0", "left_out": null}', 'fails'
);
select is(pg_temp.admit(4), 'admitted', 'what may be repeated may be sent again, whatever its status');

-- Given up by a flag, whatever the message says.
select is(
  pg_temp.settle(4, '{"status": "failed", "error_message": "gone", "given_up": true, "input_tokens": 9}')
    ->> 'settled',
  'true', 'a row is given up'
);
select is(
  pg_temp.settle(4, '{"status": "completed", "model": "answered/by", "generation_id": "gen-4"}') ->> 'settled',
  'true', 'its end takes the place of that, although its cost is not known yet'
);
select results_eq(
  $$ select status, error_message, given_up, input_tokens from public.request_logs
    where id = pg_temp.request(4) $$,
  $$ values ('completed', null::text, false, null::bigint) $$, 'all of it'
);
select is(
  pg_temp.settle(4, '{"status": "failed", "given_up": true}') ->> 'settled', 'false',
  'a row whose end is known is not given up'
);

-- The cost follows.
select is(
  (public.usage_stats('did:key:alice') ->> 'requests_without_cost')::integer, 1,
  'the statistics know that its cost is unknown'
);
select is(
  pg_temp.settle(4, '{"status": "failed", "error_message": "late", "cost": "0.25", "cost_source": "generation",
    "model": "other", "output_tokens": 6}'),
  '{"settled": true, "total_cost": "0.25", "left_out": null}', 'a cost that it lacks is taken'
);
select results_eq(
  $$ select status, error_message, model, output_tokens, total_cost, cost_source
    from public.request_logs where id = pg_temp.request(4) $$,
  $$ values ('completed', null::text, 'answered/by', 6::bigint, 0.25, 'generation') $$,
  'with what else it lacks, and nothing that it has'
);
select is(
  pg_temp.settle(4, '{"status": "completed", "cost": "9"}'),
  '{"settled": false, "total_cost": "0.25", "left_out": null}', 'once'
);
select is(
  (public.usage_stats('did:key:alice') ->> 'requests_without_cost')::integer, 0,
  'then no cost is unknown'
);
select results_eq(
  'select sum(requests), sum(requests_without_cost), sum(output_tokens), sum(total_cost) from public.usage_daily',
  'values (3::numeric, 0::numeric, 10::numeric, 1.25)', 'and the totals have each request once'
);

-- With six partitions or more Postgres would plan each settlement anew, at twice its price.
select is_empty(
  $$
    select name from unnest('{settle_request(jsonb), book_cost(jsonb)}'::text[]) as name
    where not (
      select proconfig @> '{plan_cache_mode=force_generic_plan}' from pg_catalog.pg_proc
      where oid = ('public.' || name)::regprocedure
    )
  $$,
  'what gateways call for each request is planned once'
);

-- Counts and times larger than most.
reset role;
delete from public.request_logs;
delete from public.idempotency_keys;
set local role service_role;
select pg_temp.admit(9);
select is(
  pg_temp.settle(9, '{
    "status": "completed", "http_status": 200, "cost": "0.00000000012", "usd_per_credit": "1", "first_byte_ms": 86400000,
    "input_tokens": 3000000001, "output_tokens": 3000000002, "cached_tokens": 3000000003, "reasoning_tokens": 3000000004
  }'),
  '{"settled": true, "total_cost": "0.00000000012", "left_out": null}', 'however many tokens, and however long'
);
select results_eq(
  'select input_tokens, output_tokens, cached_tokens, reasoning_tokens, first_byte_ms from public.request_logs',
  'values (3000000001, 3000000002, 3000000003, 3000000004, 86400000)', 'is kept as it was told'
);

select * from finish();
rollback;
