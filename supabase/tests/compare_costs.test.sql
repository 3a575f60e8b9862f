-- The books against what OpenRouter says of a DID's keys.
begin;
select plan(144);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash-2', 'x', 'n'), ('did:key:bob', 'hash-b', 'x', 'n');
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at, retired_at)
values ('did:key:alice', 'hash-1', 'n', now() - interval '3 days', now() - interval '2 days');
insert into public.usage_daily (did, day, model, endpoint, requests, total_cost, upstream_cost)
values ('did:key:alice', '2026-01-01', 'm', '/x', 1, 3, 0.5), ('did:key:alice', '2026-01-02', 'm', '/x', 1, 1, 0);

-- Readings as the gateway sends them.
create function pg_temp.key(p_hash text, p_usage numeric, p_byok numeric, p_is_gone boolean default false)
returns jsonb language sql as $$
  select jsonb_build_object('hash', p_hash, 'usage', p_usage::text, 'byok_usage', p_byok::text, 'is_gone', p_is_gone);
$$;
create function pg_temp.state(variadic p_keys jsonb[] default '{}') returns text language sql as $$
  select public.compare_costs('did:key:alice', '1', to_jsonb(p_keys)) ->> 'state';
$$;

-- Claims.
select public.begin_maintenance(gen_random_uuid(), '1 minute');
select is(
  public.claim_cost_checks(1),
  '{"checks": [{"did": "did:key:alice", "keys": ["hash-1", "hash-2"]}], "left": 1}',
  'a DID is claimed with its key and those that it had before'
);
select is(
  public.claim_cost_checks(10) -> 'checks' -> 0 ->> 'did', 'did:key:bob', 'the next one follows'
);
select is(public.claim_cost_checks(10), '{"checks": [], "left": 0}', 'each once a run');

-- Sums.
select is(pg_temp.state(), 'unknown', 'where nobody knows what a key has spent, nothing is compared');
select is(public.compare_costs('did:key:nobody', '1') ->> 'state', 'unknown', 'nor where there is no key');
select is(
  pg_temp.state(pg_temp.key('hash-1', 2, 0.5)), 'unknown', 'nor where one of several is not known'
);
select is(
  pg_temp.state(pg_temp.key('hash-1', 2, 0.5), pg_temp.key('hash-2', 2, 0)), 'equal',
  'the sum of all keys is what is booked'
);
select results_eq(
  $$
    select openrouter_usd, booked_usd, drift_usd, openrouter_byok_usd, booked_byok_usd, byok_drift_usd, counts
    from public.cost_drift_latest where did = 'did:key:alice'
  $$,
  $$ values (4::numeric, 4::numeric, 0::numeric, 0.5::numeric, 0.5::numeric, 0::numeric, false) $$,
  'and that is kept'
);
select is(pg_temp.state(), 'equal', 'what was read last counts where nothing was read');
select is(
  pg_temp.state(pg_temp.key('hash-2', 2.00000000003, 0)), 'equal',
  'what sums of floating-point numbers lose is no difference'
);
select is((select count(*) from public.cost_drift), 1::bigint, 'the same difference is one row');
insert into public.cost_drift select 'did:key:other', since, checked_at, 1, 1, 0, 0, 0, 0 from public.cost_drift;
update public.usage_daily set total_cost = total_cost + 5, upstream_cost = upstream_cost + 7 where day = '2026-01-01';
select pg_temp.state(pg_temp.key('hash-2', 7, 7));
select results_eq(
  $$ select openrouter_usd, booked_usd, drift_usd, openrouter_byok_usd, booked_byok_usd, byok_drift_usd from public.cost_drift order by did $$,
  $$ values (9::numeric, 9::numeric, 0::numeric, 7.5::numeric, 7.5::numeric, 0::numeric), (1, 1, 0, 0, 0, 0) $$, 'which has the sums of the last time'
);
update public.usage_daily set total_cost = total_cost - 5, upstream_cost = upstream_cost - 7 where day = '2026-01-01';
delete from public.cost_drift where did = 'did:key:other';
select is(
  pg_temp.state(pg_temp.key('hash-2', 2.000001, 0)), 'differs', 'but a millionth of a dollar is'
);
select is(
  (select drift_usd from public.cost_drift_latest where did = 'did:key:alice'), 0.000001,
  'it is positive where OpenRouter has charged more'
);
select is(
  public.compare_costs('did:key:alice', '0.5', '[]') ->> 'drift_usd', '-1.9999995',
  'OpenRouter''s credits become dollars'
);
select is(
  pg_temp.state(pg_temp.key('hash-2', 2, 0.25)), 'differs', 'an upstream cost that lacks is one, too'
);
select is(
  (select byok_drift_usd from public.cost_drift_latest where did = 'did:key:alice'), 0.25, 'apart'
);

-- Since when.
delete from public.cost_drift;
insert into public.cost_drift (did, since, checked_at, openrouter_usd, booked_usd, drift_usd, booked_byok_usd, byok_drift_usd)
values
  ('did:key:alice', now() - interval '5 hours', now() - interval '4 hours', 2, 1, 1, 0, 0),
  ('did:key:alice', now() - interval '4 hours', now() - interval '2 hours', 2, 2, 0, 0, 0),
  ('did:key:alice', now() - interval '90 minutes', now() - interval '80 minutes', 2, 1, 1, 0, 0),
  ('did:key:alice', now() - interval '40 minutes', now() - interval '31 minutes', 3, 1, 2, 0, null);
select results_eq(
  $$ select drift_usd, stands_since, counts from public.cost_drift_latest $$,
  $$ values (2::numeric, now() - interval '90 minutes', false) $$,
  'a difference stands since the sums were equal last, whatever amount it had; for less than an hour it means nothing'
);
select is(public.standing_cost_drifts(), '[]', 'and nobody is told');
update public.cost_drift set checked_at = now() - interval '30 minutes' where since = now() - interval '40 minutes';
select is((select counts from public.cost_drift_latest), true, 'after an hour it counts');
select is(
  (public.standing_cost_drifts() -> 0) - 'stands_since',
  '{"did": "did:key:alice", "drift_usd": "2", "byok_drift_usd": null}',
  'and is told of'
);

-- Busy.
insert into public.request_logs (id, did, method, endpoint) values (gen_random_uuid(), 'did:key:alice', 'POST', '/x');
select is(pg_temp.state(pg_temp.key('hash-2', 9, 0)), 'busy', 'while a request is pending, sums say nothing');
select is((select drift_usd from public.cost_drift_latest), 2::numeric, 'and nothing is kept');
update public.request_logs set status = 'failed', response_time = now(), generation_id = 'gen-1';
select is(pg_temp.state(), 'busy', 'nor while one is about to be priced');
update public.request_logs set response_time = now() - interval '61 minutes';
select is(pg_temp.state(), 'differs', 'which lasts an hour');
update public.request_logs set endpoint = '/videos';
select is(pg_temp.state(), 'busy', 'and for a job a day');
update public.request_logs set endpoint = '/x', total_cost = 1, cost_source = 'response', response_time = clock_timestamp() + interval '1 second';
select is(pg_temp.state(), 'busy', 'what ended since the reading may not be in it');
update public.request_logs set cost_source = 'reconciliation';
select is(pg_temp.state(), 'differs', 'what was found in OpenRouter''s sum is');
delete from public.request_logs;

-- Nothing is missing.
insert into public.request_logs (id, did, method, endpoint, model, status, response_time, generation_id)
values
  (gen_random_uuid(), 'did:key:alice', 'POST', '/old', 'm', 'failed', now() - interval '61 minutes', null),
  (gen_random_uuid(), 'did:key:alice', 'POST', '/unknown', 'm', 'completed', now() - interval '61 minutes', 'gen-7'),
  (gen_random_uuid(), 'did:key:alice', 'POST', '/new', 'm', 'failed', now() - interval '59 minutes', null),
  (gen_random_uuid(), 'did:key:other', 'POST', '/other', 'm', 'failed', now() - interval '61 minutes', null);
select count(public.count_in_usage(log, 1)) from public.request_logs as log;
select is(
  pg_temp.state(pg_temp.key('hash-1', 2, 0.5), pg_temp.key('hash-2', 2, 0)), 'equal', 'where the sums are equal'
);
select results_eq(
  $$ select endpoint, total_cost, cost_source from public.request_logs order by endpoint $$,
  $$ values ('/new', null::numeric, null), ('/old', 0, 'reconciliation'), ('/other', null, null), ('/unknown', 0, 'reconciliation') $$,
  'what nobody has learnt within an hour has cost nothing'
);

-- Keys that are gone.
select is(
  pg_temp.state(pg_temp.key('hash-1', 1, null, true)), 'equal',
  'a key that is gone had spent what was known, where analytics say less'
);
select is(
  (select byok_drift_usd from public.cost_drift_latest where did = 'did:key:alice'), 0::numeric,
  'of upstream costs, too: that they are equal is known'
);
select is(
  pg_temp.state(pg_temp.key('hash-1', 3, null, true)), 'differs', 'and what analytics say, where that is more'
);
select pg_temp.state(pg_temp.key('hash-1', 3, 0.4, true));
select is(
  (select byok_usage from public.key_usages where openrouter_key_hash = 'hash-1'), 0.5,
  'and of upstream costs the most that is known'
);
update public.key_usages set gone_since = now() - interval '2 hours' where openrouter_key_hash = 'hash-1';
select pg_temp.state(pg_temp.key('hash-1', 3, null, true));
select results_eq(
  $$ select usage, byok_usage, is_final from public.key_usages where openrouter_key_hash = 'hash-1' $$,
  $$ values (3::numeric, 0.5::numeric, true) $$,
  'an hour later that is final'
);
select public.end_maintenance((select run_id from public.maintenance_runs));
select public.begin_maintenance(gen_random_uuid(), '1 minute');
select is(
  (select public.claim_cost_checks(10) -> 'checks' @> '[{"did": "did:key:alice", "keys": ["hash-2"]}]'), true,
  'and the key is not asked for again'
);
update public.user_api_keys set created_at = now() - interval '40 days' where did = 'did:key:bob';
select is(
  public.compare_costs('did:key:bob', '1', jsonb_build_array(pg_temp.key('hash-b', 3, null, true))) ->> 'state',
  'unknown',
  'of a key that is older than analytics reach, and was never read, nobody knows'
);

-- Whose books are looked at again in the next run.
delete from public.request_logs;
update public.cost_checks set is_equal = true;
create function pg_temp.due() returns text language plpgsql as $$
begin
  perform public.end_maintenance((select run_id from public.maintenance_runs));
  perform public.begin_maintenance(gen_random_uuid(), '1 minute');
  return (select string_agg(checked ->> 'did', ' ') from jsonb_array_elements(public.claim_cost_checks(10) -> 'checks') as checked);
end;
$$;
select is(pg_temp.due(), null, 'what was equal is not looked at again, where nothing was added');
insert into public.request_logs (id, did, method, endpoint, status, request_time, response_time)
values (gen_random_uuid(), 'did:key:alice', 'POST', '/x', 'completed', now() - interval '3 hours', now() - interval '2 hours');
select is(pg_temp.due(), 'did:key:alice', 'who has a cost that is not known after an hour is, and nobody else');
update public.request_logs set total_cost = 1;
update public.cost_checks set is_equal = true;
insert into public.request_logs (id, did, method, endpoint, request_time)
values (gen_random_uuid(), 'did:key:bob', 'POST', '/x', now());
select is(pg_temp.due(), 'did:key:bob', 'as is who has made a call since');

-- How long they are kept.
delete from public.cost_drift;
insert into public.cost_drift (did, since, checked_at, openrouter_usd, booked_usd, drift_usd, booked_byok_usd, byok_drift_usd)
values
  ('did:key:alice', now() - interval '92 days', now() - interval '90 days 1 minute', 2, 1, 1, 0, 0),
  ('did:key:alice', now() - interval '91 days', now() - interval '89 days 23 hours', 3, 1, 2, 0, 0),
  ('did:key:bob', now() - interval '92 days', now() - interval '91 days', 2, 1, 1, 0, 0);
select pg_temp.state(pg_temp.key('hash-2', 90, 0));
select set_eq(
  $$ select did, (now() - since) < '1 day' as is_new, drift_usd from public.cost_drift $$,
  $$ values ('did:key:alice', true, 89::numeric), ('did:key:alice', false, 2), ('did:key:bob', false, 1) $$,
  'a difference that is new ends the memory of those of its DID that were seen last over 90 days ago'
);
select pg_temp.state(pg_temp.key('hash-2', 90, 0));
select set_eq(
  $$ select did, drift_usd, checked_at > now() as is_now, checked_at > since as is_later from public.cost_drift $$,
  $$ values ('did:key:alice', 89::numeric, true, true), ('did:key:alice', 2, false, true), ('did:key:bob', 1, false, true) $$,
  'one that is still there was seen again, and no other'
);

-- Who has called nothing.
delete from public.usage_daily where did = 'did:key:bob';
delete from public.request_logs where did = 'did:key:bob';
update public.user_api_keys set created_at = now() where did = 'did:key:bob';
select is(
  public.compare_costs('did:key:bob', '1', jsonb_build_array(pg_temp.key('hash-b', 0, 0))) ->> 'state', 'equal',
  'books without a day are a sum of nothing'
);
select is(
  public.compare_costs('did:key:bob', '1', jsonb_build_array(pg_temp.key('hash-b', 2, 0.5))) ->> 'drift_usd', '2',
  'against which all is a difference that was spent'
);

-- What a comparison leaves of its DID: whether it was equal and since when, and when to look for calls.
delete from public.cost_drift;
delete from public.key_usages;
insert into public.usage_daily (did, day, model, endpoint, requests, total_cost, upstream_cost) values ('did:key:bob', '2026-01-01', 'm', '/x', 1, 3, 0.5);
delete from public.cost_checks;
create function pg_temp.check(usage numeric, byok numeric, read_for interval default '1 hour') returns text language plpgsql as $$
declare
  v_state text;
begin
  v_state := public.compare_costs('did:key:bob', '1', jsonb_build_array(pg_temp.key('hash-b', usage, byok)), read_for) ->> 'state';
  return (
    select concat_ws(' ', v_state, coalesce(is_equal::text, 'null'),
      case when equal_at between clock_timestamp() - read_for - interval '1 minute' and clock_timestamp() - read_for then 'equal when read' when equal_at is not null then 'equal once' end,
      surplus_usd::text, surplus_byok_usd::text, searches,
      case when search_after = '2020-01-01 00:00:00+00' then 'waits' when search_after between now() and clock_timestamp() then 'at once' end)
    from public.cost_checks where did = 'did:key:bob'
  );
end;
$$;
insert into public.cost_checks (did, claimed_at, searches, surplus_usd) values ('did:key:bob', now(), 3, null), ('did:key:alice', now(), 3, 9);
select is(pg_temp.check(3, 0.5), 'equal true equal when read 0 0 0', 'equal sums were so when they were read');
update public.cost_checks set equal_at = '2020-01-01 00:00:00+00', is_equal = null;
select is(pg_temp.check(4, 0.5), 'differs false equal once 1 0 0 at once', 'where OpenRouter has more, calls are looked for at once');
update public.cost_checks set search_after = '2020-01-01 00:00:00+00', searches = 3;
select is(pg_temp.check(4, 0.5), 'differs false equal once 1 0 3 waits', 'and while it is the same, when it is time');
update public.cost_checks set search_after = null;
select is(pg_temp.check(4, 0.5), 'differs false equal once 1 0 3 at once', 'which it is where nobody has said');
update public.cost_checks set search_after = '2020-01-01 00:00:00+00', searches = 3;
select is(pg_temp.check(4, 0.75), 'differs false equal once 1 0.25 0 at once', 'what has changed is looked for anew');
update public.cost_checks set search_after = '2020-01-01 00:00:00+00', searches = 3;
select is(pg_temp.check(2, 0.5), 'differs false equal once -1 0 0', 'where it has less there is nothing to look for');
select is(pg_temp.check(2, null), 'differs false equal once -1 0', 'nor where nobody knows the upstream costs');
select pg_temp.check(2, null);
select is(
  (select count(*) from public.cost_drift where did = 'did:key:bob' and byok_drift_usd is null), 1::bigint, 'and the same difference is one row then, too'
);
select is(pg_temp.check(3, null), 'equal true equal when read 0 0', 'without which sums are equal that are');
update public.cost_checks set equal_at = '2020-01-01 00:00:00+00';
select is(pg_temp.check(2, 0.75), 'differs false equal once -1 0.25 0 at once', 'unless it has more upstream costs');
insert into public.request_logs (id, did, method, endpoint) values (gen_random_uuid(), 'did:key:bob', 'POST', '/x');
update public.cost_checks set search_after = '2020-01-01 00:00:00+00', searches = 3, is_equal = true;
select is(pg_temp.check(3, 0.5), 'busy null equal once 0 0 0', 'while a call is under way it is not known whether they are equal');
select is(pg_temp.check(4, 0.5), 'busy null equal once 1 0 0', 'nor are calls looked for');
update public.cost_checks set search_after = '2020-01-01 00:00:00+00', searches = 3;
select is(pg_temp.check(5, 0.5), 'busy null equal once 2 0 0 waits', 'but for when it was time already');
create function pg_temp.lost_call(age interval, http_status integer, generation text default null) returns void language sql as $$
  delete from public.request_logs where did = 'did:key:bob' and status <> 'pending';
  insert into public.request_logs (id, did, method, endpoint, request_time, response_time, status, http_status, generation_id)
  values (gen_random_uuid(), 'did:key:bob', 'POST', '/x', now() - age, now() - interval '2 hours', 'failed', http_status, generation);
$$;
select pg_temp.lost_call('30 days 23 hours', 399);
select is(pg_temp.check(6, 0.5), 'busy null equal once 3 0 0 at once', 'unless a call was lost that analytics may tell of');
update public.cost_checks set search_after = '2020-01-01 00:00:00+00';
select pg_temp.lost_call('31 days', null);
select is(pg_temp.check(7, 0.5), 'busy null equal once 4 0 0 waits', 'none of before');
select pg_temp.lost_call('1 day', 400);
select is(pg_temp.check(8, 0.5), 'busy null equal once 5 0 0 waits', 'none that was refused');
select pg_temp.lost_call('1 day', null, 'gen-9');
select is(pg_temp.check(9, 0.5), 'busy null equal once 6 0 0 waits', 'and none whose generation is known');
select pg_temp.lost_call('1 day', null);
select is(pg_temp.check(10, 0.5), 'busy null equal once 7 0 0 at once', 'but one that had no answer');
select pg_temp.lost_call('1 day', 520);
select is(pg_temp.check(11, 0.5), 'busy null equal once 8 0 0 at once', 'or the one of a proxy that waited in vain');
select is((select surplus_usd from public.cost_checks where did = 'did:key:alice'), 9::numeric, 'all of which is of its DID alone');
delete from public.request_logs;

-- Of keys that are gone for good nothing is read any more.
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at, retired_at) values ('did:key:gone', 'hash-g', 'n', now(), now());
insert into public.key_usages (openrouter_key_hash, did, usage, byok_usage, read_at, gone_since, is_final) values ('hash-g', 'did:key:gone', 0, 0, now() - interval '1 day', now() - interval '1 day', true);
insert into public.cost_checks (did, claimed_at) values ('did:key:gone', now());
select is(public.compare_costs('did:key:gone', '1') ->> 'state', 'equal', 'sums of keys that are gone');
select ok((select equal_at between now() and clock_timestamp() from public.cost_checks where did = 'did:key:gone'), 'are equal as of now');

-- Who is looked at, and in which order. Each DID has one reason, or none.
delete from public.usage_daily;
delete from public.cost_checks;
delete from public.user_api_keys;
delete from public.retired_api_keys;
delete from public.key_usages;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'x', 'n' from unnest('{new, unequal, unknown, yesterday, today, called, calling, unpriced, young, job, running, costly}'::text[]) as name;
insert into public.cost_checks (did, claimed_at, is_equal)
select 'did:key:' || name, clock_timestamp() - age, is_equal
from (values
  ('unequal', interval '10 minutes', false), ('unknown', '11 minutes', null), ('yesterday', '25 hours', true), ('today', '23 hours 59 minutes', true),
  ('called', '12 minutes', true), ('calling', '13 minutes', true), ('unpriced', '14 minutes', true), ('young', '15 minutes', true), ('job', '16 minutes', true),
  ('running', '-1 hour', false), ('costly', '17 minutes', true)
) as checked (name, age, is_equal);
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, total_cost)
select gen_random_uuid(), 'did:key:' || name, 'POST', endpoint, clock_timestamp() - began, status, clock_timestamp() - ended, cost
from (values
  ('unpriced', '/x', interval '3 hours', 'failed', interval '90 minutes', null), ('young', '/x', '3 hours', 'failed', '59 minutes', null),
  ('job', '/videos', '3 hours', 'failed', '2 hours', null), ('costly', '/x', '3 hours', 'failed', '2 hours', 1)
) as made (name, endpoint, began, status, ended, cost);
insert into public.request_logs (id, did, method, endpoint, request_time)
select gen_random_uuid(), did, 'POST', '/x', claimed_at - case did when 'did:key:called' then interval '1 minute' else '1 minute 1 microsecond' end
from public.cost_checks where did in ('did:key:called', 'did:key:calling');
select public.end_maintenance((select run_id from public.maintenance_runs));
select public.begin_maintenance(gen_random_uuid(), '1 minute');
create function pg_temp.claimed(n integer) returns text language sql as $$
  select string_agg(right(checked ->> 'did', -8), ' ' order by place) || ', ' || (answer ->> 'left')
  from public.claim_cost_checks(n) as answer, jsonb_array_elements(answer -> 'checks') with ordinality as one (checked, place) group by answer;
$$;
select is(pg_temp.claimed(2), 'new yesterday, 4', 'who was never compared comes first, then who has waited longest');
select results_eq(
  $$ select is_equal, claimed_at > now() from public.cost_checks where did in ('did:key:new', 'did:key:yesterday') $$,
  'values (null::boolean, true), (null, true)', 'what they were is not known any more'
);
select is(pg_temp.claimed(9), 'unpriced called unknown unequal, 0', 'then all who have called since, or whose costs are not known or were not equal');
select is(pg_temp.claimed(9), null, 'and nobody twice in a run');

-- What a sum may still lack: one row of the log at a time.
create function pg_temp.state_with(more jsonb) returns text language plpgsql as $$
begin
  delete from public.request_logs;
  delete from public.cost_drift;
  insert into public.request_logs
  select (jsonb_populate_record(null::public.request_logs, jsonb_build_object(
    'id', gen_random_uuid(), 'did', 'did:key:new', 'method', 'POST', 'endpoint', '/x', 'status', 'completed', 'created_at', now(),
    'request_time', now() - interval '2 days', 'response_time', now() - interval '2 days', 'streaming', false, 'reserved_usd', 0,
    'given_up', false, 'cost_asks', 0, 'generation_id', 'gen-1'
  ) || more)).*;
  return public.compare_costs('did:key:new', '1', jsonb_build_array(pg_temp.key('hash new', 1, 0)), interval '1 hour') ->> 'state';
end;
$$;
select is(pg_temp.state_with(more), state, description)
from (values
  ('{}'::jsonb, 'differs', 'what is old is in both sums'),
  ('{"did": "did:key:other", "status": "pending", "response_time": null}', 'differs', 'what is another DID''s in neither'),
  ('{"status": "pending", "response_time": null}', 'busy', 'what is pending may cost'),
  (jsonb_build_object('response_time', clock_timestamp() - interval '59 minutes'), 'busy', 'what has no cost yet may get it'),
  (jsonb_build_object('response_time', clock_timestamp() - interval '61 minutes'), 'differs', 'for an hour'),
  (jsonb_build_object('response_time', clock_timestamp() - interval '23 hours 59 minutes', 'endpoint', '/videos'), 'busy', 'and a job''s for a day'),
  (jsonb_build_object('response_time', clock_timestamp() - interval '24 hours 1 minute', 'endpoint', '/videos'), 'differs', 'no longer'),
  (jsonb_build_object('response_time', clock_timestamp() - interval '1 minute', 'http_status', 399), 'busy', 'where it was answered well'),
  (jsonb_build_object('response_time', clock_timestamp() - interval '1 minute', 'http_status', 400), 'differs', 'not what was refused'),
  (jsonb_build_object('response_time', clock_timestamp() - interval '1 minute', 'http_status', 504), 'busy', 'but what a proxy waited for in vain'),
  (jsonb_build_object('response_time', clock_timestamp() - interval '1 minute', 'generation_id', null), 'differs', 'or was never heard of'),
  (jsonb_build_object('request_time', clock_timestamp() - interval '79 minutes', 'response_time', clock_timestamp() - interval '59 minutes', 'total_cost', 1), 'busy', 'what ended since the sum was read'),
  (jsonb_build_object('request_time', clock_timestamp() - interval '79 minutes', 'response_time', clock_timestamp() - interval '61 minutes', 'total_cost', 1), 'differs', 'and not before'),
  (jsonb_build_object('request_time', clock_timestamp() - interval '81 minutes', 'response_time', clock_timestamp() - interval '59 minutes', 'total_cost', 1), 'differs', 'or began too long ago'),
  (jsonb_build_object('request_time', clock_timestamp() - interval '79 minutes', 'response_time', clock_timestamp() - interval '59 minutes', 'total_cost', 0), 'differs', 'or was free'),
  (jsonb_build_object('request_time', clock_timestamp() - interval '79 minutes', 'response_time', clock_timestamp() - interval '59 minutes', 'total_cost', 1, 'cost_source', 'reconciliation'), 'differs', 'or was found there')
) as cases (more, state, description);

-- What is noted has no zeros at its end; and what a key that is gone has spent.
delete from public.request_logs;
delete from public.cost_drift;
insert into public.usage_daily (did, day, model, endpoint, requests, total_cost, upstream_cost) values ('did:key:new', '2026-01-01', 'm', '/x', 1, 1.500, 2.500);
create function pg_temp.drift(p_keys jsonb) returns text language plpgsql as $$
declare
  v_state text := public.compare_costs('did:key:new', '0.50', p_keys) ->> 'state';
begin
  return (
    select concat_ws(' ', v_state, openrouter_usd, booked_usd, drift_usd, openrouter_byok_usd, booked_byok_usd, byok_drift_usd)
    from public.cost_drift_latest where did = 'did:key:new'
  );
end;
$$;
select is(pg_temp.drift(jsonb_build_array(pg_temp.key('hash new', 3.40, 5.20))), 'differs 1.7 1.5 0.2 2.6 2.5 0.1', 'a new difference is told in dollars');
select is(pg_temp.drift(jsonb_build_array(pg_temp.key('hash new', 3.40, 5.20))), 'differs 1.7 1.5 0.2 2.6 2.5 0.1', 'and one that stays');
select is(pg_temp.drift(jsonb_build_array(pg_temp.key('hash new', 3.00, 4.80))), 'differs 1.5 1.5 0 2.4 2.5 -0.1', 'one of upstream costs, too');
select is(pg_temp.drift(jsonb_build_array(pg_temp.key('hash new', 3.00, 4.80, true))), 'equal 1.5 1.5 0 2.4 2.5', 'which means nothing once the key is gone');
select is(pg_temp.drift(jsonb_build_array(pg_temp.key('hash new', 3.00, 5.20, true))), 'differs 1.5 1.5 0 2.6 2.5 0.1', 'unless it is what they are too much');
select is(pg_temp.drift(jsonb_build_array(pg_temp.key('hash new', 3.00, 5.00))), 'equal 1.5 1.5 0 2.5 2.5 0', 'a key that is there again tells all');
select results_eq(
  $$ select usage, byok_usage, gone_since, is_final, read_at between now() and clock_timestamp() from public.key_usages where openrouter_key_hash = 'hash new' $$,
  $$ values (3::numeric, 5::numeric, null::timestamptz, false, true) $$, 'and is not gone any more'
);
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at) values
  ('did:key:new', 'hash before', 'n', now() - interval '30 days 23 hours'), ('did:key:new', 'hash long before', 'n', now() - interval '31 days 1 hour');
select pg_temp.drift(jsonb_build_array(pg_temp.key('hash before', 1, null, true), pg_temp.key('hash long before', 1, null, true)));
select results_eq(
  $$ select openrouter_key_hash, usage, gone_since > now() from public.key_usages where openrouter_key_hash <> 'hash new' and did = 'did:key:new' order by 1 $$,
  $$ values ('hash before', 1::numeric, true), ('hash long before', null, true) $$, 'of a key that was retired analytics tell all if it is no older than they are'
);
select set_config('test.gone_since', gone_since::text, true) from public.key_usages where openrouter_key_hash = 'hash before';
select pg_temp.drift(jsonb_build_array(pg_temp.key('hash before', 1, null, true)));
update public.key_usages set gone_since = gone_since - interval '50 minutes' where openrouter_key_hash = 'hash before';
select pg_temp.drift(jsonb_build_array(pg_temp.key('hash before', 1, null, true)));
select is((select is_final from public.key_usages where openrouter_key_hash = 'hash before'), false, 'what it has spent is final');
update public.key_usages set gone_since = gone_since - interval '10 minutes' where openrouter_key_hash = 'hash before';
select pg_temp.drift(jsonb_build_array(pg_temp.key('hash before', 1, null, true)));
select is((select is_final from public.key_usages where openrouter_key_hash = 'hash before'), true, 'an hour after it was first seen to be gone');
select is(
  (select gone_since from public.key_usages where openrouter_key_hash = 'hash before'), current_setting('test.gone_since')::timestamptz - interval '1 hour', 'which stays as it was'
);
delete from public.usage_daily;
delete from public.retired_api_keys;

-- What nobody has learnt has cost nothing, once it can be known, where nothing lacks.
delete from public.request_logs;
insert into public.request_logs (id, did, method, endpoint, status, response_time, http_status)
select gen_random_uuid(), 'did:key:new', 'POST', endpoint, 'failed', clock_timestamp() - age, 502
from (values
  ('/x', interval '59 minutes'), ('/x', '61 minutes'), ('/videos', '61 minutes'), ('/videos', '23 hours 59 minutes'), ('/videos', '24 hours 1 minute')
) as unknown (endpoint, age);
select is(
  public.compare_costs('did:key:new', '1', jsonb_build_array(pg_temp.key('hash new', 0, 0)), '0') ->> 'state', 'equal', 'where nothing is spent'
);
select results_eq(
  $$ select endpoint, clock_timestamp() - response_time > least_age, total_cost, cost_source
    from public.request_logs join (values ('/videos', interval '24 hours'), ('/x', '1 hour')) as known (endpoint, least_age) using (endpoint)
    where total_cost is not null order by 1 $$,
  $$ values ('/videos', true, 0::numeric, 'reconciliation'), ('/x', true, 0, 'reconciliation') $$,
  'what is unknown was nothing, after an hour, or a day of a job'
);

-- Differences by themselves, and who is told of them.
select is(
  array(select public.difference_of_sums(openrouter, booked)::text from (values
    (1.00::numeric, 0.50::numeric), (0.50, 1.00), (1, 1), (1e-10, 0), (1.1e-10, 0), (0, 1.1e-10), (100, 99.9999999998), (100, 99.99999999979),
    (null, 1), (1, null)
  ) as sums (openrouter, booked)),
  '{0.5,-0.5,0,0,0.00000000011,-0.00000000011,0,0.00000000021,null,null}'::text[],
  'a difference is exact, and none where doubles may have lost it'
);
delete from public.cost_drift;
insert into public.cost_drift (did, since, checked_at, openrouter_usd, booked_usd, drift_usd, booked_byok_usd, byok_drift_usd)
values
  ('did:key:a', now() - interval '2 hours', now(), 1, 0, 1, 0, null), ('did:key:b', now() - interval '2 hours', now(), 0, 2, -2, 0, 0),
  ('did:key:c', now() - interval '2 hours', now(), 1, 1, 1, 0, -3), ('did:key:d', now() - interval '2 hours', now(), 1, 0, 1, 0, 0),
  ('did:key:e', now() - interval '59 minutes', now(), 9, 0, 9, 0, 0), ('did:key:f', now() - interval '10 minutes', now(), 1, 1, 0, 0, 0);
select is(
  public.standing_cost_drifts(3), jsonb_build_array(
    jsonb_build_object('did', 'did:key:c', 'drift_usd', '1', 'byok_drift_usd', '-3', 'stands_since', now() - interval '2 hours'),
    jsonb_build_object('did', 'did:key:b', 'drift_usd', '-2', 'byok_drift_usd', '0', 'stands_since', now() - interval '2 hours'),
    jsonb_build_object('did', 'did:key:a', 'drift_usd', '1', 'byok_drift_usd', null, 'stands_since', now() - interval '2 hours')
  ), 'the largest come first, whichever way and whoever''s costs they are, and so many'
);

-- Sums that were equal more than once.
insert into public.cost_drift (did, since, checked_at, openrouter_usd, booked_usd, drift_usd, booked_byok_usd)
select 'did:key:again', now() - hours * interval '1 hour', now() - hours * interval '1 hour', drift, 0, drift, 0
from (values (6, 1), (5, 0), (4, 2), (3, 0), (2, 3), (1, 4)) as noted (hours, drift);
insert into public.cost_drift (did, since, checked_at, openrouter_usd, booked_usd, drift_usd, booked_byok_usd, byok_drift_usd)
select 'did:key:byok', now() - hours * interval '1 hour', now(), drift, 0, drift, 0, byok_drift
from (values (4, 0, 0), (3, 1, 1), (2, 0, 1), (1, 1, 0)) as noted (hours, drift, byok_drift);
select results_eq(
  $$ select drift_usd, stands_since, counts from public.cost_drift_latest where did = 'did:key:again' $$,
  $$ values (4::numeric, now() - interval '2 hours', true) $$, 'a difference stands since they last were'
);

select is_empty(
  $$ select from public.cost_drift_latest where did = 'did:key:byok' and stands_since is distinct from now() - interval '3 hours' $$,
  'and sums are equal where both are'
);
-- A key that is gone is read until its sum is final, and what was read of it long ago holds nothing up then.
delete from public.user_api_keys;
delete from public.retired_api_keys;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name) values ('did:key:gone', 'new', 'x', 'n');
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at) values
  ('did:key:gone', 'going', 'n', now() - interval '3 days'), ('did:key:gone', 'gone', 'n', now() - interval '3 days');
insert into public.key_usages (openrouter_key_hash, did, usage, byok_usage, read_at, gone_since, is_final) values
  ('going', 'did:key:gone', 1, 0, now() - interval '10 minutes', now() - interval '10 minutes', false),
  ('gone', 'did:key:gone', 1, 0, now() - interval '2 days', now() - interval '3 days', true);
select is(
  public.claim_cost_checks(1) -> 'checks', '[{"did": "did:key:gone", "keys": ["going", "new"]}]', 'a key that has just gone is asked for once more'
);
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, total_cost)
values (gen_random_uuid(), 'did:key:gone', 'POST', '/x', now() - interval '1 day', 'completed', now() - interval '1 day', 3);
select count(public.count_in_usage(log, 1)) from public.request_logs as log where did = 'did:key:gone';
select is(
  public.compare_costs('did:key:gone', '1', '[{"hash": "new", "usage": "1", "byok_usage": "0", "is_gone": false},
    {"hash": "going", "usage": "1", "byok_usage": "0", "is_gone": true}]') ->> 'state', 'equal', 'and one that has long gone needs no reading'
);

delete from public.key_usages where openrouter_key_hash = 'new';
select is(
  public.compare_costs('did:key:gone', '1', '[{"hash": "new", "usage": "1", "byok_usage": "0", "is_gone": true}]') ->> 'state', 'equal',
  'a key that nobody has read before it was gone counts as analytics tell, as long as they tell of all of it'
);

-- Beside another DID's: neither its keys, nor its calls, nor its differences say anything of this one.
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, created_at)
values ('did:key:zoe', 'zoe 2', 'x', 'n', now() - interval '40 days'), ('did:key:noise', 'noise 2', 'x', 'n', now());
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at)
values ('did:key:zoe', 'zoe 1', 'n', now() - interval '3 days'), ('did:key:noise', 'noise 1', 'n', now());
insert into public.usage_daily (did, day, model, endpoint, requests, total_cost, upstream_cost)
values ('did:key:zoe', '2026-01-01', 'm', '/x', 1, 1, 0.5), ('did:key:zoe', '2026-01-02', 'm', '/x', 1, 2, 0.25);
insert into public.request_logs (id, did, method, endpoint, status, response_time, generation_id, total_cost)
select gen_random_uuid(), 'did:key:noise', 'POST', '/x', 'completed', now() + interval '1 hour', generation_id, cost
from (values ('gen-to-be-asked', null), ('gen-asked', 1), (null, null)) as calls (generation_id, cost);
insert into public.cost_drift (did, since, checked_at, openrouter_usd, booked_usd, drift_usd, booked_byok_usd, byok_drift_usd)
values ('did:key:noise', now() + interval '1 hour', now() + interval '1 hour', 9, 1, 8, 0, 0);
create function pg_temp.zoes(variadic p_keys jsonb[] default '{}') returns jsonb language sql as $$
  select public.compare_costs('did:key:zoe', '1', to_jsonb(p_keys));
$$;
select is(
  (select checked -> 'keys' from jsonb_array_elements(public.claim_cost_checks(100) -> 'checks') as checked where checked ->> 'did' = 'did:key:zoe'),
  '["zoe 1", "zoe 2"]', 'it is claimed with its own keys'
);
select is(pg_temp.zoes(pg_temp.key('zoe 1', 1, 0.5), pg_temp.key('zoe 2', 2, 0.25)), '{"state": "equal"}', 'its sums are those of all its keys, of whatever age, and days');
select is(pg_temp.zoes() ->> 'state', 'equal', 'and stay so');
select is((select count(*) from public.cost_drift where did = 'did:key:zoe'), 1::bigint, 'in one row');
select is(pg_temp.zoes(pg_temp.key('zoe 2', 2, null)), '{"state": "equal"}', 'where one key''s upstream costs are not known, theirs are not');
select results_eq(
  $$ select openrouter_byok_usd, byok_drift_usd from public.cost_drift_latest where did = 'did:key:zoe' $$,
  'values (null::numeric, null::numeric)', 'nor is a difference of them'
);
update public.cost_checks set searches = 5 where did = 'did:key:zoe';
select is(
  pg_temp.zoes(pg_temp.key('zoe 2', 3, 1)), '{"state": "differs", "drift_usd": "1", "byok_drift_usd": "0.75"}', 'both differences are told'
);
select is((select searches from public.cost_checks where did = 'did:key:zoe'), 0::smallint, 'and are searched for from the beginning');
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, total_cost)
values (gen_random_uuid(), 'did:key:zoe', 'POST', '/x', now() - interval '2 days', 'failed', now() - interval '2 days', 0),
  ('00000000-0000-4000-8000-00000000000f', 'did:key:zoe', 'POST', '/x', now(), 'pending', null, null);
update public.cost_checks set search_after = null where did = 'did:key:zoe';
select is(pg_temp.zoes(pg_temp.key('zoe 2', 4, 1)) ->> 'state', 'busy', 'while it is busy');
select is(
  (select search_after from public.cost_checks where did = 'did:key:zoe'), null, 'what differs is not searched for without a lost call, which none is that was free'
);
delete from public.request_logs where id = '00000000-0000-4000-8000-00000000000f';
update public.key_usages set read_at = now() - interval '10 minutes' where openrouter_key_hash = 'zoe 1';
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, total_cost)
values (gen_random_uuid(), 'did:key:zoe', 'POST', '/x', now() - interval '6 minutes', 'completed', now() - interval '5 minutes', 0.5);
select is(pg_temp.zoes(pg_temp.key('zoe 2', 4, 1)) ->> 'state', 'busy', 'of several keys the one that was read first says since when calls may be missing');

-- To the microsecond. What a comparison reads is kept as of its very moment, to which calls are moved here.
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name) values ('did:key:exact', 'exact', 'x', 'n');
create function pg_temp.at_the_moment() returns trigger language plpgsql as $$
begin
  execute format('update public.request_logs set %I = $1 where did = $2 and status <> $3', current_setting('test.column'))
  using new.read_at - current_setting('test.age')::interval, new.did, 'pending';
  return new;
end;
$$;
create trigger at_the_moment before insert on public.key_usages for each row
when (new.openrouter_key_hash = 'exact') execute function pg_temp.at_the_moment();
create function pg_temp.state_at(p_column text, p_age interval, p_endpoint text, p_generation_id text, p_usage numeric) returns text language plpgsql as $$
declare
  v_state text;
begin
  perform set_config('test.column', p_column, true), set_config('test.age', p_age::text, true);
  delete from public.request_logs where did = 'did:key:exact' and status <> 'pending';
  insert into public.request_logs (id, did, method, endpoint, status, request_time, response_time, generation_id)
  values (gen_random_uuid(), 'did:key:exact', 'POST', p_endpoint, 'failed', now() - interval '3 days', now() - interval '2 days', p_generation_id);
  v_state := public.compare_costs('did:key:exact', '1', jsonb_build_array(pg_temp.key('exact', p_usage, 0))) ->> 'state';
  return (
    select concat_ws(' ', v_state, total_cost) from public.request_logs where did = 'did:key:exact' and status <> 'pending'
  );
end;
$$;
select is(pg_temp.state_at('response_time', age, endpoint, 'gen-1', 0), told, description)
from (values
  (interval '59 minutes 59.999999 seconds', '/x', 'busy', 'what has ended within an hour holds up a comparison'),
  ('1 hour', '/x', 'equal', 'not what ended an hour ago, whose cost is not known to be nothing yet'),
  ('1 hour 0.000001 seconds', '/x', 'equal 0', 'as it is then'),
  ('23:59:59.999999', '/videos', 'busy', 'a job does for a day'),
  ('24:00:00', '/videos', 'equal', 'and is as any call'),
  ('24:00:00.000001', '/videos', 'equal 0', 'then')
) as ends (age, endpoint, told, description);
insert into public.request_logs (id, did, method, endpoint) values (gen_random_uuid(), 'did:key:exact', 'POST', '/x');
insert into public.cost_checks (did, claimed_at) values ('did:key:exact', now());
select pg_temp.state_at('request_time', '31 days', '/x', null, 1);
select is((select search_after from public.cost_checks where did = 'did:key:exact'), null, 'a call of 31 days ago is none that analytics may tell of');
select pg_temp.state_at('request_time', '30 days 23:59:59.999999', '/x', null, 1);
select isnt((select search_after from public.cost_checks where did = 'did:key:exact'), null, 'a later one is');
delete from public.request_logs where did = 'did:key:exact';
drop trigger at_the_moment on public.key_usages;
update public.key_usages set read_at = now(), usage = 0 where openrouter_key_hash = 'exact';
create function pg_temp.state_since(began interval, ended interval) returns text language sql as $$
  delete from public.request_logs where did = 'did:key:exact';
  insert into public.request_logs (id, did, method, endpoint, status, request_time, response_time, total_cost)
  values (gen_random_uuid(), 'did:key:exact', 'POST', '/x', 'completed', now() - began, now() - ended, 1);
  select public.compare_costs('did:key:exact', '1') ->> 'state';
$$;
select is(pg_temp.state_since('19 minutes 59.999999 seconds', '0'), 'busy', 'what ended when its key was read may not be in what was read');
select is(pg_temp.state_since('19 minutes 59.999999 seconds', '0.000001 seconds'), 'equal', 'what ended before is');
select is(pg_temp.state_since('20 minutes', '0'), 'equal', 'and no call began 20 minutes before it ended');
create function pg_temp.gone_for() returns trigger language plpgsql as $$
begin
  new.gone_since := current_setting('test.gone_since')::timestamptz;
  return new;
end;
$$;
create trigger gone_for before insert on public.key_usages for each row execute function pg_temp.gone_for();
create function pg_temp.is_final_after(gone_for interval) returns boolean language sql as $$
  update public.key_usages set gone_since = now() where openrouter_key_hash = 'exact';
  select set_config('test.gone_since', (now() + gone_for)::text, true);
  select public.compare_costs('did:key:exact', '1', jsonb_build_array(pg_temp.key('exact', 0, 0, true)));
  select is_final from public.key_usages where openrouter_key_hash = 'exact';
$$;
select is(pg_temp.is_final_after('59 minutes 59.999999 seconds'), false, 'what a key has spent that has not been gone for an hour is not final');
select is(pg_temp.is_final_after('1 hour'), true, 'for an hour, is');
drop trigger gone_for on public.key_usages;

-- Of many calls whose cost nobody has learnt, the oldest five hundred have cost nothing at a time.
delete from public.request_logs;
update public.key_usages set gone_since = null, is_final = false where openrouter_key_hash = 'exact';
insert into public.request_logs (id, did, method, endpoint, status, request_time, response_time)
select gen_random_uuid(), 'did:key:exact', 'POST', '/x', 'failed', now() - interval '1 day' - n * interval '1 second', now() - interval '2 hours'
from generate_series(1, 501) as n;
select public.compare_costs('did:key:exact', '1');
select is(
  (select array_agg(now() - request_time) from public.request_logs where total_cost is null), '{1 day 00:00:01}', 'the latest waits for the next time'
);

-- Whom a run looks at, to the microsecond: nobody twice, and who waits for a day, or for a cost for an hour, no sooner.
delete from public.request_logs;
delete from public.cost_checks;
delete from public.user_api_keys;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'x', 'n' from unnest('{running, yesterday, unpriced}'::text[]) as name;
create function pg_temp.claimed_at(earlier interval) returns text language sql as $$
  delete from public.cost_checks;
  insert into public.cost_checks (did, claimed_at, is_equal)
  select 'did:key:running', started_at - earlier, false from public.maintenance_runs
  union all values
    ('did:key:yesterday', now() - interval '1 day' - earlier, true), ('did:key:unpriced', now() - interval '1 hour', true);
  delete from public.request_logs;
  insert into public.request_logs (id, did, method, endpoint, status, request_time, response_time)
  values (gen_random_uuid(), 'did:key:unpriced', 'POST', '/x', 'failed', now() - interval '2 hours', now() - interval '1 hour' - earlier);
  select string_agg(right(checked ->> 'did', -8), ' ') from jsonb_array_elements(public.claim_cost_checks(10) -> 'checks') as checked;
$$;
select is(pg_temp.claimed_at('0'), null, 'who is claimed as a run begins is not claimed again by it');
select is(pg_temp.claimed_at('1 microsecond'), 'yesterday unpriced running', 'who was so before is');

-- Who has no account any more: its keys may have been charged for calls that are not in the books.
delete from public.cost_checks;
delete from public.request_logs;
delete from public.user_api_keys;
delete from public.retired_api_keys;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'x', 'n' from unnest('{erased, deleted, back}'::text[]) as name;
insert into public.request_logs (id, did, method, endpoint, request_time)
select gen_random_uuid(), 'did:key:' || name, 'POST', '/x', now() - interval '31 days' + younger
from (values ('erased', interval '1 minute'), ('deleted', interval '1 minute'), ('back', interval '0')) as called (name, younger);
create temporary table pseudonym on commit drop as select public.erase_did('did:key:erased') as did;
delete from public.user_api_keys;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name) values ('did:key:back', 'hash new', 'x', 'n');
create function pg_temp.claimed_keys() returns jsonb language sql as $$
  select jsonb_object_agg(checked ->> 'did', checked -> 'keys') from jsonb_array_elements(public.claim_cost_checks(10) -> 'checks') as checked;
$$;
select is(
  pg_temp.claimed_keys(),
  jsonb_build_object((select did from pseudonym), '["hash erased"]'::jsonb, 'did:key:deleted', '["hash deleted"]'::jsonb, 'did:key:back', '["hash back", "hash new"]'::jsonb),
  'a DID that was erased is claimed by its pseudonym, and one whose account was deleted by its name'
);
select is(pg_temp.claimed_keys(), null, 'each once a run');
delete from public.cost_checks;
delete from public.user_api_keys;
select is(pg_temp.claimed_keys() ? 'did:key:back', false, 'but who has not called for as long as analytics tell is not');
select is((select count(*) from public.cost_checks), 2::bigint, 'and the others are');

-- What a key spent after it was read last, where analytics do not reach back to all of it.
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name) values ('did:key:olden', 'hash young', 'x', 'n');
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at) values ('did:key:olden', 'hash olden', 'n', clock_timestamp() - interval '31 days 1 hour');
insert into public.key_usages (openrouter_key_hash, did, usage, byok_usage, read_at) values ('hash olden', 'did:key:olden', 1, 0, now() - interval '1 day');
insert into public.usage_daily (did, day, model, endpoint, requests, total_cost, upstream_cost) values ('did:key:olden', '2026-01-01', 'm', '/x', 1, 3, 0);
create function pg_temp.state_of_olden(p_booked numeric, p_is_gone boolean default true) returns text language plpgsql as $$
begin
  update public.usage_daily set total_cost = p_booked where did = 'did:key:olden';
  return public.compare_costs('did:key:olden', '1', jsonb_build_array(
    pg_temp.key('hash young', 1, 0), pg_temp.key('hash olden', 1, 0, p_is_gone)
  )) ->> 'state';
end;
$$;
select is(pg_temp.state_of_olden(3), 'unknown', 'is not known');
select is_empty($$ select from public.cost_drift where did = 'did:key:olden' $$, 'and no difference');
select is(pg_temp.state_of_olden(2), 'equal', 'it may have been nothing');
select is(pg_temp.state_of_olden(1), 'differs', 'what is missing from the books is missing all the same');
update public.retired_api_keys set created_at = created_at + interval '2 hours' where openrouter_key_hash = 'hash olden';
select is(pg_temp.state_of_olden(3), 'differs', 'of a younger key it is known');

-- An account that was deleted, put back and deleted again, so that its key was retired twice.
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name) values ('did:key:twice', 'hash twice', 'x', 'n');
insert into public.usage_daily (did, day, model, endpoint, requests, total_cost) values ('did:key:twice', '2026-01-01', 'm', '/x', 1, 3);
create temporary table put_back on commit drop as select * from public.user_api_keys where did = 'did:key:twice';
delete from public.user_api_keys where did = 'did:key:twice';
insert into public.user_api_keys select * from put_back;
delete from public.user_api_keys where did = 'did:key:twice';
create function pg_temp.state_of_twice() returns text language sql as $$
  select public.compare_costs('did:key:twice', '1', jsonb_build_array(pg_temp.key('hash twice', 3, 0))) ->> 'state';
$$;
select is(pg_temp.state_of_twice(), 'equal', 'a key that was retired twice counts once');
insert into public.user_api_keys select * from put_back;
select is(pg_temp.state_of_twice(), 'equal', 'also where it is the DID''s key again');

select * from finish();
rollback;
