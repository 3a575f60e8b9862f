-- What budgets hold for calls follows the log, and can be put right by it.
begin;
select plan(22);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'sealed', name from unnest('{alice, bob}'::text[]) as name;

create function pg_temp.admit(number integer, did text, usd text, at timestamptz default now())
returns jsonb language sql as $$
  select public.enter_admission(jsonb_populate_record(null::public.admission, jsonb_build_object(
    'request_id', lpad(number::text, 32, '0')::uuid, 'did', did, 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true, 'models', '["openai/gpt-4o-mini"]'::jsonb,
    'estimate', jsonb_build_array(jsonb_build_object('usd', usd))
  )), at);
$$;

create function pg_temp.settle(number integer, more jsonb) returns jsonb language sql as $$
  select public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200
  ) || more)
  from public.request_logs where id = lpad(number::text, 32, '0')::uuid;
$$;

select is_empty('select * from public.verify_reservations()', 'without a call there is nothing to hold');

-- Under way, ended with a cost, ended without one, failed, of before; and of a day that is over.
select pg_temp.admit(number, 'did:key:alice', '0.10') from generate_series(1, 5) as number;
select pg_temp.admit(6, 'did:key:bob', '0.30');
select pg_temp.settle(2, '{"cost": "0.07"}');
select pg_temp.settle(3, '{"generation_id": "gen-3"}');
select pg_temp.settle(4, '{"status": "failed", "http_status": 502, "cost": "0"}');
select public.discard_request(id, request_time) from public.request_logs
where id = lpad('5', 32, '0')::uuid;
insert into public.request_logs (id, did, method, endpoint)
values (gen_random_uuid(), 'did:key:alice', 'POST', '/chat/completions');
select is_empty('select * from public.verify_reservations()', 'budgets hold what the log says');
select results_eq(
  'select * from public.reservations_of_log(null) order by did',
  $$ values ('*', 0, 0.50, 0.50), ('did:key:alice', 1, 0.20, 0.20), ('did:key:bob', 1, 0.30, 0.30) $$,
  'for calls under way, and for those without a cost'
);
select results_eq(
  $$ select * from public.reservations_of_log('did:key:bob') $$,
  $$ values ('did:key:bob', 1, 0.30, 0.30) $$,
  'of one DID alone'
);

update public.budgets
set requests_under_way = requests_under_way + 2, day_reserved_usd = day_reserved_usd + 1,
  month_reserved_usd = month_reserved_usd + 4
where did <> 'did:key:bob';
select results_eq(
  'select did, held, logged from public.verify_reservations()',
  $$ values
    (
      'did:key:alice',
      '{"requests_under_way": 3, "day_reserved_usd": 1.20, "month_reserved_usd": 4.20}'::jsonb,
      '{"requests_under_way": 1, "day_reserved_usd": 0.20, "month_reserved_usd": 0.20}'::jsonb
    ),
    (
      '*',
      '{"requests_under_way": 2, "day_reserved_usd": 1.50, "month_reserved_usd": 4.50}'::jsonb,
      '{"requests_under_way": 0, "day_reserved_usd": 0.50, "month_reserved_usd": 0.50}'::jsonb
    ) $$,
  'what is stuck is told, "*" last'
);
select is(
  (select requests_under_way from public.budgets where did = 'did:key:alice'), 3,
  'and stays, unless one asks for more'
);
select is_empty(
  $$ select * from public.verify_reservations(true, 'did:key:bob') $$,
  'a DID that is right has nothing to put right'
);
select is(
  (select array_agg(did) from public.verify_reservations(p_did => 'did:key:alice', apply => true)),
  '{did:key:alice}', 'one DID can be put right alone'
);
select is(
  (select array_agg(did) from public.verify_reservations(apply => true)), '{*}',
  'or whatever differs'
);
select is_empty('select * from public.verify_reservations()', 'then all agree again');

-- Of the day, of the month alone, and of the month before; of a budget of another day than today.
update public.budgets set day = '2026-03-10', month = '2026-03-01', day_reserved_usd = 0, month_reserved_usd = 0, requests_under_way = 0
where did = 'did:key:bob';
insert into public.request_logs (id, did, method, endpoint, status, response_time, reserved_on, reserved_usd)
select gen_random_uuid(), 'did:key:bob', 'POST', '/x', 'completed', now(), '2026-03-10'::date - ago, 2 ^ ago
from unnest('{0, 0, 1, 9, 10}'::integer[]) as ago
union all select '00000000-0000-4000-8000-000000000001', 'did:key:bob', 'POST', '/x', 'pending', null, '2026-03-10', 4;
select results_eq(
  $$ select logged from public.verify_reservations(true, 'did:key:bob') $$,
  $$ values ('{"requests_under_way": 2, "day_reserved_usd": 6, "month_reserved_usd": 520}'::jsonb) $$,
  'what is held is of the budget''s day and of its month'
);
select results_eq(
  $$ select requests_under_way, day_reserved_usd, month_reserved_usd from public.budgets where did = 'did:key:bob' $$,
  $$ values (2, 6::numeric, 520::numeric) $$, 'each of which is put right'
);
delete from public.request_logs where did = 'did:key:bob' and (status = 'completed' or id = '00000000-0000-4000-8000-000000000001');
update public.budgets set (day, month) = (select day, month from public.budgets where did = '*'), day_reserved_usd = 0.30, month_reserved_usd = 0.30, requests_under_way = 1
where did = 'did:key:bob';

select pg_temp.settle(1, '{"cost": "0.01"}');
select pg_temp.settle(3, '{"cost": "0.02"}');
select pg_temp.settle(6, '{"cost": "0.03"}');
select is_empty('select * from public.verify_reservations()', 'and go on from there');
select is(
  (select sum(requests_under_way + day_reserved_usd + month_reserved_usd) from public.budgets), 0.0,
  'until nothing is held any more'
);

-- An Ethereum address with capitals, as wallets show it.
insert into public.budgets (did, day, month, requests_under_way)
values ('did:pkh:eip155:1:0xabcdef0123456789abcdef0123456789abcdef01', current_date, date_trunc('month', current_date), 1);
select is(
  (select held -> 'requests_under_way' from public.verify_reservations(p_did => 'did:pkh:eip155:1:0xABCDEF0123456789abcdef0123456789AbCdEf01')),
  '1', 'a DID is found in any spelling'
);

-- Of thousands of DIDs: a thousand at a time, and the log is not read once for each of them.
delete from public.budgets;
delete from public.request_logs;
insert into public.request_logs (id, did, method, endpoint, reserved_on, reserved_usd)
select gen_random_uuid(), 'did:key:' || n, 'POST', '/x', current_date, 1 from generate_series(1, 1001) as n;
insert into public.budgets (did, day, month)
select did, current_date, date_trunc('month', current_date) from public.request_logs union all select '*', current_date, date_trunc('month', current_date);
analyze public.request_logs, public.budgets;
create function pg_temp.rows_read() returns bigint language sql as $$
  select sum(pg_stat_get_xact_tuples_returned(oid))::bigint
  from pg_catalog.pg_class where relnamespace = 'partitions'::regnamespace and relkind in ('r', 'i');
$$;
create temporary table read_before as select pg_temp.rows_read() as rows;
create temporary table put_right as select * from public.verify_reservations(apply => true);
select cmp_ok(pg_temp.rows_read() - rows, '<', 20000::bigint, 'many are put right by few looks at the log') from read_before;
select is((select count(*)::integer from put_right), 1002, 'whatever differs is told');
select is(
  (select count(*)::integer from public.budgets where did <> '*' and requests_under_way = 1 and day_reserved_usd = 1), 1000,
  'a thousand are put right at a time'
);
select is(
  (
    select count(*)::integer from put_right
    join pg_locks on ((classid::bigint << 32) | objid::bigint) = hashtextextended('llm-gateway: budget of ' || did, 0)
    where locktype = 'advisory' and objsubid = 1 and pid = pg_backend_pid()
  ), 1001, 'under the locks of those, and of "*"'
);
select is((select day_reserved_usd from public.budgets where did = '*'), 1001.0, 'and "*" with the first of them');
select is(
  (select array_agg(did) from public.verify_reservations(apply => true)), array[(select max(did) from put_right where did <> '*')],
  'the rest by the next call, in the order of the DIDs'
);
select is_empty('select * from public.verify_reservations()', 'until there is none');

select * from finish();
rollback;
