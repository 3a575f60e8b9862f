-- What DIDs share at OpenRouter is for the operator to open.
begin;
select plan(21);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, status)
values
  ('did:key:alice', 'hash a', 'sealed a', 'alice', 'active'),
  ('did:key:carol', 'hash c', 'sealed c', 'carol', 'disabled');
insert into public.did_policies (did, tokens_valid_after) values ('did:key:alice', '2026-11-22 10:00:00+00');

-- A metered call with what a test is not about filled in.
create function pg_temp.answer(
  features text[], did text default 'did:key:alice', message text default 'm',
  issued_at timestamptz default null, generations text[] default '{}', metered boolean default true
) returns jsonb language sql as $$
  select public.admit_request(jsonb_build_object(
    'request_id', gen_random_uuid(), 'did', did, 'method', 'POST', 'endpoint', '/responses',
    'metered', metered, 'message_hash', encode(sha256(message::bytea), 'hex'),
    'message_expires_at', now() + interval '6 minutes', 'token_issued_at', issued_at,
    'idempotency_key', message, 'body_hash', 'ab', 'owned_generations', generations,
    'shared_features', features, 'server_tools', '{}'::text[], 'may_lack_key', true
  ));
$$;
create function pg_temp.refusal(feature text) returns jsonb language sql
return jsonb_build_object('decision', 'feature_not_allowed', 'feature', feature);

set local role service_role;

select is(
  (select shared_features from public.gateway_settings), '{}'::text[], 'nothing is open by default'
);
select is(
  pg_temp.answer('{preset}'), pg_temp.refusal('preset'), 'what is not open is refused, by its name'
);
select is(
  pg_temp.answer('{file,container}'), pg_temp.refusal('file'), 'of several, the first one that was asked for'
);
select is(
  pg_temp.answer('{preset}', metered => false), pg_temp.refusal('preset'),
  'also where what is asked for is free'
);
select is(
  pg_temp.answer('{preset}', 'did:key:fresh'), pg_temp.refusal('preset'),
  'a DID without a key is refused before one is made'
);
select is(
  pg_temp.answer('{preset}', generations => '{gen-none}'), pg_temp.refusal('preset'),
  'and before its generations are looked for'
);
select is_empty('select from public.request_logs', 'a refusal leaves no row');
select is_empty('select from public.accepted_messages', 'no message');
select is_empty('select from public.idempotency_keys', 'no Idempotency-Key');
select is_empty('select from public.key_provisioning', 'and nobody is making a key');

select is(
  pg_temp.answer('{preset}', issued_at => '2026-11-22 09:59:59+00') ->> 'decision', 'token_revoked',
  'a revoked token is refused before'
);
select is(
  pg_temp.answer('{preset}', 'did:key:carol') ->> 'decision', 'access_denied',
  'and so is a disabled DID'
);

update public.gateway_settings set shared_features = '{container,openrouter:bash}';
select is(
  pg_temp.answer('{openrouter:bash,container,openrouter:bash}') ->> 'decision', 'admitted',
  'what the operator opens is admitted, with the message that was refused before'
);
select is(
  pg_temp.answer('{container,file,preset}', message => 'm2'), pg_temp.refusal('file'),
  'the first one that is not open is named'
);
select is(
  pg_temp.answer('{Container}', message => 'm2'), pg_temp.refusal('Container'), 'names are exact'
);
select is(
  pg_temp.answer('{no such feature}', message => 'm2'), pg_temp.refusal('no such feature'),
  'what nobody knows is not open'
);
select is(
  pg_temp.answer(array['container', null], message => 'm2'), pg_temp.refusal(null),
  'nor is what has no name'
);
select is(pg_temp.answer('{}', message => 'm3') ->> 'decision', 'admitted', 'who asks for none is admitted');

select throws_ok(
  $$ update public.gateway_settings set shared_features = '{container,files}' $$, '23514', null,
  'the operator can open only what there is'
);
select throws_ok(
  $$ update public.gateway_settings set shared_features = array['container', null] $$, '23514', null,
  'and nothing without a name'
);
select lives_ok(
  $$ update public.gateway_settings
    set shared_features = '{openrouter:files,openrouter:shell,openrouter:bash,container,file,preset,vector_store}' $$,
  'and all of it'
);

select * from finish();
rollback;
