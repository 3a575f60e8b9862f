-- A person who asks for it is forgotten: no table holds the DID any more, and no number has changed.
begin;
select plan(37);

-- Two DIDs of which every table knows something; the second one's name begins with the first one's.
create function pg_temp.make(p_did text, p_n integer) returns void language plpgsql as $$
declare
  v_answer jsonb;
begin
  insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at)
  values (p_did, 'old hash ' || p_n, 'llm-gateway:' || p_did || '#0', now());
  insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
  values (p_did, 'hash ' || p_n, 'sealed', 'llm-gateway:' || p_did || '#1');
  insert into public.key_provisioning (did, attempt_id, expires_at) values (p_did, gen_random_uuid(), now());
  perform public.set_limits(p_did, daily_budget_usd => 20);
  for v_call in 1..3 loop
    v_answer := public.admit_request(jsonb_build_object(
      'request_id', lpad(concat(p_n, v_call), 32, '0')::uuid, 'did', p_did, 'method', 'POST', 'endpoint', '/chat/completions',
      'metered', true, 'model', 'm', 'models', '["m"]'::jsonb, 'estimate', '[{"usd": "1"}]'::jsonb, 'free_model', false,
      'idempotency_key', 'key ' || v_call, 'body_hash', 'ab', 'session', 'of ' || p_did, 'label', p_did,
      'owned_generations', '[]'::jsonb, 'shared_features', '[]'::jsonb, 'server_tools', '[]'::jsonb
    ));
    continue when v_call = 3;
    perform public.settle_request(jsonb_build_object(
      'request_id', lpad(concat(p_n, v_call), 32, '0')::uuid, 'request_time', v_answer ->> 'request_time', 'generation_id', 'gen-' || p_n || v_call,
      'status', case v_call when 1 then 'completed' else 'failed' end, 'http_status', 200, 'input_tokens', 5, 'output_tokens', 7, 'first_byte_ms', 9,
      'cost', (v_call * 4.5)::text, 'error_message', case v_call when 2 then 'the user ' || p_did || ' is odd' end
    ));
  end loop;
  insert into public.key_usages (openrouter_key_hash, did, usage, read_at) values ('hash ' || p_n, p_did, 13.5, now());
  insert into public.cost_checks (did, claimed_at) values (p_did, now());
  insert into public.cost_drift (did, since, checked_at, openrouter_usd, booked_usd, drift_usd, booked_byok_usd) values (p_did, now(), now(), 1, 1, 0, 0);
  insert into public.found_generations (generation_id, did) values ('gen-found-' || p_n, p_did);
end;
$$;
select pg_temp.make('did:key:zAnn', 1), pg_temp.make('did:key:zAnnabel', 2);

-- In which tables, of any schema of the gateway's, a row has a text.
create function pg_temp.tables_with(p_text text) returns text language plpgsql as $$
declare
  v_table regclass;
  v_tables text[] := '{}';
  v_has boolean;
begin
  for v_table in
    select oid from pg_catalog.pg_class where relkind = 'r' and relnamespace in ('public'::regnamespace, 'partitions'::regnamespace)
    order by relname
  loop
    execute format('select exists (select from %s as one where one::text ~ $1)', v_table) into v_has using p_text || '\M';
    if v_has then
      v_tables := v_tables || regexp_replace(v_table::text, '^(partitions\.request_logs).*', '\1');
    end if;
  end loop;
  return array_to_string(v_tables, ' ');
end;
$$;
-- All numbers that are not about who it was.
create function pg_temp.numbers() returns jsonb language sql as $$
  select jsonb_build_array(
    (select jsonb_agg(to_jsonb(log) - '{did,session,label,error_message}'::text[] order by id) from public.request_logs as log),
    (select jsonb_agg(to_jsonb(total) - 'did' order by requests, total_cost, input_tokens, did = 'did:key:zAnnabel') from public.usage_daily as total),
    (select jsonb_agg(to_jsonb(total) - 'did' order by requests, total_cost, input_tokens, did = 'did:key:zAnnabel') from public.usage_hourly as total),
    (select jsonb_agg(to_jsonb(budget) - 'did' order by did = '*', did = 'did:key:zAnnabel') from public.budgets as budget),
    (select jsonb_agg(to_jsonb(alert) - 'did' order by id) from public.budget_alerts as alert),
    (select jsonb_agg(to_jsonb(key) - 'did' order by openrouter_key_hash) from public.key_usages as key),
    (select count(*) from public.cost_checks), (select sum(drift_usd) from public.cost_drift),
    (select jsonb_agg(generation_id order by generation_id) from public.found_generations)
  );
$$;

select is(
  pg_temp.tables_with('did:key:zAnn'),
  'budget_alerts budgets cost_checks cost_drift did_policies found_generations idempotency_keys key_provisioning key_usages partitions.request_logs retired_api_keys usage_daily usage_hourly user_api_keys',
  'every table that may know a DID knows one'
);
create temporary table before on commit drop as select pg_temp.numbers() as numbers, pg_temp.tables_with('did:key:zAnnabel') as tables;
create temporary table erased on commit drop as select public.erase_did(' did:key:zAnn ') as did;
select matches((select did from erased), '^did:erased:[0-9a-f-]{36}$', 'a DID that is erased gets a pseudonym');
select ok(
  exists (
    select from pg_catalog.pg_locks
    where locktype = 'advisory' and pid = pg_backend_pid()
      and (classid::bigint << 32 | objid::bigint) = hashtextextended('llm-gateway: costs of did:key:zAnn', 0)
  ),
  'while nobody compares its costs'
);
select is(pg_temp.tables_with('did:key:zAnn'), '', 'and nothing holds the DID any more');
select is(pg_temp.tables_with('did:key:zAnnabel'), tables, 'what is of another one stays') from before;
select is(pg_temp.numbers(), numbers, 'and so does every number') from before;
select is(
  (select array_agg(array[status, session, label, error_message] order by id) from public.request_logs where did = (select did from erased)),
  array[array['completed', null, null, null], array['failed', null, null, 'erased'], array['pending', null, null, null]],
  'what clients and providers wrote is gone, and why a call failed, but not that it did'
);
select is(
  (select string_agg(openrouter_key_hash || ' ' || (key_name = did)::text, ', ' order by openrouter_key_hash)
   from public.retired_api_keys where did = (select did from erased)),
  'hash 1 true, old hash 1 true', 'its keys are known by their hashes, so that what they spend is not missed'
);
select is((select count(*) from public.retired_api_keys where did = 'did:key:zAnnabel'), 1::bigint, 'and nobody else''s are retired');
select is((select count(*) from public.idempotency_keys), 3::bigint, 'nor forgotten');
select is((select error_message from public.request_logs where did = 'did:key:zAnnabel' and status = 'failed'), 'the user did:key:zAnnabel is odd', 'nor is why calls of others failed');
select is_empty('select public.verify_usage()', 'totals agree with the log');
select is_empty('select public.verify_reservations()', 'as do budgets');

-- The call that was under way.
select is(
  public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200, 'cost', '0.25'
  )) ->> 'total_cost', '0.25', 'a call that was under way is booked'
) from public.request_logs where did = (select did from erased) and status = 'pending';
select is((select total_cost from public.usage_daily where did = (select did from erased)), 13.75, 'under the pseudonym');
select is((select array[day_spent_usd, day_reserved_usd, requests_under_way] from public.budgets where did = (select did from erased)), array[13.75, 0, 0], 'and in its budget');
select is_empty('select public.verify_usage()', 'so that totals still agree with the log');
select is_empty('select public.verify_reservations()', 'and budgets as well');

-- What maintenance had claimed before: a search for lost calls, and keys to compare.
select is(
  public.adopt_generation(jsonb_build_object(
    'did', 'did:key:zAnn', 'generations', jsonb_build_array(jsonb_build_object('id', id, 'cost', cost)), 'created_at', now(),
    'endpoint', '/chat/completions', 'streaming', false, 'model', 'm', 'usd_per_credit', '1'
  ), true), 'exceeds', 'no call of it is missing: ' || id
) from (values ('gen-11', '4.5'), ('gen-free', '0')) as generation (id, cost);
select is(
  public.compare_costs('did:key:zAnn', '1', '[{"hash": "hash 1", "usage": "14", "byok_usage": "0", "is_gone": false},
    {"hash": "unread", "usage": "1", "byok_usage": "0", "is_gone": false}]') ->> 'state', 'unknown', 'what its keys have spent is not compared any more'
);
select public.note_parts('did:key:zAnn', '{gen-part}');
select is(pg_temp.tables_with('did:key:zAnn'), '', 'and nothing brings its name back');
select is_empty('select public.verify_usage()', 'nor changes totals');

-- Nobody is known any more.
select throws_ok($$ select public.erase_did('did:key:zAnn') $$, 'P0002', 'nothing is known of ''did:key:zAnn''', 'who is erased is not known');
select throws_ok($$ select public.erase_did('zAnnabel') $$, 'P0001', '''zAnnabel'' is no DID', 'nor is what is no DID');
select public.block_did('did:key:zNew');
select matches(public.erase_did('did:key:zNew'), '^did:erased:', 'who never called, and is blocked, is known');
select is((select count(*) from public.did_policies), 1::bigint, 'and is not any more');
-- Of whom one table alone knows.
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at) values ('did:key:zKey', 'hash', 'x', now());
insert into public.key_provisioning (did, attempt_id, expires_at) values ('did:key:zLease', gen_random_uuid(), now());
insert into public.budgets (did, day, month) values ('did:key:zBudget', current_date, current_date);
insert into public.cost_checks (did, claimed_at) values ('did:key:zCheck', now());
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name) values ('did:key:zAccount', 'hash z', 'sealed', 'x');
insert into public.usage_daily (did, day, model, endpoint) values ('did:key:zTotal', current_date, 'm', '/x');
insert into public.request_logs (id, did, method, endpoint) values (gen_random_uuid(), 'did:key:zCall', 'POST', '/x');
insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached) values ('did:key:zAlert', 'day', current_date, 100, 1, 1);
insert into public.found_generations (generation_id, did) values ('gen-alone', 'did:key:zPart');
select matches(public.erase_did('did:key:z' || what), '^did:erased:', 'who had a ' || what || ' is known')
from unnest('{Key, Lease, Budget, Check, Account, Total, Call, Alert, Part}'::text[]) as what;
select is(pg_temp.tables_with('did:key:z(Key|Lease|Budget|Check|Account|Total|Call|Alert|Part)'), '', 'and is not any more');

select * from finish();
rollback;
