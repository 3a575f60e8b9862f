-- Every cent is booked once, to the last digit.
begin;
select plan(59);

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;

create function pg_temp.admit(n integer, at timestamptz default now(), model text default null)
returns void language sql as $$
  insert into public.request_logs (id, did, method, endpoint, model, request_time, reserved_usd)
  values (pg_temp.request(n), 'did:key:alice', 'POST', '/chat/completions', model, at, 0.5);
$$;
create function pg_temp.settle(n integer, cost text, usd_per_credit text default '1')
returns text language sql as $$
  select public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'cost', cost,
    'usd_per_credit', usd_per_credit
  )) ->> 'total_cost'
  from public.request_logs where id = pg_temp.request(n);
$$;

-- One request, with everything that is known of it.
select pg_temp.admit(1, '2026-03-10 23:59:59.999999+00', 'asked/for');
set local role service_role;
select is(
  public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(1), 'request_time', '2026-03-10 23:59:59.999999+00',
    'status', 'completed', 'http_status', 200, 'model', 'answered/by', 'provider', 'DeepInfra',
    'generation_id', 'gen-1', 'input_tokens', 120, 'output_tokens', 850, 'cached_tokens', 20,
    'reasoning_tokens', 30, 'cost', '0.00142', 'upstream_cost', '0.001', 'cost_source', 'response',
    'first_byte_ms', 345
  )),
  '{"settled": true, "total_cost": "0.00142", "left_out": null}',
  'a pending row is settled, and its cost is told as decimals'
);
select results_eq(
  $$
    select status, http_status::integer, error_message, model, provider, generation_id, input_tokens,
      output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost, cost_source,
      first_byte_ms, reserved_usd
    from public.request_logs where id = pg_temp.request(1)
  $$,
  $$
    values ('completed', 200, null::text, 'answered/by', 'DeepInfra', 'gen-1', 120::bigint,
      850::bigint, 20::bigint, 30::bigint, 0.00142, 0.001, 'response', 345, 0::numeric)
  $$,
  'the row holds all of it and reserves nothing any more'
);
select isnt(
  (select response_time from public.request_logs where id = pg_temp.request(1)), null,
  'the row says when it ended'
);
select results_eq(
  'select * from public.usage_daily',
  $$
    values ('did:key:alice', '2026-03-10'::date, 'answered/by', '/chat/completions', 1::bigint,
      0::bigint, 120::bigint, 850::bigint, 20::bigint, 30::bigint, 0.00142, 0.001, 0::bigint)
  $$,
  'the day''s totals hold the same, parts of tokens not added on top, upstream cost apart'
);

-- Once.
create temporary table settled on commit drop as
select request_logs as row from public.request_logs where id = pg_temp.request(1);
select is(
  public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(1), 'request_time', '2026-03-10 23:59:59.999999+00', 'status', 'failed',
    'http_status', 502, 'error_message', 'again', 'model', 'other/model', 'input_tokens', 1, 'cost', '99',
    'may_be_repeated', true
  )),
  '{"settled": false, "total_cost": "0.00142", "left_out": null}',
  'a second settlement is refused, and told what the first one cost'
);
select is(
  (select request_logs from public.request_logs where id = pg_temp.request(1)),
  (select row from settled),
  'a second settlement leaves the row alone'
);
select results_eq(
  'select requests, failed_requests, input_tokens, total_cost from public.usage_daily',
  'values (1::bigint, 0::bigint, 120::bigint, 0.00142)',
  'a second settlement adds nothing'
);
select is(
  public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(404), 'request_time', now(), 'status', 'completed'
  )) ->> 'settled', 'false',
  'a request that nobody admitted cannot be settled'
);
select pg_temp.admit(2, '2026-03-11 00:00:00+00');
select is(
  public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(2), 'request_time', '2026-03-11 00:00:01+00', 'status', 'completed'
  )) ->> 'settled',
  'false',
  'a request is settled under its own time alone'
);

-- Days are UTC's, by the time of the request, whatever the session's time zone is.
set local timezone = 'America/Los_Angeles';
select is(pg_temp.settle(2, '1'), '1', 'a request at midnight is settled where it is the day before');
set local timezone = 'Pacific/Kiritimati';
select pg_temp.admit(3, '2026-03-11 23:59:59.999999+00');
select is(pg_temp.settle(3, '1'), '1', 'a request before midnight is settled where it is the day after');
set local timezone = 'UTC';
select results_eq(
  'select day, requests from public.usage_daily order by day, model',
  $$ values ('2026-03-10'::date, 1::bigint), ('2026-03-11', 2) $$,
  'midnight UTC begins the day'
);

-- What admit_request answers is what settle_request takes, across time zones.
reset role;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:zoe', 'hash z', 'sealed z', 'zoe');
set local role service_role;
set local timezone = 'Asia/Kathmandu';
create temporary table admitted on commit drop as
select public.admit_request(jsonb_build_object(
  'request_id', pg_temp.request(4), 'did', 'did:key:zoe', 'method', 'POST', 'endpoint', '/chat/completions',
  'metered', true
)) ->> 'request_time' as request_time;
set local timezone = 'America/St_Johns';
select is(
  (
    select public.settle_request(jsonb_build_object(
      'request_id', pg_temp.request(4), 'request_time', request_time::timestamptz, 'status', 'completed'
    )) ->> 'settled'
    from admitted
  ),
  'true',
  'the time that admit_request told finds the row from another time zone'
);
set local timezone = 'UTC';

-- Exactness.
create temporary table costs on commit drop as
select * from (values
  (100, '1e-10', '0.0000000001'),
  (101, '7.765e-06', '0.000007765'),
  (102, '7.765E-06', '0.000007765'),
  (103, '0.00002415', '0.00002415'),
  (104, '0.123456789012345678901234567890', '0.12345678901234567890123456789'),
  (105, '123456789.000000000000000001', '123456789.000000000000000001'),
  (106, '0.10', '0.1'),
  (107, '1E2', '100'),
  (108, '0', '0'),
  (109, '0.000', '0')
) as costs (n, cost, usd);
select pg_temp.admit(n, model => 'exact') from costs;
select is(pg_temp.settle(n, cost), usd, format('%s is booked as %s', cost, usd)) from costs order by n;
select is(
  (select total_cost::text from public.usage_daily where model = 'exact'),
  (select sum(usd::numeric)::text from costs),
  'the day''s total has all digits of all of them'
);
select pg_temp.admit(120, model => 'tenths'), pg_temp.admit(121, model => 'tenths');
select is(
  array[pg_temp.settle(120, '0.1'), pg_temp.settle(121, '0.2')], '{0.1,0.2}', 'a tenth and two tenths'
);
select is(
  (select total_cost from public.usage_daily where model = 'tenths')::text, '0.3',
  'are three tenths, not 0.30000000000000004'
);

-- Credits.
select pg_temp.admit(130, model => 'credits');
select is(pg_temp.settle(130, '142', '0.000001'), '0.000142', 'credits become dollars at their rate');
select is(
  (select total_cost from public.usage_daily where model = 'credits'), 0.000142,
  'and the totals are in dollars'
);

-- Zero is known, nothing is not.
select pg_temp.admit(140, model => 'free'), pg_temp.admit(141, model => 'unknown cost');
select is(pg_temp.settle(140, '0'), '0', 'a cost of zero is told');
select is(pg_temp.settle(141, null), null, 'an unknown cost is not');
select results_eq(
  'select total_cost from public.request_logs
    where id in (pg_temp.request(140), pg_temp.request(141)) order by id',
  'values (0::numeric), (null)',
  'the log keeps zero and unknown apart'
);
select results_eq(
  $$ select requests, requests_without_cost, total_cost from public.usage_daily
    where model in ('free', 'unknown cost') order by model $$,
  'values (1::bigint, 0::bigint, 0::numeric), (1, 1, 0)',
  'both count as requests and add nothing, and the totals say of one that its cost is unknown'
);

-- Models.
select is_empty(
  $$ select from public.usage_daily where day = '2026-03-11' and model <> 'unknown' $$,
  'without any model the totals say unknown'
);
select pg_temp.admit(150, model => 'asked/for');
select is(pg_temp.settle(150, '1'), '1', 'when an answer does not say which model it is by');
select is(
  (select model from public.request_logs where id = pg_temp.request(150)), 'asked/for',
  'the one that was asked for stays'
);

-- Failures.
select pg_temp.admit(151, model => 'failed');
select is(
  public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(151), 'request_time', now(), 'status', 'failed',
    'error_message', 'client_disconnected', 'cost', '0.25'
  )) ->> 'total_cost',
  '0.25', 'what failed can have cost something'
);
select results_eq(
  $$ select requests, failed_requests, total_cost from public.usage_daily where model = 'failed' $$,
  'values (1::bigint, 1::bigint, 0.25)',
  'and counts among requests, failures and costs'
);

-- Idempotency keys.
create function pg_temp.decision(n integer) returns text language sql as $$
  select public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(n), 'did', 'did:key:zoe', 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true, 'idempotency_key', 'k', 'body_hash', '00'
  )) ->> 'decision';
$$;
select is(pg_temp.decision(152), 'admitted', 'a request with an idempotency key');
select is(
  public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(152), 'request_time', now(), 'status', 'failed', 'http_status', 429,
    'may_be_repeated', true
  )) ->> 'settled', 'true',
  'that OpenRouter refused'
);
select is(pg_temp.decision(153), 'admitted', 'can be tried again');
select is(
  public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(153), 'request_time', now(), 'status', 'failed', 'http_status', 400,
    'may_be_repeated', true
  )) ->> 'settled', 'true',
  'whatever it refused it with'
);
select is(pg_temp.decision(155), 'admitted', 'can be tried again as well');
select is(
  public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(155), 'request_time', now(), 'status', 'completed', 'http_status', 399
  )) ->> 'settled', 'true',
  'until it was answered'
);
select is(pg_temp.decision(154), 'duplicate', 'after which it is not sent a second time');

-- Whoever settles holds the row from its first look on, so that nobody decides on what is about to
-- change. A row that is locked, and not changed, names a transaction in xmax.
create function pg_temp.is_locked(n integer) returns boolean language sql as $$
  select xmax::text <> '0'
  from public.request_logs where id = pg_temp.request(n);
$$;
insert into public.request_logs (id, did, method, endpoint, status, response_time)
values (pg_temp.request(156), 'did:key:zoe', 'POST', '/x', 'completed', now());
select is(pg_temp.is_locked(156), false, 'a row that has ended is held by nobody');
select is(
  public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(156), 'request_time', now(), 'status', 'completed', 'http_status', 200
  )) ->> 'settled',
  'false', 'a settlement that changes nothing'
);
select is(pg_temp.is_locked(156), true, 'has held it all the same');

-- What cannot be an end changes nothing.
select pg_temp.admit(160, model => 'refused');
select throws_ok(
  $$ select public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'pending'
  ))
    from public.request_logs where id = pg_temp.request(160) $$,
  '23514', null, 'a request cannot end as pending'
);
select throws_ok(
  $$ select public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'done'
  ))
    from public.request_logs where id = pg_temp.request(160) $$,
  '23514', null, 'a request ends completed or failed'
);
select is(
  (select status from public.request_logs where id = pg_temp.request(160)), 'pending',
  'the row can still be settled'
);

-- What OpenRouter refused is free, and named anything that the client liked.
select pg_temp.admit(161, model => 'invented/model');
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(161), 'request_time', now(), 'status', 'failed', 'http_status', 400,
    'cost', '0', 'may_be_repeated', true
  ));
end;
$$;
select results_eq(
  $$ select model, requests, failed_requests, requests_without_cost from public.usage_daily
    where model = 'invented/model' or model = 'unknown' and day = (now() at time zone 'utc')::date
      and failed_requests > 0 and did = 'did:key:alice' $$,
  $$ values ('unknown', 1::bigint, 1::bigint, 0::bigint) $$,
  'a model that was refused is not counted by its name'
);
select is(
  (select model from public.request_logs where id = pg_temp.request(161)), 'invented/model',
  'which the log keeps'
);
select pg_temp.admit(n, model => 'too/busy') from generate_series(162, 163) as n;
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(162), 'request_time', now(), 'status', 'failed', 'http_status', 429,
    'cost', '0', 'may_be_repeated', true
  ));
  perform public.settle_request(jsonb_build_object(
    'request_id', pg_temp.request(163), 'request_time', now(), 'status', 'failed', 'http_status', 502,
    'cost', '0', 'may_be_repeated', true
  ));
end;
$$;
select is(
  (select failed_requests from public.usage_daily where model = 'too/busy'), 2::bigint,
  'one that could not answer is'
);

-- A row that was given up takes the settlement of a worker that lived after all, once.
insert into public.request_logs (id, did, method, endpoint, model, request_time)
values ('00000000-0000-4000-8000-0000000000aa', 'did:key:lazarus', 'POST', '/messages', 'asked', '2026-11-22T10:00:00Z');
select public.settle_request(jsonb_build_object(
  'request_id', '00000000-0000-4000-8000-0000000000aa', 'request_time', '2026-11-22T10:00:00Z',
  'status', 'failed', 'error_message', 'worker_retired: wall_clock', 'input_tokens', 7, 'given_up', true
));
select is(
  public.settle_request(jsonb_build_object(
    'request_id', '00000000-0000-4000-8000-0000000000aa', 'request_time', '2026-11-22T10:00:00Z',
    'status', 'completed', 'http_status', 200, 'model', 'answered', 'input_tokens', 8, 'output_tokens', 9,
    'cost', '0.5'
  )) ->> 'settled',
  'true', 'a row that was given up takes the settlement of a worker that lived after all'
);
select results_eq(
  $$ select status, model, total_cost, error_message from public.request_logs where did = 'did:key:lazarus' $$,
  $$ values ('completed', 'answered', 0.5::numeric, null::text) $$,
  'with what it learnt'
);
select results_eq(
  $$ select sum(requests), sum(failed_requests), sum(input_tokens), sum(output_tokens), sum(total_cost)
    from public.usage_daily where did = 'did:key:lazarus' $$,
  $$ values (1::numeric, 0::numeric, 8::numeric, 9::numeric, 0.5::numeric) $$,
  'which is counted once'
);
select is(
  public.settle_request(jsonb_build_object(
    'request_id', '00000000-0000-4000-8000-0000000000aa', 'request_time', '2026-11-22T10:00:00Z',
    'status', 'completed', 'http_status', 200, 'cost', '0.5'
  )) ->> 'settled',
  'false', 'and no other settlement'
);

-- An Idempotency-Key is free again after a call that OpenRouter never got.
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:again', 'hash of again', 'sealed', 'again');
create temporary table again as
select public.admit_request(jsonb_build_object(
  'request_id', '00000000-0000-4000-8000-0000000000ab', 'did', 'did:key:again', 'method', 'POST',
  'endpoint', '/messages', 'metered', true, 'idempotency_key', 'k', 'body_hash', 'ab'
)) ->> 'request_time' as request_time;
select public.settle_request(jsonb_build_object(
  'request_id', '00000000-0000-4000-8000-0000000000ab',
  'request_time', (select request_time::timestamptz from again), 'status', 'failed',
  'may_be_repeated', true
));
select is(
  public.admit_request(jsonb_build_object(
    'request_id', '00000000-0000-4000-8000-0000000000ac', 'did', 'did:key:again', 'method', 'POST',
    'endpoint', '/messages', 'metered', true, 'idempotency_key', 'k', 'body_hash', 'ab'
  )) ->> 'decision',
  'admitted', 'an Idempotency-Key is free again after a call that OpenRouter never got'
);

select pg_temp.admit(170);
select public.settle_request(pg_temp.request(170), now(), 'completed', 200, p_cost_source => 'response');
select is(
  (select cost_source from public.request_logs where id = pg_temp.request(170)), null, 'a cost that nobody has told has no source'
);

select * from finish();
rollback;
