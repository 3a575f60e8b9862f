-- Of any number of claimants at a time one creates a DID's key, and what a dead one left is known.
begin;
-- In which instants are told here.
set local timezone = 'UTC';
select plan(59);

create function pg_temp.attempt(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
create function pg_temp.claim(
  did text, n integer, broken text default null, lease interval default '1 minute'
) returns text language sql as $$
  select public.claim_key_provisioning(did, pg_temp.attempt(n), broken, lease) ->> 'state';
$$;
create function pg_temp.complete(did text, n integer, key text) returns boolean language sql
return public.complete_key_provisioning(did, pg_temp.attempt(n), 'hash ' || key, 'sealed ' || key, key);
-- The lease as it is when its holder has died and its time has passed.
create function pg_temp.let_lease_pass(p_did text) returns void language sql as $$
  update public.key_provisioning
  set first_claimed_at = '2026-03-10 10:00:00.123456+00', expires_at = '2026-03-10 10:01:00+00'
  where did = p_did;
$$;

set local role service_role;

-- The ordinary way.
select is(
  public.claim_key_provisioning('did:key:alice', pg_temp.attempt(1)),
  '{"state": "claimed", "credit_limit": null, "credit_limit_reset": null, "orphans_since": null}',
  'the first claimant may create the key, without a limit by default'
);
-- Longer than the calls that it covers, and what the gateway relies on: it names no lease of its own.
select ok(
  (
    select expires_at - clock_timestamp() between '50 seconds' and '60 seconds' and expires_at - now() > '60 seconds'
    from public.key_provisioning where did = 'did:key:alice'
  ),
  'for a minute from when it is taken'
);
select is(pg_temp.claim('did:key:alice', 2), 'in_progress', 'the second one waits');
select is(pg_temp.claim('did:key:bob', 3), 'claimed', 'another DID has a lease of its own');
select is(
  pg_temp.complete('did:key:alice', 2, 'a2'), false, 'who does not hold the lease stores no key'
);
select is_empty('select from public.user_api_keys', 'there is no key yet');
select is(
  public.complete_key_provisioning(
    'did:key:alice', pg_temp.attempt(1), 'hash a', 'sealed a', 'gateway:alice', '12.5', 'monthly'
  ),
  true, 'the holder stores its key'
);
select results_eq(
  $$ select did, openrouter_key_hash, encrypted_api_key, key_name, credit_limit, credit_limit_reset,
      applied_credit_limit, applied_credit_limit_reset, status
    from public.user_api_keys $$,
  $$ values ('did:key:alice', 'hash a', 'sealed a', 'gateway:alice', null::numeric, null::text, 12.5, 'monthly',
    'active') $$,
  'as it was created, with the limit that OpenRouter knows'
);
select is_empty(
  $$ select from public.key_provisioning where did = 'did:key:alice' $$, 'and the lease ends'
);
select is(
  pg_temp.complete('did:key:alice', 1, 'a'), true, 'who did not hear the answer may ask again'
);
select is((select count(*) from public.user_api_keys), 1::bigint, 'and stores nothing twice');
select is(
  pg_temp.complete('did:key:alice', 1, 'other'), false, 'but not with another key'
);
select is(pg_temp.claim('did:key:alice', 4), 'provisioned', 'from then on nobody creates another key');
select is_empty(
  $$ select from public.key_provisioning where did = 'did:key:alice' $$,
  'and a claim in vain leaves no lease'
);

-- The operator's defaults.
update public.gateway_settings
set default_credit_limit = 0.10, default_credit_limit_reset = 'weekly';
select is(
  public.claim_key_provisioning('did:key:carol', pg_temp.attempt(5)),
  '{"state": "claimed", "credit_limit": "0.10", "credit_limit_reset": "weekly", "orphans_since": null}',
  'a new key gets the default limit, as decimals'
);

-- A claimant that dies.
select is(pg_temp.claim('did:key:dave', 6), 'claimed', 'a claimant that dies');
select is(pg_temp.claim('did:key:dave', 7), 'in_progress', 'holds its lease');
select pg_temp.let_lease_pass('did:key:dave');
select is(
  public.claim_key_provisioning('did:key:dave', pg_temp.attempt(7)) ->> 'orphans_since',
  '2026-03-10T10:00:00.123456+00:00',
  'until it expires; the next one is told since when a key may have been left'
);
select is(pg_temp.claim('did:key:dave', 8), 'in_progress', 'which holds the lease anew');
select is(
  pg_temp.complete('did:key:dave', 6, 'd6'), false, 'who lost its lease stores no key, late as it is'
);
select is_empty(
  $$ select from public.user_api_keys where did = 'did:key:dave' $$, 'there is no key yet'
);
select is(pg_temp.complete('did:key:dave', 7, 'd7'), true, 'who took it over does');
select is(
  pg_temp.complete('did:key:dave', 6, 'd6'), false, 'and the late one is told again to delete its own'
);
select is(
  (select openrouter_key_hash from public.user_api_keys where did = 'did:key:dave'), 'hash d7',
  'one key is left'
);

select is(pg_temp.claim('did:key:erin', 9, lease => '-1 second'), 'claimed', 'a lease lasts as long');
select is(pg_temp.claim('did:key:erin', 10), 'claimed', 'as the claimant says');
select is(pg_temp.complete('did:key:erin', 9, 'e'), false, 'and not longer');
select is(
  pg_temp.claim('did:key:erin', 36, lease => '0 seconds') || ' ' || pg_temp.claim('did:key:ernest', 37, lease => '0 seconds') || ' '
    || pg_temp.claim('did:key:ernest', 38), 'in_progress claimed claimed', 'by the clock, however long a transaction lasts'
);

-- A claimant that fails.
select is(pg_temp.claim('did:key:frank', 11), 'claimed', 'a claimant that fails');
select public.release_key_provisioning('did:key:frank', pg_temp.attempt(12));
select is(
  pg_temp.claim('did:key:frank', 13), 'in_progress', 'keeps its lease when another one gives it back'
);
select public.release_key_provisioning('did:key:frank', pg_temp.attempt(12), true);
select is(
  pg_temp.claim('did:key:frank', 13), 'in_progress', 'be it with a possible orphan'
);
select public.release_key_provisioning('did:key:frank', pg_temp.attempt(11));
select is(
  public.claim_key_provisioning('did:key:frank', pg_temp.attempt(14)) - '{credit_limit, credit_limit_reset}'::text[],
  '{"state": "claimed", "orphans_since": null}',
  'gives it back, and nothing was left'
);
select pg_temp.let_lease_pass('did:key:frank');
select public.release_key_provisioning('did:key:frank', pg_temp.attempt(14), true);
select is(
  public.claim_key_provisioning('did:key:frank', pg_temp.attempt(15)) ->> 'orphans_since',
  '2026-03-10T10:00:00.123456+00:00',
  'or gives it back at once and tells of what may have been left'
);

-- A key that OpenRouter no longer takes.
update public.user_api_keys
set credit_limit = 3, credit_limit_reset = 'daily' where did = 'did:key:alice';
select is(
  pg_temp.claim('did:key:alice', 16, 'hash of an older key'), 'provisioned',
  'a key that was replaced already is not replaced again'
);
select is(
  public.claim_key_provisioning('did:key:alice', pg_temp.attempt(17), 'hash a'),
  '{"state": "claimed", "credit_limit": "3", "credit_limit_reset": "daily", "orphans_since": null}',
  'a broken key is replaced under its own limit'
);
select is(
  pg_temp.claim('did:key:alice', 18, 'hash a'), 'in_progress', 'by one claimant at a time'
);
create temporary table before on commit drop as
select id from public.user_api_keys where did = 'did:key:alice';
select is(
  public.complete_key_provisioning(
    'did:key:alice', pg_temp.attempt(17), 'hash b', 'sealed b', 'gateway:alice', '3', 'daily'
  ),
  true, 'which stores the new one'
);
select results_eq(
  $$ select id, openrouter_key_hash, encrypted_api_key, key_name, credit_limit, applied_credit_limit,
      applied_credit_limit_reset from public.user_api_keys where did = 'did:key:alice' $$,
  $$ select id, 'hash b', 'sealed b', 'gateway:alice', 3::numeric, 3::numeric, 'daily' from before $$,
  'in the same account, with what OpenRouter was told'
);
select results_eq(
  'select did, openrouter_key_hash from public.retired_api_keys',
  $$ values ('did:key:alice', 'hash a') $$,
  'the old one is retired'
);
select is(pg_temp.claim('did:key:alice', 18, 'hash a'), 'provisioned', 'and stays so');

-- A DID that is disabled.
update public.user_api_keys set status = 'disabled' where did = 'did:key:alice';
select is(pg_temp.claim('did:key:alice', 19, 'hash b'), 'disabled', 'a disabled DID gets no other key');
select is_empty(
  $$ select from public.key_provisioning where did = 'did:key:alice' $$, 'and no lease'
);
update public.user_api_keys set status = 'active' where did = 'did:key:alice';
select is(pg_temp.claim('did:key:alice', 20, 'hash b'), 'claimed', 'a DID that is disabled');
update public.user_api_keys set status = 'disabled' where did = 'did:key:alice';
select is(
  pg_temp.complete('did:key:alice', 20, 'c'), false, 'while its key is being replaced'
);
select is(
  (select openrouter_key_hash from public.user_api_keys where did = 'did:key:alice'), 'hash b',
  'keeps the one it had'
);
-- A row that is locked, and was not changed, names the transaction in xmax.
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, status)
values ('did:key:held', 'hash held', 'sealed', 'held', 'disabled');
insert into public.key_provisioning (did, attempt_id, expires_at) values ('did:key:held', pg_temp.attempt(20), now());
select pg_temp.complete('did:key:held', 20, 'c');
select is(
  (select xmax from public.user_api_keys where did = 'did:key:held'), pg_current_xact_id()::xid, 'and nobody enables it meanwhile'
);

-- Limits that OpenRouter was told.
select is(
  public.record_key_limit('did:key:alice', 'hash a', '9'), false,
  'a limit is not noted for a key that is gone'
);
select is(public.record_key_limit('did:key:alice', 'hash b', '9.00', 'monthly'), true, 'it is for the present one');
select results_eq(
  $$ select applied_credit_limit::text, applied_credit_limit_reset, credit_limit
    from public.user_api_keys where did = 'did:key:alice' $$,
  $$ values ('9.00', 'monthly', 3::numeric) $$,
  'as what OpenRouter knows, beside what it shall be'
);
select is(public.record_key_limit('did:key:nobody', 'hash b'), false, 'nor for a DID without one');

-- An account that somebody deletes.
set local role service_role;
delete from public.user_api_keys where did = 'did:key:alice';
reset role;
select results_eq(
  $$ select openrouter_key_hash, credit_limit from public.retired_api_keys where did = 'did:key:alice' order by retired_at, openrouter_key_hash $$,
  $$ values ('hash a', 3::numeric), ('hash b', 3) $$,
  'leaves its key among those that the DID had, whose spending still counts'
);
select is(pg_temp.claim('did:key:alice', 30, 'hash b'), 'claimed', 'and is made anew by the next call, or by one that still had it');

-- All that a key leaves, and all that takes its place.
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, credit_limit, credit_limit_reset, created_at)
values ('did:key:zoe', 'hash z', 'sealed z', 'named z', 3, 'weekly', '2026-01-01 00:00:00+00');
select is(pg_temp.claim('did:key:zoe', 31, 'hash z'), 'claimed', 'a key that OpenRouter no longer takes');
select is(
  public.complete_key_provisioning('did:key:zoe', pg_temp.attempt(31), 'hash d', 'sealed d', 'named d', '12.5', 'monthly'), true, 'is replaced'
);
select results_eq(
  $$ select did, openrouter_key_hash, key_name, credit_limit, created_at, retired_at from public.retired_api_keys where did = 'did:key:zoe' $$,
  $$ values ('did:key:zoe', 'hash z', 'named z', 3::numeric, timestamptz '2026-01-01 00:00:00+00', now()) $$, 'it is kept as it was'
);
select results_eq(
  $$ select openrouter_key_hash, encrypted_api_key, key_name, credit_limit, credit_limit_reset, applied_credit_limit, applied_credit_limit_reset,
      status, created_at, updated_at from public.user_api_keys where did = 'did:key:zoe' $$,
  $$ values ('hash d', 'sealed d', 'named d', 3::numeric, 'weekly', 12.5::numeric, 'monthly', 'active', now(), now()) $$,
  'and the account is of the new one, with the operator''s limit'
);

-- A claim in vain, of a DID that has its key: by an attempt that took the lease, and by one that did not.
insert into public.key_provisioning (did, attempt_id, expires_at)
values ('did:key:other', pg_temp.attempt(40), now() + interval '1 minute'), ('did:key:zoe', pg_temp.attempt(41), now() + interval '1 minute');
create function pg_temp.leases() returns text language sql as $$
  select string_agg(right(did, -8) || ltrim(right(attempt_id::text, 12), '0'), ', ' order by did) from public.key_provisioning
  where did in ('did:key:other', 'did:key:zoe');
$$;
select is(
  public.claim_key_provisioning('did:key:zoe', pg_temp.attempt(40)), '{"state": "provisioned", "encrypted_api_key": "sealed d"}', 'who comes when a key is there gets it'
);
select is(pg_temp.leases(), 'other40, zoe41', 'and ends no lease but its own, of its own DID');
select is(pg_temp.complete('did:key:other', 39, 'd'), false, 'nor has a DID the key that another one has');

select * from finish();
rollback;
