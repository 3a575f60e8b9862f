-- The order of locks that budgets (schemas/14_budgets.sql) are kept by: message hashes, keys, rows of the log,
-- totals and then budgets of DIDs in their order, '*' last. Two that hold several wait for each other for ever in any other order.
begin;
select plan(52);

-- What is an advisory lock of this transaction.
create function pg_temp.locks() returns bigint language sql as $$
  select count(*) from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and mode = 'ExclusiveLock';
$$;
create function pg_temp.has_lock(name text) returns boolean language sql as $$
  select exists (
    select from pg_catalog.pg_locks
    where locktype = 'advisory' and pid = pg_backend_pid()
      and (classid::bigint << 32 | objid::bigint) = hashtextextended(name, 0)
  );
$$;
select is(pg_temp.locks(), 0::bigint, 'a transaction begins without a lock');
select public.lock_budget('did:key:a');
select public.lock_budget('did:key:b');
select public.lock_budget('*');
select public.lock_usage('did:key:a');
select public.lock_costs_of('did:key:a');
select is(pg_temp.locks(), 5::bigint, 'each budget has a lock of its own, the totals of a DID have one, and its sums of costs another one');
select ok(pg_temp.has_lock('llm-gateway: budget of did:key:a'), 'which other versions of the gateway know by the same name');
select ok(pg_temp.has_lock('llm-gateway: usage of did:key:a'), 'all three');
select ok(pg_temp.has_lock('llm-gateway: costs of did:key:a'), 'of them');

-- From here on locks of budgets and totals are noted, too.
create function pg_temp.note_lock(p_lock text) returns void language plpgsql as $$
begin
  perform set_config('test.locks', concat_ws(' ', nullif(current_setting('test.locks', true), ''), p_lock), true);
end;
$$;
create or replace function public.lock_budget(p_did text) returns void language plpgsql set search_path = '' as $$
begin
  perform pg_temp.note_lock(right(p_did, 1));
  perform pg_advisory_xact_lock(hashtextextended('llm-gateway: budget of ' || p_did, 0));
end;
$$;
create or replace function public.lock_usage(p_did text) returns void language plpgsql set search_path = '' as $$
begin
  perform pg_temp.note_lock(upper(right(p_did, 1)));
  perform pg_advisory_xact_lock(hashtextextended('llm-gateway: usage of ' || p_did, 0));
end;
$$;
-- The last letters of the DIDs that were locked since this was called last: upper case for their totals,
-- lower case for their budgets.
create function pg_temp.locked() returns text language plpgsql as $$
declare
  v_locks text := current_setting('test.locks', true);
begin
  perform set_config('test.locks', '', true);
  return v_locks;
end;
$$;

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'sealed', name from unnest('{c, a, b}'::text[]) as name;
insert into public.budgets (did, day, month)
select did, (now() at time zone 'utc')::date, date_trunc('month', now() at time zone 'utc')::date
from unnest('{did:key:c, did:key:a, did:key:b, *}'::text[]) as did;

create function pg_temp.id(n integer) returns uuid language sql return lpad(n::text, 32, '0')::uuid;
create function pg_temp.item(n integer, name text, more jsonb default '{}') returns jsonb language sql
return jsonb_build_object(
  'request_id', pg_temp.id(n), 'did', 'did:key:' || name, 'method', 'POST', 'endpoint', '/chat/completions',
  'metered', true, 'model', 'm', 'models', '["m"]'::jsonb, 'estimate', '[{"usd": "0.1"}]'::jsonb,
  'message_hash', lpad((99 - n)::text, 64, '0'), 'message_expires_at', now() + interval '5 minutes',
  'idempotency_key', 'key ' || (99 - n), 'body_hash', 'ab', 'free_model', false,
  'owned_generations', '[]'::jsonb, 'shared_features', '[]'::jsonb, 'server_tools', '[]'::jsonb
) || more;
create function pg_temp.settlement(n integer, more jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200, 'cost', '0.1'
  ) || more
  from public.request_logs where id = pg_temp.id(n);
$$;

-- Admission.
select is(
  public.admit_request(pg_temp.item(1, 'b')) ->> 'decision' || ' ' || pg_temp.locked(), 'admitted b *',
  'an admission locks its DID, then all together'
);
select ok(pg_temp.has_lock(pg_temp.id(1)::text), 'and its id, of which there shall be no two rows');
select is(
  public.admit_request(pg_temp.item(2, 'b', '{"metered": false}')) ->> 'decision', 'admitted', 'what costs nothing'
);
select is(pg_temp.locked(), '', 'locks neither');
select is(
  (select count(*) from jsonb_object_keys(public.admit_requests(jsonb_build_array(
    pg_temp.item(14, 'c'), pg_temp.item(11, 'b'), pg_temp.item(13, 'a'), pg_temp.item(12, 'b')
  )::text))), 4::bigint, 'those that are admitted together'
);
select is(pg_temp.locked(), 'a b c *', 'lock each DID once, in their order');
select is(
  (select count(*) from jsonb_object_keys(public.admit_requests(jsonb_build_array(
    pg_temp.item(15, 'c', '{"metered": false, "message_hash": null}'), pg_temp.item(16, 'a', '{"metered": false, "message_hash": null}')
  )::text))), 2::bigint, 'what costs nothing, together'
);
select is(pg_temp.locked(), '', 'locks none');
select ok(not pg_temp.has_lock(pg_temp.id(15)::text), 'nor its id');
select is((select count(*) from generate_series(11, 14) as n where pg_temp.has_lock(pg_temp.id(n)::text)), 4::bigint, 'and each id');
select is(
  (select string_agg(ltrim(right(encode(message_hash, 'hex'), 4), '0'), ' ' order by ctid) from public.accepted_messages),
  '98 97 85 86 87 88', 'and messages in theirs'
);
select is(
  (select string_agg(right(did, 1) || idempotency_key, ', ' order by ctid) from public.idempotency_keys),
  'bkey 98, akey 86, bkey 87, bkey 88, ckey 85', 'and keys of a DID in theirs'
);
select is(
  (select string_agg(right(id::text, 2), ' ' order by ctid) from public.request_logs where id > pg_temp.id(10)),
  '11 12 13 14', 'and rows of the log in that of their ids'
);

-- Settlement.
select is(public.settle_request(pg_temp.settlement(1)) ->> 'settled', 'true', 'a settlement');
select is(pg_temp.locked(), 'B b *', 'locks the totals of its DID, its budget, and all together after everything else');
select is(
  (select count(*) from jsonb_object_keys(public.settle_requests(jsonb_build_array(
    pg_temp.settlement(14, '{"cost": null}'), pg_temp.settlement(11, '{"cost": null}'), pg_temp.settlement(13, '{"cost": null}')
  )::text))), 3::bigint, 'those that are settled together'
);
select is(pg_temp.locked(), 'A B C a b c *', 'lock the totals of all DIDs before one changes, and then the budgets');
select is(public.discard_request(pg_temp.id(12), now()), true, 'a call that is discarded');
select is(pg_temp.locked(), 'b *', 'was in the budgets alone');
select is(
  public.book_costs(jsonb_build_array(pg_temp.settlement(14), pg_temp.settlement(11), pg_temp.settlement(13))), 3,
  'costs that are booked together'
);
select is(pg_temp.locked(), 'A B C a b c *', 'lock in the same order, whatever order they come in');
-- Of one day, at whatever time this runs.
insert into public.request_logs (id, did, method, endpoint, request_time, reserved_usd, reserved_on)
select pg_temp.id(20 + n::integer), 'did:key:' || name, 'POST', '/x', now() - n * interval '1 hour', 0.1, (now() at time zone 'utc')::date
from unnest('{b, c, a, b}'::text[]) with ordinality as stale (name, n);
select is(public.expire_stale_requests(), 4, 'rows whose workers are lost');
select is(pg_temp.locked(), 'A B B C a b c *', 'lock so, too, be they old or new');

-- What puts totals and budgets right.
update public.usage_daily set requests = requests + 1;
-- Whose totals are of the latest day is not for that the last.
insert into public.usage_daily (did, day, model, endpoint, requests) values ('did:key:a', (now() at time zone 'utc')::date + 1, 'm', '/x', 1);
update public.budgets set requests_under_way = 7, day_reserved_usd = 7;
select is((select count(distinct did) from public.verify_usage(true)), 3::bigint, 'totals that are put right');
select is(pg_temp.locked(), 'A A B B C C', 'are so DID by DID, and no budget with them');
select is((select count(*) from public.verify_reservations(true)), 4::bigint, 'and so are budgets');
select is(pg_temp.locked(), 'a b c *', 'with that of all last');

-- Totals of a DID are locked in the order of their keys, whatever order rows come in.
delete from public.request_logs;
create function pg_temp.note_total() returns trigger language plpgsql as $$
begin
  perform set_config('test.totals', concat_ws(' ', nullif(current_setting('test.totals', true), ''),
    extract(day from new.day) || new.model || new.endpoint), true);
  return null;
end;
$$;
create trigger note_total after insert or update on public.usage_daily for each row execute function pg_temp.note_total();
create function pg_temp.counted() returns text language plpgsql as $$
declare
  v_totals text := current_setting('test.totals', true);
begin
  perform set_config('test.totals', '', true);
  return v_totals;
end;
$$;
insert into public.request_logs (id, did, method, endpoint, model, request_time)
select pg_temp.id(30 + n::integer), 'did:key:a', 'POST', endpoint, model, timestamptz '2020-01-01 12:00:00+00' + day * interval '24 hours'
from (values (1, 2, 'm', '/a'), (2, 1, 'm', '/b'), (3, 1, 'n', '/a'), (4, 1, 'm', '/a'), (5, 0, 'z', '/z')) as rows_of (n, day, model, endpoint);
create temporary table in_order on commit drop as select '1z/z 2m/a 2m/b 2n/a 3m/a' as totals;
select is(public.expire_stale_requests(), 5, 'rows that end together');
select is(pg_temp.counted(), totals, 'are counted by day, model and path') from in_order;
select is(
  public.book_costs((select jsonb_agg(pg_temp.settlement(n)) from generate_series(31, 35) as n)), 5, 'costs that are booked together'
);
select is(pg_temp.counted(), (select string_agg(total || ' ' || total, ' ' order by place) from string_to_table(totals, ' ') with ordinality as one (total, place)), 'so, too, each row taken out and put in')
from in_order;
update public.request_logs set status = 'pending', response_time = null, total_cost = null, given_up = false;
select is(
  (select count(*) from jsonb_object_keys(public.settle_requests((select jsonb_agg(pg_temp.settlement(n)) from generate_series(31, 35) as n)::text))),
  5::bigint, 'settlements that came together'
);
select is(pg_temp.counted(), totals, 'too') from in_order;
select is(
  (select string_agg(right(id::text, 2), ' ' order by ctid) from public.request_logs), '35 32 33 34 31', 'whose rows are locked in the order of their times and ids'
);
select is(public.settle_request(pg_temp.settlement(40 - 5, '{"model": "a"}')) ->> 'settled', 'false', 'a row that has ended stays so');
update public.request_logs set given_up = true, total_cost = null where id in (pg_temp.id(34), pg_temp.id(35));
select public.settle_request(pg_temp.settlement(n, jsonb_build_object('model', model))) from (values (34, 'n'), (35, 'a')) as moved (n, model);
select is(pg_temp.counted(), '2m/a 2n/a 1a/z 1z/z', 'a row whose model becomes another one is so in both');

-- New accounts are counted of all together, and costs are found DID by DID.
select pg_temp.locked();
select is(public.claim_key_provisioning('did:key:z', pg_temp.id(90)) ->> 'state' || pg_temp.locked(), 'claimed*', 'a new account');
select public.release_key_provisioning('did:key:z', pg_temp.id(90));
select is(pg_temp.locked(), '*', 'or one less');
insert into public.key_usages (openrouter_key_hash, did, usage, read_at) values ('hash b', 'did:key:b', 1000, now());
select is(
  public.adopt_generation('{"did": "did:key:b", "generations": [{"id": "gen-none", "cost": 0}], "created_at": "2020-01-01T00:00:00Z", "model": "m", "usd_per_credit": 1}', false),
  'no_row', 'a generation that is looked at'
);
select ok(pg_temp.has_lock('llm-gateway: costs of did:key:b'), 'is so by one at a time');
select is(
  public.adopt_generation('{"did": "did:key:b", "generations": [{"id": "gen-lost", "cost": 1}], "created_at": "2020-01-01T00:00:00Z", "model": "m", "usd_per_credit": 1}', true),
  'own_row', 'a lost generation that gets a row'
);
select is(pg_temp.locked(), 'B b *', 'locks totals and budgets as a settlement does');
select public.compare_costs('did:key:c', '1');
select ok(pg_temp.has_lock('llm-gateway: costs of did:key:c'), 'as sums are');

-- Several rows of one statement are written in the order of their keys, too.
select public.note_parts('did:key:b', '{gen-3,gen-1,gen-2}');
select is(
  (select string_agg(right(generation_id, 1), ' ' order by ctid) from public.found_generations where generation_id ~ '^gen-[0-9]$'),
  '1 2 3', 'parts of sums are noted in the order of their ids'
);
delete from public.cost_checks;
insert into public.cost_checks (did, claimed_at) values ('did:key:a', now() - interval '2 days');
select public.begin_maintenance(gen_random_uuid(), '1 minute');
select public.claim_cost_checks(10);
select is(
  (select string_agg(right(did, 1), ' ' order by ctid) from public.cost_checks), 'a b c',
  'and comparisons are claimed in that of DIDs, whoever has waited longest'
);

-- Nobody is forgotten in the middle of a settlement.
select pg_temp.locked();
select matches(public.erase_did('did:key:c'), '^did:erased:', 'who is erased');
select is(pg_temp.locked(), 'C c', 'has totals and a budget locked as a settlement does');

select * from finish();
rollback;
