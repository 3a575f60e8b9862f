-- What is free needs no key at OpenRouter; everything else that stands against a request still does.
begin;
select plan(22);

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;

-- A request of a DID that has no account, with what a test is not about filled in.
create function pg_temp.answer(
  n integer, metered boolean default false, message text default null,
  issued_at timestamptz default null, generations text[] default '{}'
) returns jsonb language sql as $$
  select public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(n), 'did', 'did:key:fresh', 'method', 'POST', 'endpoint', '/models',
    'metered', metered, 'message_hash', encode(sha256(message::bytea), 'hex'),
    'message_expires_at', now() + interval '6 minutes', 'token_issued_at', issued_at,
    'owned_generations', generations, 'may_lack_key', true
  ));
$$;
create function pg_temp.decision(
  n integer, metered boolean default false, message text default null,
  issued_at timestamptz default null, generations text[] default '{}'
) returns text language sql
return pg_temp.answer(n, metered, message, issued_at, generations) ->> 'decision';

set local role service_role;

select is(
  pg_temp.answer(1) - 'request_time',
  '{"decision": "admitted", "encrypted_api_key": null, "openrouter_key_hash": null, "new_limit": null}',
  'a DID without a key is admitted to what is free, without one'
);
select is_empty('select from public.user_api_keys', 'it has no account after that');
select is_empty('select from public.key_provisioning', 'and nobody is making it one');
select is_empty('select from public.request_logs', 'what is free has no row');

-- What may cost.
select is(
  pg_temp.decision(10, metered => true, message => 'm10'), 'needs_provisioning',
  'what may cost needs a key first'
);
select is_empty('select from public.accepted_messages', 'and its message is not remembered before');

-- Replay.
select is(pg_temp.decision(20, message => 'm20'), 'admitted', 'a message for something free is accepted');
select is(pg_temp.decision(21, message => 'm20'), 'replayed', 'once');
select is(
  pg_temp.decision(22, metered => true, message => 'm20'), 'needs_provisioning',
  'a call that needs a key first is judged after that'
);

-- Generations.
insert into public.request_logs (id, did, method, endpoint, generation_id)
values
  (pg_temp.request(30), 'did:key:alice', 'POST', '/videos', 'job-alice'),
  (pg_temp.request(31), 'did:key:fresh', 'POST', '/videos', 'job-1'),
  (pg_temp.request(32), 'did:key:fresh', 'POST', '/videos', 'job-2');
select is(
  pg_temp.decision(33, generations => '{job-alice}', message => 'm33'), 'not_owned',
  'a DID without a key owns nothing of others'
);
select is(
  pg_temp.decision(34, metered => true, generations => '{job-alice}'), 'not_owned',
  'a call that names what is not its own gets no key for it'
);
select is(
  pg_temp.decision(36, metered => true, generations => '{job-1,job-alice,job-2}'), 'not_owned',
  'all that a request names must be its own'
);
select is(
  pg_temp.decision(37, generations => '{job-1,job-alice}'), 'not_owned',
  'also the last of them'
);
select is(
  pg_temp.decision(38, generations => '{job-alice,job-1}'), 'not_owned',
  'and the first'
);
select is(
  pg_temp.decision(39, generations => array[null]::text[]), 'not_owned', 'null is nobody''s'
);
select is(
  pg_temp.decision(40, generations => '{job-2,job-1,job-1}'), 'admitted',
  'several of its own are admitted'
);
select is(
  pg_temp.decision(41, metered => true, generations => '{job-2,job-1}'), 'needs_provisioning',
  'for a call as for what is free'
);
select is(
  pg_temp.decision(42, message => 'm33'), 'admitted',
  'a message refused for its generation is not remembered'
);

-- DID tokens and disabled DIDs.
insert into public.did_policies (did, tokens_valid_after) values ('did:key:fresh', '2026-11-22 10:00:00+00');
select is(
  pg_temp.decision(50, issued_at => '2026-11-22 09:59:59+00', generations => '{job-alice}'), 'token_revoked',
  'a revoked token is refused what is free, before anything else'
);
select is(
  pg_temp.decision(51, issued_at => '2026-11-22 10:00:00+00'), 'admitted', 'one that is not is admitted'
);
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, status)
values ('did:key:fresh', 'hash', 'sealed', 'fresh', 'disabled');
select is(pg_temp.decision(60), 'access_denied', 'a disabled DID is refused what is free');
update public.user_api_keys set status = 'active';
select is(
  pg_temp.answer(61) ->> 'encrypted_api_key', 'sealed', 'a DID that has a key gets it for what is free as well'
);

select * from finish();
rollback;
