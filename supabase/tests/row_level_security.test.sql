-- A Supabase user sees the rows of the DID in the JWT's claim `did`, and nothing else.
begin;
select plan(29);

select isnt_empty(
  $$ select from pg_catalog.pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' $$,
  'there are tables to look at'
);
select is_empty(
  $$
    select oid::regclass from pg_catalog.pg_class
    where relnamespace in ('public'::regnamespace, 'partitions'::regnamespace)
      and relkind in ('r', 'p') and not relrowsecurity
  $$,
  'every table has row level security, partitions included'
);
select is_empty(
  $$
    select oid::regclass from pg_catalog.pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')
      and not coalesce(reloptions @> '{security_invoker=true}', false)
  $$,
  'every view reads with the rights of whoever asks'
);
select is_empty(
  $$
    select tablename, policyname from pg_catalog.pg_policies
    where schemaname in ('public', 'partitions') and (roles <> '{authenticated}' or cmd <> 'SELECT')
  $$,
  'policies let authenticated users read, and let nobody do anything else'
);

select set_eq(
  $$ select tablename::text from pg_catalog.pg_policies where schemaname in ('public', 'partitions') $$,
  '{request_logs, usage_daily, usage_hourly, user_api_keys}'::text[], 'of these tables alone, which say whose a row is'
);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash a', 'sealed a', 'alice'), ('did:key:bob', 'hash b', 'sealed b', 'bob');
insert into public.request_logs (id, did, method, endpoint, model, session, label)
select gen_random_uuid(), did, 'POST', '/chat/completions', 'model of ' || did, 'session', 'label'
from public.user_api_keys, generate_series(1, 3);
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'failed', 'cost', '1', 'input_tokens', 10
  ))
  from public.request_logs;
end;
$$;
-- Totals of all DIDs together, of days that the users have rows of.
insert into public.usage_daily (did, day, model, endpoint, requests, input_tokens, total_cost)
select did, date '2026-01-01', 'model of ' || did, '/chat/completions', 1, 10, 1 from public.user_api_keys;
select public.add_up_days();
insert into public.usage_day_changes values ('2026-01-01');
insert into public.request_logs (id, did, method, endpoint, request_time)
select gen_random_uuid(), did, 'POST', '/embeddings', greatest(now() - interval '1 minute', date_trunc('hour', now()))
from public.user_api_keys;
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200,
    'first_byte_ms', 10
  ))
  from public.request_logs where endpoint = '/embeddings';
end;
$$;
insert into public.request_logs (id, did, method, endpoint)
select gen_random_uuid(), did, 'POST', '/rerank' from public.user_api_keys;

-- How many rows of which DID the current user sees, in everything that has a DID and may be read.
create function pg_temp.visible() returns table (relation text, did text, seen bigint)
language plpgsql as $$
declare
  v_relation regclass;
begin
  for v_relation in
    select attrelid from pg_catalog.pg_attribute
    join pg_catalog.pg_class on pg_class.oid = attrelid
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and attname = 'did'
      and has_column_privilege(attrelid, attnum, 'select')
  loop
    return query execute
      format('select %L, did, count(*) from %s group by did', v_relation, v_relation);
  end loop;
end;
$$;

create function pg_temp.visible_to(claims jsonb) returns bigint language plpgsql as $$
begin
  perform set_config('request.jwt.claims', claims::text, true);
  return (select count(*) from pg_temp.visible());
end;
$$;

set local role authenticated;

set local request.jwt.claims = '{"role": "authenticated", "did": "did:key:alice"}';
select set_eq(
  'select relation, did, seen from pg_temp.visible()',
  $$ values ('user_api_keys', 'did:key:alice', 1::bigint), ('request_logs', 'did:key:alice', 5),
    ('usage_daily', 'did:key:alice', 3), ('usage_hourly', 'did:key:alice', 2),
    ('usage_by_did', 'did:key:alice', 1), ('usage_by_did_day', 'did:key:alice', 2),
    ('usage_by_did_hour', 'did:key:alice', 1), ('usage_by_did_model', 'did:key:alice', 2),
    ('usage_by_did_session', 'did:key:alice', 1), ('usage_by_did_label', 'did:key:alice', 1),
    ('usage_latency', 'did:key:alice', 1), ('usage_unknown_costs', 'did:key:alice', 1),
    ('usage_recent_failures', 'did:key:alice', 3), ('ended_requests', 'did:key:alice', 4) $$,
  'alice sees her own rows everywhere and no others'
);
select results_eq(
  'select requests, input_tokens, total_cost from public.usage_by_day order by day',
  $$ values (1::bigint, 10::bigint, 1::numeric), (4, 30, 3) $$,
  'the sums by day are hers alone'
);
select results_eq(
  'select model, requests from public.usage_by_model order by model',
  $$ values ('model of did:key:alice', 4::bigint), ('unknown', 1) $$,
  'the sums by model are hers alone'
);
select is_empty(
  $$ select from public.request_logs where did = 'did:key:bob' $$,
  'asking for bob''s rows finds none'
);
select is_empty(
  'select from public.usage_daily_of_all union all select from public.usage_day_changes',
  'nor does asking for totals of all'
);

set local request.jwt.claims = '{"role": "authenticated", "did": "did:key:bob"}';
select set_eq(
  'select distinct did from pg_temp.visible()',
  $$ values ('did:key:bob') $$,
  'bob sees his own'
);

set local request.jwt.claims = '{"role": "authenticated", "did": "did:key:nobody"}';
select is_empty('select from pg_temp.visible()', 'a DID without rows sees none');

set local request.jwt.claims = '{"role": "authenticated", "sub": "did:key:alice"}';
select is_empty('select from pg_temp.visible()', 'a JWT without the claim sees none');
select is_empty('select from public.usage_by_day', 'a JWT without the claim sees no sums by day');
select is_empty('select from public.usage_by_model', 'a JWT without the claim sees no sums by model');

set local request.jwt.claims = '{"role": "authenticated", "user_metadata": {"did": "did:key:alice"}}';
select is_empty('select from pg_temp.visible()', 'metadata that users write themselves is no claim');

set local request.jwt.claims = '{"role": "authenticated", "did": null}';
select is_empty('select from pg_temp.visible()', 'a claim of null sees none');

set local request.jwt.claims = '{"role": "authenticated", "did": ["did:key:alice", "did:key:bob"]}';
select is_empty('select from pg_temp.visible()', 'a claim that is a list sees none');

set local request.jwt.claims = '{"role": "authenticated", "did": "%"}';
select is_empty('select from pg_temp.visible()', 'a claim is no pattern');

select is(pg_temp.visible_to(claims), 0::bigint, format('nor is any other DID than that of the claim seen by %s', claims))
from (values
  ('{"role": "authenticated", "did": "did:key:"}'::jsonb), ('{"role": "authenticated", "did": "did:key:alice2"}'),
  ('{"role": "authenticated", "did": "DID:KEY:ALICE"}'), ('{"role": "authenticated", "did": " did:key:alice "}'),
  ('{"role": "authenticated", "app_metadata": {"did": "did:key:alice"}}')
) as told (claims);

set local request.jwt.claims = '';
select is_empty('select from pg_temp.visible()', 'no JWT sees none');

set local request.jwt.claims = '{"role": "authenticated", "did": "did:key:alice"}';
select throws_ok(
  'select from partitions.request_logs_default', '42501', null,
  'partitions, which have no policies, are out of reach'
);

set local role anon;
select is_empty('select from pg_temp.visible()', 'there is nothing that anon may read');
select throws_ok(
  'select from public.request_logs', '42501', null,
  'anon may not read the log even with a DID in its JWT'
);

set local role service_role;
set local request.jwt.claims = '{"role": "service_role"}';
select is(
  (select count(distinct did) from public.request_logs), 2::bigint,
  'service_role sees the rows of all'
);

select * from finish();
rollback;
