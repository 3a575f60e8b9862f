-- Rates: how many pass at once and a minute, to the millisecond, and what they are told.
begin;
select plan(124);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'sealed', name
from unnest('{alice, bob, carol, dave, erin, frank, grace, heidi, ivan, judy}'::text[]) as name;

create sequence pg_temp.ids;
grant usage on sequence pg_temp.ids to service_role;

-- Admits a call at a time that the test chooses; the answer, with the call's id.
create function pg_temp.admit(did text, at timestamptz default now(), more jsonb default '{}')
returns jsonb language plpgsql as $$
declare
  v_asked jsonb := jsonb_build_object(
    'request_id', lpad(nextval('pg_temp.ids')::text, 32, '0')::uuid, 'did', did, 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true, 'models', '["openai/gpt-4o-mini"]'::jsonb,
    'estimate', '[{"usd": "0.1"}]'::jsonb
  ) || more;
begin
  return public.enter_admission(jsonb_populate_record(null::public.admission, v_asked), at)
    || jsonb_build_object('id', v_asked -> 'request_id');
end;
$$;

create function pg_temp.decision(did text, at timestamptz default now(), more jsonb default '{}')
returns text language sql as $$
  select concat_ws(' ', answer ->> 'decision', answer ->> 'scope', answer ->> 'what')
  from pg_temp.admit(did, at, more) as answer;
$$;

-- limit, remaining, reset_ms, retry_after_ms of a refusal, or of what an admitted call is told.
create function pg_temp.told(answer jsonb) returns text language sql as $$
  select concat_ws(' ', rate ->> 'limit', rate ->> 'remaining', rate ->> 'reset_ms', rate ->> 'retry_after_ms')
  from coalesce(answer -> 'rate', answer) as rate;
$$;

-- How many of a number of calls at one time pass.
create function pg_temp.passing(did text, n integer, at timestamptz, more jsonb default '{}')
returns integer language plpgsql as $$
declare
  v_count integer := 0;
begin
  for i in 1..n loop
    v_count := v_count + (pg_temp.decision(did, at, more) = 'admitted')::integer;
  end loop;
  return v_count;
end;
$$;

create function pg_temp.settle(admitted jsonb, cost text, more jsonb default '{}')
returns jsonb language sql as $$
  select public.settle_request(jsonb_build_object(
    'request_id', admitted -> 'id', 'request_time', admitted -> 'request_time',
    'status', 'completed', 'http_status', 200, 'cost', cost
  ) || more);
$$;

-- What stands in the books, but for time.
create function pg_temp.traces() returns bigint language sql as $$
  select (select count(*) from public.request_logs) + (select count(*) from public.idempotency_keys)
    + (select count(*) from public.accepted_messages);
$$;

-- What others do between the look at the limits without a lock and the one under it, such as
-- `update public.budgets …`.
create function pg_temp.happen() returns trigger language plpgsql as $$
begin
  execute coalesce(nullif(current_setting('test.meanwhile', true), ''), 'select 1');
  return null;
end;
$$;
create trigger meanwhile after insert on public.request_logs
for each statement execute function pg_temp.happen();

delete from public.budgets;
set local role service_role;

-- A DID's calls a minute.
select lives_ok($$ select public.set_limits('did:key:alice', requests_per_minute => 4) $$, 'a DID has a rate');
select is(pg_temp.told(pg_temp.admit('did:key:alice', '2028-03-01 10:00:00+00')), '4 3 15000 0', 'a call is told how many more pass, and when all would again');
select is(pg_temp.told(pg_temp.admit('did:key:alice', '2028-03-01 10:00:00+00')), '4 2 30000 0', 'each one less');
select is(pg_temp.passing('did:key:alice', 1, '2028-03-01 10:00:00+00'), 1, 'a burst passes');
select is(pg_temp.told(pg_temp.admit('did:key:alice', '2028-03-01 10:00:00+00')), '4 0 60000 15000', 'to the last one, which is told when the next will');
create temporary table kept on commit drop as
select pg_temp.traces() as traces, budgets::text as budget from public.budgets where did = 'did:key:alice';
select is(
  pg_temp.admit('did:key:alice', '2028-03-01 10:00:00+00', '{"message_hash": "aa", "message_expires_at": "2028-03-01 10:05:00+00", "idempotency_key": "k", "body_hash": "ab"}') - 'id',
  '{"decision": "rate_limited", "scope": "did", "what": "requests", "limit": 4, "remaining": 0,
    "reset_ms": 60000, "retry_after_ms": 15000, "alerted": false}'::jsonb,
  'one more is refused, and told the same'
);
select is(pg_temp.traces(), traces, 'of it stay neither row, nor Idempotency-Key, nor replay key') from kept;
select is(budgets::text, kept.budget, 'and it takes nothing of rate or budget') from public.budgets, kept where did = 'did:key:alice';
select is(pg_temp.told(pg_temp.admit('did:key:alice', '2028-03-01 10:00:06.4+00')), '4 0 53600 8600', 'the time that it is told passes');
select is(pg_temp.told(pg_temp.admit('did:key:alice', '2028-03-01 10:00:14.999+00')), '4 0 45001 1', 'a millisecond before none does');
select is(
  pg_temp.decision('did:key:alice', '2028-03-01 10:00:15+00', '{"message_hash": "aa", "message_expires_at": "2028-03-01 10:05:00+00", "idempotency_key": "k", "body_hash": "ab"}'),
  'admitted', 'after exactly that time one does: the same message, under its Idempotency-Key'
);
select is(pg_temp.decision('did:key:alice', '2028-03-01 10:00:15+00'), 'rate_limited did requests', 'and no other');
select is(pg_temp.passing('did:key:alice', 9, '2028-03-01 10:00:45+00'), 2, 'what was not taken adds up');
select is(pg_temp.passing('did:key:alice', 9, '2028-03-01 11:00:00+00'), 4, 'to a minute''s, however long nobody called');
select is(pg_temp.decision('did:key:bob', '2028-03-01 10:00:00+00'), 'admitted', 'another DID has a rate of its own');
select ok(not pg_temp.admit('did:key:bob') ? 'rate', 'where there is none, none is told');
select is(pg_temp.decision('did:key:alice', '2028-03-01 11:00:00+00', '{"metered": false}'), 'admitted', 'what costs nothing is not counted here');

-- Rates that do not divide a minute, and very high ones: how many pass at once, and after each minute.
create function pg_temp.bursts(per_minute integer, minutes integer) returns text language plpgsql as $$
declare
  v_used_until timestamptz := '-infinity';
  v_at timestamptz := '2028-03-01 10:00:00+00';
  v_passed integer;
  v_bursts text[] := '{}';
begin
  for minute in 0..minutes loop
    v_passed := 0;
    while public.rate_allows(v_used_until, per_minute, v_at + minute * interval '1 minute') loop
      v_used_until := public.used_until(v_used_until, per_minute, 1, v_at + minute * interval '1 minute');
      v_passed := v_passed + 1;
    end loop;
    v_bursts := v_bursts || v_passed::text;
  end loop;
  return array_to_string(v_bursts, ' ');
end;
$$;
select is(pg_temp.bursts(1, 10), rtrim(repeat('1 ', 11)), 'one a minute is one a minute');
select is(pg_temp.bursts(7, 10), rtrim(repeat('7 ', 11)), 'a rate that does not divide a minute passes exactly as many at once, and after each of ten minutes');
select is(pg_temp.bursts(13, 10), rtrim(repeat('13 ', 11)), 'so does another one');
select is(pg_temp.bursts(1000, 10), rtrim(repeat('1000 ', 11)), 'and one that does');
select is(pg_temp.bursts(7777, 2), '7777 7777 7777', 'and one of more calls than a minute has half hundredths of seconds');
select is(pg_temp.bursts(100000, 1), '100000 100000', 'and one of more than it has milliseconds');

-- Whoever waits for exactly as long as told, ten minutes long: how many passed, and whether a millisecond
-- less would have done.
create function pg_temp.patience(per_minute integer) returns text language plpgsql as $$
declare
  v_used_until timestamptz := '-infinity';
  v_began timestamptz := '2028-03-01 10:00:00+00';
  v_at timestamptz := v_began;
  v_wait integer;
  v_passed integer := 0;
  v_said text := '';
begin
  loop
    v_wait := public.rate_state(v_used_until, per_minute, v_at) ->> 'retry_after_ms';
    if v_wait > 0 and public.rate_allows(v_used_until, per_minute, v_at + interval '1 millisecond' * (v_wait - 1)) then
      v_said := ' a millisecond less would have done';
    end if;
    v_at := v_at + interval '1 millisecond' * v_wait;
    exit when v_at > v_began + interval '10 minutes';
    if not public.rate_allows(v_used_until, per_minute, v_at) then
      return 'what was told is too little';
    end if;
    v_used_until := public.used_until(v_used_until, per_minute, 1, v_at);
    v_passed := v_passed + 1;
  end loop;
  return v_passed || v_said;
end;
$$;
select is(pg_temp.patience(1), '11', 'who waits as long as told gets a burst, and the rate, for ten minutes');
select is(pg_temp.patience(7), '77', 'at seven a minute');
select is(pg_temp.patience(13), '143', 'at thirteen');
select is(pg_temp.patience(1000), '11000', 'at a thousand');
select public.set_limits('did:key:carol', requests_per_minute => 7);
select is(
  (select string_agg(pg_temp.passing('did:key:carol', 9, timestamptz '2028-03-01 10:00:00+00' + n * interval '1 minute')::text, ' ' order by n) from generate_series(0, 10) as n),
  rtrim(repeat('7 ', 11)), 'admission counts so'
);
select is(
  public.rate_state('2028-03-01 10:02:00+00', 60, '2028-03-01 10:00:00+00'),
  '{"limit": 60, "remaining": 0, "reset_ms": 120000, "retry_after_ms": 61000}'::jsonb,
  'nobody has less than nothing left, however much more than allowed came at once'
);
select is(
  public.rate_state('-infinity', 60, '2028-03-01 10:00:00+00'),
  '{"limit": 60, "remaining": 60, "reset_ms": 0, "retry_after_ms": 0}'::jsonb,
  'who never called has all'
);
select is(
  public.rate_state('2028-03-01 10:00:00.0001+00', 60, '2028-03-01 10:00:00+00'),
  '{"limit": 60, "remaining": 59, "reset_ms": 1, "retry_after_ms": 0}'::jsonb,
  'what is told is rounded against who asks'
);
select is(
  array[public.rate_state(at + interval '1 microsecond', 60, at), public.rate_state(at + interval '59.000001 seconds', 60, at)],
  array['{"limit": 60, "remaining": 59, "reset_ms": 1, "retry_after_ms": 0}', '{"limit": 60, "remaining": 0, "reset_ms": 59001, "retry_after_ms": 1}']::jsonb[],
  'from the first microsecond on'
) from (select timestamptz '2028-03-01 10:00:00+00' as at) as instant;
select is(public.rate_allows('2028-03-01 10:00:00+00', null, '2028-03-01 10:00:00+00'), true, 'what has no rate may always pass');

-- A rate that the operator changes.
select pg_temp.passing('did:key:dave', 3, '2028-03-01 10:00:00+00');
select public.set_limits('did:key:dave', requests_per_minute => 60);
select is(pg_temp.passing('did:key:dave', 99, '2028-03-01 10:00:00+00'), 60, 'a new rate holds from the next request on, and what was before is not counted');
select public.set_limits('did:key:dave', requests_per_minute => 6);
select is(
  pg_temp.told(pg_temp.admit('did:key:dave', '2028-03-01 10:00:30+00')), '6 2 40000 0',
  'so does a lower one, in which as great a part is used'
);
select public.set_limits('did:key:dave', requests_per_minute => 600);
select is(
  pg_temp.told(pg_temp.admit('did:key:dave', '2028-03-01 10:00:30+00')), '600 199 40100 0', 'so does a higher one'
);
select public.set_limits('did:key:dave', clear => '{requests_per_minute}');
select is(pg_temp.passing('did:key:dave', 300, '2028-03-01 10:00:30+00'), 300, 'and none');
select public.set_gateway_limits(default_requests_per_minute => 2);
select is(pg_temp.passing('did:key:erin', 9, '2028-03-01 10:00:30+00'), 2, 'a DID without a rate of its own has the default');
select is(pg_temp.passing('did:key:carol', 9, '2028-03-01 11:00:00+00'), 7, 'one with its own has that');
select public.set_gateway_limits(clear => '{default_requests_per_minute}');

-- The gateway's own.
select public.set_gateway_limits(requests_per_minute => 3);
select public.set_limits('did:key:alice', requests_per_minute => 2);
select is(pg_temp.passing('did:key:alice', 9, '2028-03-02 10:00:00+00'), 2, 'a DID uses up its own rate');
select is(
  pg_temp.decision('did:key:alice', '2028-03-02 10:00:00+00'), 'rate_limited did requests',
  'which comes before the gateway''s, and takes nothing of it'
);
select is(pg_temp.decision('did:key:bob', '2028-03-02 10:00:00+00'), 'admitted', 'what is left of that is for others');
update kept set budget = (select budgets::text from public.budgets where did = 'did:key:bob'), traces = pg_temp.traces();
select is(
  pg_temp.admit('did:key:bob', '2028-03-02 10:00:00+00') - 'id',
  '{"decision": "rate_limited", "scope": "gateway", "what": "requests", "limit": 3, "remaining": 0,
    "reset_ms": 60000, "retry_after_ms": 20000, "alerted": false}'::jsonb,
  'up to the gateway''s'
);
select is(budgets::text, kept.budget, 'which takes nothing of the DID''s') from public.budgets, kept where did = 'did:key:bob';
select is(pg_temp.traces(), traces, 'and leaves nothing') from kept;
select is(pg_temp.decision('did:key:alice', '2028-03-02 10:00:00+00'), 'rate_limited did requests', 'who has used up its own as well is told of that');
select is(pg_temp.decision('did:key:bob', '2028-03-02 10:00:19.999+00'), 'rate_limited gateway requests', 'a millisecond before the time that is told');
select is(pg_temp.decision('did:key:bob', '2028-03-02 10:00:20+00'), 'admitted', 'and at that time');
select ok(not pg_temp.admit('did:key:bob', '2028-03-02 10:01:00+00') ? 'rate', 'an admitted call is not told the gateway''s');
select public.set_gateway_limits(clear => '{requests_per_minute}');
select public.set_limits('did:key:alice', clear => '{requests_per_minute}');

-- Calls at the same time.
create temporary table calls (name text, answer jsonb) on commit drop;
create function pg_temp.call(name text) returns jsonb language sql as $$
  select answer from calls where calls.name = call.name;
$$;
delete from public.budgets;
select public.set_limits('did:key:frank', concurrent_requests => 2, requests_per_minute => 100);
insert into calls select 'two', pg_temp.admit('did:key:frank', now() - interval '16 minutes');
insert into calls select 'one', pg_temp.admit('did:key:frank');
select is(
  pg_temp.admit('did:key:frank') - 'id',
  '{"decision": "rate_limited", "scope": "did", "what": "concurrent", "limit": 2, "remaining": 0,
    "reset_ms": 1000, "retry_after_ms": 1000, "alerted": false}'::jsonb,
  'as many are under way as may be'
);
select is(pg_temp.told(pg_temp.settle(pg_temp.call('one'), '0.1') || pg_temp.admit('did:key:frank')), '100 98 1200 0', 'one that ends makes room for another, and what was refused took nothing of the rate');
select is(pg_temp.decision('did:key:frank'), 'rate_limited did concurrent', 'for one');
select pg_temp.settle(pg_temp.call('one'), '0.1');
select is(pg_temp.decision('did:key:frank'), 'rate_limited did concurrent', 'that it ends again makes no more');
select is(public.expire_stale_requests(), 1, 'one whose worker is lost');
insert into calls select 'three', pg_temp.admit('did:key:frank');
select is(pg_temp.call('three') ->> 'decision', 'admitted', 'makes room when it expires');
select pg_temp.settle(pg_temp.call('two'), '0.1');
select is(pg_temp.decision('did:key:frank'), 'rate_limited did concurrent', 'and no more when it ends after all');
select public.discard_request((pg_temp.call('three') ->> 'id')::uuid, (pg_temp.call('three') ->> 'request_time')::timestamptz);
insert into calls select 'four', pg_temp.admit('did:key:frank');
select is(pg_temp.call('four') ->> 'decision', 'admitted', 'one that is discarded makes room');
select public.withdraw_request((pg_temp.call('four') ->> 'id')::uuid);
insert into calls select 'five', pg_temp.admit('did:key:frank');
select is(pg_temp.call('five') ->> 'decision', 'admitted', 'one that is withdrawn makes room');
select public.withdraw_request((pg_temp.call('four') ->> 'id')::uuid);
select is(pg_temp.decision('did:key:frank'), 'rate_limited did concurrent', 'once');
select pg_temp.settle(pg_temp.call('five'), null, '{"status": "failed", "http_status": 502, "generation_id": "gen-5"}');
insert into calls select 'six', pg_temp.admit('did:key:frank');
select is(pg_temp.call('six') ->> 'decision', 'admitted', 'one whose cost is not known makes room');
select public.book_cost('{"did": "did:key:frank", "generation_id": "gen-5", "cost": "0.05"}');
select is(pg_temp.decision('did:key:frank'), 'rate_limited did concurrent', 'its cost makes no more');
select public.set_limits('did:key:frank', concurrent_requests => 1);
select pg_temp.settle(pg_temp.call('six'), '0.1');
select is(pg_temp.decision('did:key:frank'), 'rate_limited did concurrent', 'a lower limit holds from the next request on');
select public.set_limits('did:key:frank', clear => '{concurrent_requests}');
select public.set_gateway_limits(default_concurrent_requests => 3);
select is(pg_temp.passing('did:key:frank', 9, now()), 2, 'and so does the default');
select is(pg_temp.passing('did:key:grace', 9, now()), 3, 'of which each DID has its own');
select is(pg_temp.decision('did:key:frank', now(), '{"metered": false}'), 'admitted', 'what costs nothing passes beside them');
select is(
  (select requests_under_way from public.budgets where did = '*'), 0, 'all together are not counted so'
);
select public.set_gateway_limits(clear => '{default_concurrent_requests}');

-- Free models: OpenRouter's limits, on all DIDs together, and a share of them.
create function pg_temp.free(did text, n integer, at timestamptz) returns integer language sql as $$
  select pg_temp.passing(did, n, at, '{"free_model": true, "estimate": [{"usd": "0"}]}');
$$;
create function pg_temp.free_decision(did text, at timestamptz) returns jsonb language sql as $$
  select pg_temp.admit(did, at, '{"free_model": true, "estimate": [{"usd": "0"}]}') - 'id';
$$;
delete from public.budgets;
select public.set_gateway_limits(free_models_per_minute => 4, free_models_per_day => 11, default_free_models_per_day => 5);
select is(pg_temp.free('did:key:heidi', 3, '2028-02-29 10:00:00+00'), 3, 'calls of free models');
select is(pg_temp.free('did:key:ivan', 3, '2028-02-29 10:00:00+00'), 1, 'have a rate for all DIDs together');
select is(
  pg_temp.free_decision('did:key:ivan', '2028-02-29 10:00:00+00'),
  '{"decision": "rate_limited", "scope": "free_models", "what": "free_requests", "shared": true, "limit": 4, "remaining": 0,
    "reset_ms": 60000, "retry_after_ms": 15000, "alerted": false}'::jsonb,
  'which says when the next one passes'
);
select is(pg_temp.decision('did:key:ivan', '2028-02-29 10:00:00+00'), 'admitted', 'other models are no concern of it');
select is(pg_temp.decision('did:key:ivan', '2028-02-29 10:00:00+00', '{"free_model": null}'), 'admitted', 'nor is a call that does not say');
select is(pg_temp.free('did:key:ivan', 1, '2028-02-29 10:00:14.999+00'), 0, 'not a millisecond before');
select is(pg_temp.free('did:key:ivan', 3, '2028-02-29 10:00:15+00'), 1, 'nor more than one then');
select is(pg_temp.free('did:key:heidi', 3, '2028-02-29 11:00:00+00'), 2, 'of a day each DID has a share');
select is(
  pg_temp.free_decision('did:key:heidi', '2028-02-29 11:00:00+00'),
  '{"decision": "rate_limited", "scope": "free_models", "what": "free_requests", "limit": 5, "remaining": 0,
    "reset_ms": 46800000, "retry_after_ms": 46800000, "alerted": false}'::jsonb,
  'and waits for midnight when it is used up'
);
select is(pg_temp.free('did:key:judy', 9, '2028-02-29 12:00:00+00'), 4, 'what is refused there takes nothing from others');
select is(
  pg_temp.free_decision('did:key:ivan', '2028-02-29 13:00:00+00'),
  '{"decision": "rate_limited", "scope": "free_models", "what": "free_requests", "shared": true, "limit": 11, "remaining": 0,
    "reset_ms": 39600000, "retry_after_ms": 39600000, "alerted": false}'::jsonb,
  'a day has so many for all DIDs together'
);
select is(pg_temp.free('did:key:ivan', 1, '2028-02-29 23:59:59.999999+00'), 0, 'to its end');
select is(pg_temp.free('did:key:ivan', 9, '2028-03-01 00:00:00+00'), 4, 'at midnight there is a new one');
select is(pg_temp.free('did:key:ivan', 9, '2028-03-01 01:00:00+00'), 1, 'for its share, too');
select public.set_limits('did:key:ivan', free_models_per_day => 7);
select is(pg_temp.free('did:key:ivan', 9, '2028-03-01 02:00:00+00'), 2, 'which the operator can change for a DID');
select public.set_limits('did:key:ivan', free_models_per_day => 0);
select is(pg_temp.free('did:key:ivan', 9, '2028-03-02 02:00:00+00'), 0, 'to none at all');
select is(pg_temp.free('did:key:heidi', 9, '2028-03-02 02:00:00+00'), 4, 'and other DIDs have theirs');
select is(
  (select count(*)::int from public.request_logs where request_time >= '2028-02-29 00:00:00+00' and estimate_usd = 0), 22,
  'what was refused has no row'
);
select public.set_gateway_limits(clear => '{free_models_per_minute, free_models_per_day, default_free_models_per_day}');
select is(pg_temp.free('did:key:heidi', 30, '2028-03-02 02:00:00+00'), 30, 'where none are kept all pass');

-- Calls that OpenRouter refuses as mistakes. A refusal counts when it is settled, which is now.
create function pg_temp.refuse(did text, status integer, cost text default '0', more jsonb default '{}')
returns void language sql as $$
  select pg_temp.settle(
    pg_temp.admit(did), cost, jsonb_build_object('status', 'failed', 'http_status', status) || more
  );
$$;
delete from public.budgets;
delete from public.did_policies;
select public.set_gateway_limits(refused_requests_per_minute => 3);
select pg_temp.refuse('did:key:bob', 400);
select pg_temp.refuse('did:key:bob', 404);
select is(pg_temp.decision('did:key:bob'), 'admitted', 'a few mistakes are let pass');
create temporary table discarded on commit drop as select pg_temp.admit('did:key:bob') as answer;
select is(
  public.discard_request((answer ->> 'id')::uuid, (answer ->> 'request_time')::timestamptz), true,
  'a path that OpenRouter does not have is one more'
) from discarded;
select is(
  pg_temp.admit('did:key:bob') - 'id',
  '{"decision": "rate_limited", "scope": "did", "what": "refusals", "limit": 3, "remaining": 0,
    "reset_ms": 60000, "retry_after_ms": 20000, "alerted": false}'::jsonb,
  'then their DID has to wait'
);
select is(pg_temp.decision('did:key:bob', now() + interval '19999 milliseconds'), 'rate_limited did refusals', 'not a millisecond less');
select is(pg_temp.decision('did:key:bob', now() + interval '20 seconds'), 'admitted', 'than it is told');
select is(pg_temp.decision('did:key:bob', now() + interval '20 seconds'), 'admitted', 'what is admitted then takes nothing of it');
select is(pg_temp.decision('did:key:alice'), 'admitted', 'another DID has its own');
select is(pg_temp.decision('did:key:bob', now(), '{"metered": false}'), 'admitted', 'and so has what costs nothing');
select pg_temp.refuse('did:key:carol', status, cost) from (values
  (429, '0'), (500, '0'), (502, '0'), (503, '0'), (200, '0'), (399, '0'), (400, '0.01'), (400, null), (null, '0')
) as endings (status, cost);
select is(
  (select refusals_used_until from public.budgets where did = 'did:key:carol'), '-infinity',
  'no mistakes are 429, what OpenRouter failed at, what was answered, and what cost something or may have'
);
select is((select count(*)::int from public.request_logs where did = 'did:key:carol' and http_status = 429), 1, 'which all were admitted');
select public.set_gateway_limits(refused_requests_per_minute => 60);
select pg_temp.refuse('did:key:carol', status) from unnest('{400, 401, 402, 403, 413, 422, 499}'::integer[]) as status;
select is(
  (select extract(epoch from refusals_used_until - now())::int from public.budgets where did = 'did:key:carol'), 7,
  'any other 4xx is one'
);
select public.set_gateway_limits(refused_requests_per_minute => 3);
insert into calls select 'six mistakes at a time', pg_temp.admit('did:key:dave') from generate_series(1, 6);
select pg_temp.settle(answer, '0', '{"status": "failed", "http_status": 499}') from calls where name = 'six mistakes at a time';
select is(
  pg_temp.told(pg_temp.admit('did:key:dave')), '3 0 120000 80000',
  'what is under way at the same time counts to the last, and never is less than nothing left'
);
select pg_temp.settle(answer, '0', '{"status": "failed", "http_status": 499}') from calls where name = 'six mistakes at a time';
select is(pg_temp.told(pg_temp.admit('did:key:dave')), '3 0 120000 80000', 'each once');
insert into calls select 'given up', pg_temp.admit('did:key:heidi');
select pg_temp.settle(answer, '0', '{"status": "failed", "http_status": 400, "given_up": true}'),
  pg_temp.settle(answer, '0', '{"status": "failed", "http_status": 400}')
from calls where name = 'given up';
select is(
  (select extract(epoch from refusals_used_until - now())::int from public.budgets where did = 'did:key:heidi'), 20,
  'be it by a worker that retires, and then ends it after all'
);
insert into calls select 'withdrawn', pg_temp.admit('did:key:erin') from generate_series(1, 5);
select public.withdraw_request((answer ->> 'id')::uuid) from calls where name = 'withdrawn';
select is(pg_temp.decision('did:key:erin'), 'admitted', 'what was never forwarded is no mistake');
select is((select refusals_used_until from public.budgets where did = '*'), '-infinity', 'nor is anything one of all together');
select public.set_gateway_limits(clear => '{refused_requests_per_minute}');
select is(pg_temp.decision('did:key:dave'), 'admitted', 'without that limit nobody waits');
select pg_temp.refuse('did:key:grace', 400);
select is(
  (select refusals_used_until from public.budgets where did = 'did:key:grace'), '-infinity', 'and nothing is counted'
);

-- What a call is told is left.
delete from public.budgets;
select public.set_limits('did:key:heidi', daily_budget_usd => 1, monthly_budget_usd => 5);
select is(pg_temp.admit('did:key:heidi') ->> 'remaining_usd', '0.9', 'an admitted call is told what its DID may still spend, itself reserved');
select public.set_limits('did:key:heidi', monthly_budget_usd => 0.75);
select is(pg_temp.admit('did:key:heidi') ->> 'remaining_usd', '0.55', 'in the period that ends first');
select public.set_limits('did:key:heidi', clear => '{daily_budget_usd}');
select is(pg_temp.admit('did:key:heidi') ->> 'remaining_usd', '0.45', 'where there is one budget, of that');
select public.set_limits('did:key:heidi', monthly_budget_usd => 0.1);
select is(
  pg_temp.admit('did:key:heidi', now(), '{"free_model": true, "estimate": [{"usd": "0"}]}') ->> 'remaining_usd', '0',
  'and no less than nothing, of a budget that was lowered'
);
select ok(not pg_temp.admit('did:key:heidi', now(), '{"metered": false}') ?| '{rate, remaining_usd}', 'what costs nothing is told nothing');
select public.set_gateway_limits(daily_budget_usd => 1, monthly_budget_usd => 2);
select ok(not pg_temp.admit('did:key:ivan') ? 'remaining_usd', 'the gateway''s are nobody''s to know');
select public.set_gateway_limits(clear => '{daily_budget_usd, monthly_budget_usd}');

-- What others do between the first look and the lock.
create function pg_temp.while_others(what text) returns text language plpgsql as $$
declare
  v_answer jsonb;
begin
  perform set_config('test.meanwhile', what, true);
  v_answer := pg_temp.admit('did:key:judy', now(), jsonb_build_object(
    'message_hash', 'bb', 'message_expires_at', now() + interval '5 minutes', 'idempotency_key', 'j',
    'body_hash', 'ab', 'free_model', true, 'estimate', '[{"usd": "0.25"}]'::jsonb
  ));
  perform set_config('test.meanwhile', '', true);
  return concat_ws(' ', v_answer ->> 'decision', v_answer ->> 'scope',
    coalesce(v_answer ->> 'what', v_answer ->> 'period'), 'alerted: ' || (v_answer ->> 'alerted'));
end;
$$;
select public.set_limits(
  'did:key:judy', daily_budget_usd => 1, monthly_budget_usd => 2, requests_per_minute => 10,
  concurrent_requests => 3, free_models_per_day => 9
);
select public.set_gateway_limits(
  daily_budget_usd => 8, monthly_budget_usd => 9, requests_per_minute => 20, free_models_per_day => 9,
  free_models_per_minute => 9, refused_requests_per_minute => 20
);
insert into public.budgets (did, day, month)
select 'did:key:judy', (now() at time zone 'utc')::date, date_trunc('month', now() at time zone 'utc')::date;
create temporary table before on commit drop as select * from public.budgets where did in ('did:key:judy', '*');
update kept set traces = pg_temp.traces();
-- Each change, undone afterwards.
create function pg_temp.raced(p_did text, change text) returns text language plpgsql as $$
declare
  v_answer text := pg_temp.while_others(format('update public.budgets set %s where did = %L', change, p_did));
  v_wrong text := '';
begin
  if pg_temp.traces() <> (select traces from kept) then
    v_wrong := ', but leaves traces';
  end if;
  execute format(
    'update public.budgets as budget set %1$I = before.%1$I from before where before.did = budget.did and budget.did = %2$L',
    split_part(change, ' ', 1), p_did
  );
  if exists (select from public.budgets as budget join before using (did) where budget::text <> before::text) then
    v_wrong := v_wrong || ', but counts';
  end if;
  return v_answer || v_wrong;
end;
$$;
select is(pg_temp.raced('did:key:judy', change), decision || ' alerted: ' || alerted, 'what is found under the lock alone refuses as well, and leaves nothing: ' || change)
from (values
  ('requests_used_until = now() + interval ''1 minute''', 'rate_limited did requests', false),
  ('refusals_used_until = now() + interval ''1 minute''', 'rate_limited did refusals', false),
  ('requests_under_way = 3', 'rate_limited did concurrent', false),
  ('day_free_requests = 9', 'rate_limited free_models free_requests', false),
  ('day_reserved_usd = 0.76', 'budget_exceeded did day', false),
  ('month_spent_usd = 1.9', 'budget_exceeded did month', true)
) as changes (change, decision, alerted);
select is(pg_temp.raced('*', change), decision || ' alerted: ' || alerted, 'and so for all together: ' || change)
from (values
  ('requests_used_until = now() + interval ''1 minute''', 'rate_limited gateway requests', false),
  ('day_free_requests = 9', 'rate_limited free_models free_requests', false),
  ('free_requests_used_until = now() + interval ''1 minute''', 'rate_limited free_models free_requests', false),
  ('day_spent_usd = 7.8', 'budget_exceeded gateway day', true),
  ('month_reserved_usd = 8.8', 'budget_exceeded gateway month', false)
) as changes (change, decision, alerted);
select is(pg_temp.while_others(''), 'admitted', 'the same message under the same Idempotency-Key passes afterwards');
select is(pg_temp.traces(), traces + 3, 'and has row, key and replay key') from kept;
select is(pg_temp.while_others(''), 'replayed', 'once');
select is_empty(
  $$
    select from unnest('{7, 60, 999, 1000000}'::integer[]) as rate,
      unnest('{-infinity, 2028-03-01 09:00:00+00, 2028-03-01 10:00:10+00}'::timestamptz[]) as used,
      (select timestamptz '2028-03-01 10:00:00+00' as at) as now
    where public.used_until(used, rate, 3, at)
      <> public.used_until(public.used_until(public.used_until(used, rate, 1, at), rate, 1, at), rate, 1, at)
  $$, 'what is taken out of a bucket together is what it is one by one, to the microsecond'
);

select * from finish();
rollback;
