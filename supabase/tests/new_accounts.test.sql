-- First keys are made within limits: so many new DIDs a day, so many a minute.
begin;
select plan(82);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:known', 'hash known', 'sealed', 'known');

create function pg_temp.attempt(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
create function pg_temp.claim(name text, n integer, broken text default null) returns text language sql as $$
  select concat_ws(' ', answer ->> 'state', answer ->> 'why', case when answer ? 'alerted' then 'alerted' end)
  from public.claim_key_provisioning('did:key:' || name, pg_temp.attempt(n), broken) as answer;
$$;
create function pg_temp.complete(name text, n integer) returns boolean language sql
return public.complete_key_provisioning('did:key:' || name, pg_temp.attempt(n), 'hash ' || name, 'sealed', name);
create function pg_temp.release(name text, n integer, orphan boolean default false) returns void language sql
return public.release_key_provisioning('did:key:' || name, pg_temp.attempt(n), orphan);
-- The lease as it is when its holder has died and its time has passed.
create function pg_temp.let_lease_pass(name text) returns void language sql as $$
  update public.key_provisioning
  set first_claimed_at = now() - interval '2 minutes', expires_at = now() - interval '1 minute'
  where did = 'did:key:' || name;
$$;
create function pg_temp.counted() returns integer language sql as $$
  select day_new_accounts from public.budgets where did = '*';
$$;
create function pg_temp.count(at timestamptz) returns jsonb language sql as $$
  select public.count_new_account(settings, at) from public.gateway_settings as settings;
$$;
create function pg_temp.alerts() returns text language sql as $$
  select string_agg(concat_ws(' ', did, period_start - (now() at time zone 'utc')::date, threshold, limit_value, reached), ', ' order by period_start, threshold)
  from public.budget_alerts where kind = 'new_accounts';
$$;

delete from public.budgets;
set local role service_role;

-- Without limits.
select is(pg_temp.claim('zoe', 100), 'claimed', 'where no limit is set every DID gets a key');
select is(pg_temp.counted(), 1, 'and is counted');
select is(
  (select counted_on from public.key_provisioning where did = 'did:key:zoe'), (now() at time zone 'utc')::date,
  'on its day'
);
select pg_temp.release('zoe', 100);
select is(pg_temp.counted(), 0, 'it counts no more where no key can have been left');

-- A day's.
select public.set_gateway_limits(new_accounts_per_day => 4);
select is(pg_temp.claim('alice', 1), 'claimed', 'a new DID');
select is(pg_temp.counted(), 1, 'is counted');
select is(pg_temp.claim('alice', 2), 'in_progress', 'who comes while its key is made');
select pg_temp.let_lease_pass('alice');
select is(pg_temp.claim('alice', 3), 'claimed', 'or takes over from who died');
select pg_temp.release('alice', 3, true);
select is(pg_temp.claim('alice', 4), 'claimed', 'or from who gave up, with a key possibly left');
select is(pg_temp.counted(), 1, 'is not counted again');
select is(pg_temp.alerts(), null, 'a quarter is no reason for an alert');
select pg_temp.complete('alice', 4);
select is(pg_temp.claim('alice', 5), 'provisioned', 'who has a key');
select is(pg_temp.claim('alice', 5, 'hash alice'), 'claimed', 'and gets another one for it');
select is(pg_temp.counted(), 1, 'is no new account');
select pg_temp.release('alice', 5);
select is(pg_temp.counted(), 1, 'and gives back none');
select is(pg_temp.claim('known', 6, 'hash known'), 'claimed', 'nor is one from before');
select is(pg_temp.counted(), 1, 'so that it is not counted');
select is(pg_temp.claim('bob', 7), 'claimed alerted', 'half of a day''s is a reason');
select is(pg_temp.alerts(), '* 0 50 4 2', 'for an alert');
select pg_temp.release('bob', 99);
select is(pg_temp.counted(), 2, 'who does not hold the lease gives nothing back');
select pg_temp.release('bob', 7, true);
select is(pg_temp.counted(), 2, 'nor does who may have left a key');
select is(pg_temp.claim('bob', 8), 'claimed', 'the next attempt finds out');
select pg_temp.release('bob', 8);
select is(pg_temp.counted(), 1, 'and when there is none, there is room again');
select pg_temp.release('bob', 8);
select is(pg_temp.counted(), 1, 'once');
select is(pg_temp.claim('bob', 9), 'claimed', 'the same threshold again');
select is(pg_temp.alerts(), '* 0 50 4 2', 'is no other alert');
select is(pg_temp.claim('carol', 10), 'claimed', 'three quarters');
select is(pg_temp.claim('dave', 11), 'claimed alerted', 'the last one there is room for');
select is(pg_temp.alerts(), '* 0 50 4 2, * 0 80 4 4, * 0 100 4 4', 'makes all alerts that were passed');
select is(
  public.claim_key_provisioning('did:key:erin', pg_temp.attempt(12)),
  jsonb_build_object('state', 'no_room', 'why', 'day', 'retry_after_ms',
    ceil(extract(epoch from date_trunc('day', now(), 'utc') + interval '1 day' - now()) * 1000)),
  'for another one there is no room until midnight'
);
select is_empty($$ select from public.key_provisioning where did = 'did:key:erin' $$, 'it leaves no lease');
select is(pg_temp.counted(), 4, 'and is not counted');
select is(pg_temp.claim('erin', 13), 'no_room day', 'so that the next one is told the same');
select pg_temp.let_lease_pass('dave');
select is(pg_temp.claim('dave', 14), 'claimed', 'who was counted goes on');
select is(pg_temp.claim('known', 15, 'hash known'), 'in_progress', 'an account that there is');
select pg_temp.release('known', 6);
select is(pg_temp.claim('known', 15, 'hash known'), 'claimed', 'needs no room');
insert into public.key_provisioning (did, attempt_id, expires_at, first_claimed_at)
values ('did:key:old', pg_temp.attempt(16), now() - interval '1 hour', now() - interval '2 hours');
select is(pg_temp.claim('old', 17), 'no_room day', 'who began before accounts were counted needs it');
select is(
  (select first_claimed_at from public.key_provisioning where did = 'did:key:old'), now() - interval '2 hours',
  'and what it may have left is remembered'
);
select public.set_gateway_limits(new_accounts_per_day => 5);
select is(
  public.claim_key_provisioning('did:key:old', pg_temp.attempt(18)) -> 'orphans_since',
  to_jsonb(now() - interval '2 hours'), 'until there is room for it'
);
select is(pg_temp.counted(), 5, 'where it counts');
select is(pg_temp.alerts(), '* 0 50 4 2, * 0 80 4 4, * 0 100 4 4', 'a limit that is raised makes no alert of the day again');
select public.set_gateway_limits(new_accounts_per_day => 0);
select is(pg_temp.claim('erin', 19), 'no_room none', 'there can be no room at all, on no day');
select is(pg_temp.claim('dave', 14), 'in_progress', 'but for who is at it');
select is(pg_temp.complete('dave', 14), true, 'and may end');

-- A call that limits refuse makes no key.
select is(
  public.enter_admission(jsonb_populate_record(null::public.admission, jsonb_build_object(
    'request_id', pg_temp.attempt(1), 'did', 'did:key:erin', 'method', 'POST', 'endpoint', '/chat/completions',
    'metered', true, 'estimate', jsonb_build_array(jsonb_build_object('usd', usd))
  )), now()) ->> 'decision', decision, 'a call of a new DID for $' || usd || ' of $1: ' || decision
)
from public.set_limits('did:key:erin', daily_budget_usd => 1),
  (values ('1', 'needs_provisioning'), ('1.01', 'budget_exceeded')) as calls (usd, decision);

-- The next day.
select public.set_gateway_limits(new_accounts_per_day => 2);
update public.key_provisioning set counted_on = counted_on - 1 where did = 'did:key:carol';
select pg_temp.release('carol', 10);
select is(pg_temp.counted(), 5, 'what was counted on another day gives nothing back to this one');
select is(pg_temp.count(now() + interval '1 day'), '{"alerted": true}', 'the next day begins with none');
select is(pg_temp.alerts(), '* 0 50 4 2, * 0 80 4 4, * 0 100 4 4, * 1 50 2 1', 'and with alerts of its own');
select is(pg_temp.count(now() + interval '1 day'), '{"alerted": true}', 'to the last');
select is(pg_temp.count(now() + interval '1 day') ->> 'why', 'day', 'and no further');
select is(
  pg_temp.count(date_trunc('day', now(), 'utc') + interval '2 days' - interval '1 millisecond'),
  '{"why": "day", "retry_after_ms": 1}', 'to the end of the day'
);

-- A minute's.
delete from public.budgets;
select public.set_gateway_limits(new_accounts_per_minute => 3, clear => '{new_accounts_per_day}');
select is(
  (select string_agg(pg_temp.claim('m' || n, 100 + n), ' ' order by n) from generate_series(1, 3) as n),
  'claimed claimed claimed', 'so many DIDs get their key in a minute'
);
select is(
  public.claim_key_provisioning('did:key:m4', pg_temp.attempt(104)),
  '{"state": "no_room", "why": "minute", "limit": 3, "remaining": 0, "reset_ms": 60000, "retry_after_ms": 20000}', 'and the next one in a moment'
);
select is_empty($$ select from public.key_provisioning where did = 'did:key:m4' $$, 'without a lease');
select is(pg_temp.counted(), 3, 'and without being counted');
select is(pg_temp.count(now() + interval '19999 milliseconds') ->> 'retry_after_ms', '1', 'not a millisecond earlier');
select is(pg_temp.count(now() + interval '20 seconds'), '{}', 'than it was told');
select is(pg_temp.count(now() + interval '20 seconds') ->> 'why', 'minute', 'and no more than one');
select is(pg_temp.counted(), 4, 'all count in the day, limited or not');
select pg_temp.release('m1', 101);
select is(pg_temp.count(now() + interval '20 seconds') ->> 'why', 'minute', 'who gives the lease back has asked OpenRouter all the same');
select public.set_gateway_limits(new_accounts_per_day => 3);
select is(pg_temp.count(now() + interval '40 seconds') ->> 'why', 'day', 'the day comes first');

-- A new key's limit, and what its account has.
select public.set_gateway_limits(clear => '{new_accounts_per_day, new_accounts_per_minute}');
select public.set_gateway_limits(default_daily_budget_usd => 2, default_monthly_budget_usd => 20);
select is(
  public.claim_key_provisioning('did:key:nina', pg_temp.attempt(200)),
  '{"state": "claimed", "credit_limit": "2", "credit_limit_reset": "daily", "orphans_since": null}',
  'a new key has the tightest budget for its limit'
);
select is(public.complete_key_provisioning('did:key:nina', pg_temp.attempt(200), 'hash nina', 'sealed', 'nina', '2', 'daily'), true, 'which is told');
select results_eq(
  $$ select credit_limit, credit_limit_reset, applied_credit_limit, applied_credit_limit_reset from public.user_api_keys where did = 'did:key:nina' $$,
  $$ values (null::numeric, null::text, 2::numeric, 'daily'::text) $$, 'and not the account''s own, so that it follows the budget'
);
update public.gateway_settings set default_credit_limit = 7, default_credit_limit_reset = 'weekly';
select is(
  public.claim_key_provisioning('did:key:oscar', pg_temp.attempt(201)) - 'orphans_since',
  '{"state": "claimed", "credit_limit": "7", "credit_limit_reset": "weekly"}', 'the operator''s default stands above budgets'
);
select is(public.complete_key_provisioning('did:key:oscar', pg_temp.attempt(201), 'hash oscar', 'sealed', 'oscar', '7', 'weekly'), true, 'and is told');
select results_eq(
  $$ select credit_limit, credit_limit_reset, applied_credit_limit, applied_credit_limit_reset from public.user_api_keys where did = 'did:key:oscar' $$,
  $$ values (7::numeric, 'weekly'::text, 7::numeric, 'weekly'::text) $$, 'as the account''s own'
);

-- Leases that are of one attempt's name: each is its DID's.
update public.gateway_settings set default_credit_limit = null, default_credit_limit_reset = null;
select pg_temp.claim(name, 300) from unnest('{peggy, quentin, rupert}'::text[]) as name;
create function pg_temp.leases() returns text language sql as $$
  select coalesce(string_agg(right(did, -8) || case when expires_at < now() then ' over' else '' end || case when counted_on is null then ' uncounted' else '' end, ', ' order by did), 'none')
  from public.key_provisioning where attempt_id = pg_temp.attempt(300);
$$;
select is(pg_temp.leases(), 'peggy, quentin, rupert', 'three DIDs that get a key');
select public.set_gateway_limits(new_accounts_per_day => 0);
select is(pg_temp.claim('sybil', 300), 'no_room none', 'one for which there is no room');
select is(pg_temp.leases(), 'peggy, quentin, rupert', 'leaves nothing, and the others to themselves');
insert into public.key_provisioning (did, attempt_id, first_claimed_at, expires_at)
values ('did:key:sybil', pg_temp.attempt(299), now() - interval '1 hour', now() - interval '1 minute');
select is(pg_temp.claim('sybil', 300), 'no_room none', 'nor for one that may have left a key');
select is(pg_temp.leases(), 'peggy, quentin, rupert, sybil over uncounted', 'is remembered for that, and no other');
select public.set_gateway_limits(clear => '{new_accounts_per_day}');
update public.key_provisioning set counted_on = null where did = 'did:key:rupert';
select is(pg_temp.claim('sybil', 300), 'claimed', 'one that takes over');
select is(pg_temp.leases(), 'peggy, quentin, rupert uncounted, sybil', 'is counted alone');
select pg_temp.release('peggy', 300, true);
select is(pg_temp.leases(), 'peggy over, quentin, rupert uncounted, sybil', 'one that is given back with a key possibly left is over');
select pg_temp.release('quentin', 300);
select is(pg_temp.leases(), 'peggy over, rupert uncounted, sybil', 'without one it is gone');
select is(pg_temp.complete('rupert', 300), true, 'one that is completed');
select is(pg_temp.leases(), 'peggy over, sybil', 'is gone, too');
select is(pg_temp.complete('peggy', 301), false, 'another attempt completes nothing');
select is(pg_temp.leases(), 'peggy over, sybil', 'and ends nothing');

-- Budgets that somebody has begun anew.
select pg_temp.claim('tina', 400);
update public.budgets set day_new_accounts = 0 where did = '*';
select pg_temp.release('tina', 400);
select is(pg_temp.counted(), 0, 'there are never fewer accounts than none');

select * from finish();
rollback;
