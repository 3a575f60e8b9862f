-- The decision on a request, and the row that books it.
begin;
select plan(71);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, status)
values
  ('did:key:alice', 'hash a', 'sealed a', 'alice', 'active'),
  ('did:key:bob', 'hash b', 'sealed b', 'bob', 'active'),
  ('did:key:carol', 'hash c', 'sealed c', 'carol', 'disabled');

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;

create function pg_temp.hash(message text) returns text language sql
return encode(sha256(message::bytea), 'hex');

-- A metered chat with what a test is not about filled in.
create function pg_temp.decision(
  n integer, did text, message text default null, issued_at timestamptz default null,
  generation text default null, idempotency_key text default null, body text default '{}',
  metered boolean default true
) returns text language sql as $$
  select public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(n), 'did', did, 'method', 'POST', 'endpoint', '/chat/completions',
    'metered', metered, 'message_hash', pg_temp.hash(message),
    'message_expires_at', now() + interval '6 minutes', 'token_issued_at', issued_at,
    'owned_generations', array_remove(array[generation], null), 'idempotency_key', idempotency_key,
    'body_hash', pg_temp.hash(body)
  )) ->> 'decision';
$$;

set local role service_role;

-- Admission.
create temporary table admitted on commit drop as
select public.admit_request(jsonb_build_object(
  'request_id', pg_temp.request(1), 'did', 'did:key:alice', 'method', 'POST',
  'endpoint', '/chat/completions', 'metered', true, 'model', 'openai/gpt-4o-mini', 'streaming', true
)) as answer;
select is(answer ->> 'decision', 'admitted', 'an active DID is admitted') from admitted;
select is(answer ->> 'encrypted_api_key', 'sealed a', 'with its own key') from admitted;
select is(answer ->> 'openrouter_key_hash', 'hash a', 'and that key''s name') from admitted;
select results_eq(
  $$ select did, method, endpoint, model, streaming, status, response_time, total_cost
    from public.request_logs where id = pg_temp.request(1) $$,
  $$ values ('did:key:alice', 'POST', '/chat/completions', 'openai/gpt-4o-mini', true,
    'pending', null::timestamptz, null::numeric) $$,
  'its row is pending before anything is forwarded'
);
select is(
  (select request_time from public.request_logs where id = pg_temp.request(1)),
  (select (answer ->> 'request_time')::timestamptz from admitted),
  'the answer names the row''s time to the microsecond'
);
select is(pg_temp.decision(2, 'did:key:alice', metered => false), 'admitted', 'what is free is admitted');
select is_empty(
  'select from public.request_logs where id = pg_temp.request(2)', 'what is free has no row'
);

-- Refusals.
select is(pg_temp.decision(10, 'did:key:new', 'm10'), 'needs_provisioning', 'a new DID needs a key first');
select is(pg_temp.decision(11, 'did:key:carol', 'm11'), 'access_denied', 'a disabled DID is refused');
select is(
  pg_temp.decision(12, 'did:key:carol', metered => false), 'access_denied',
  'a disabled DID is refused what is free as well'
);
select is_empty(
  'select from public.request_logs where id <> pg_temp.request(1)', 'refusals leave no row'
);
select is_empty('select from public.accepted_messages', 'refused messages are not remembered');
update public.user_api_keys set status = 'active' where did = 'did:key:carol';
select is(
  pg_temp.decision(13, 'did:key:carol', 'm11'), 'admitted',
  'the same message is admitted once its DID is enabled'
);

-- Replay.
select is(pg_temp.decision(20, 'did:key:alice', 'm20'), 'admitted', 'a message is accepted');
select is(pg_temp.decision(21, 'did:key:alice', 'm20'), 'replayed', 'a message is accepted once');
select is_empty(
  'select from public.request_logs where id = pg_temp.request(21)', 'a replay leaves no row'
);
select is(pg_temp.decision(22, 'did:key:alice', 'm22'), 'admitted', 'another message is accepted');
select is(
  pg_temp.decision(23, 'did:key:alice', 'm23', metered => false), 'admitted',
  'a message for something free is accepted'
);
select is(
  pg_temp.decision(24, 'did:key:alice', 'm23', metered => false), 'replayed',
  'a message for something free is accepted once as well'
);
select is(pg_temp.decision(25, 'did:key:alice'), 'admitted', 'what may be repeated is admitted');
select is(pg_temp.decision(26, 'did:key:alice'), 'admitted', 'what may be repeated is admitted again');
update public.accepted_messages set expires_at = now() - interval '1 minute';
select is(
  pg_temp.decision(27, 'did:key:alice', 'm20'), 'replayed',
  'a message counts as seen for as long as it is remembered'
);

-- DID tokens.
insert into public.did_policies (did, tokens_valid_after) values
  ('did:key:alice', '2026-11-22 10:00:00+00'), ('did:key:bob', null);
select is(
  pg_temp.decision(30, 'did:key:alice', issued_at => '2026-11-22 09:59:59+00'), 'token_revoked',
  'a token from before the revocation is refused'
);
select is(
  pg_temp.decision(31, 'did:key:alice', issued_at => '2026-11-22 10:00:00+00'), 'admitted',
  'a token from the instant of the revocation is admitted'
);
select is(pg_temp.decision(32, 'did:key:alice'), 'admitted', 'a revocation does not concern signatures');
select is(
  pg_temp.decision(33, 'did:key:bob', issued_at => '2026-11-22 09:59:59+00'), 'admitted',
  'a policy without a revocation refuses nothing'
);
select is(
  public.token_is_revoked('did:key:alice', '2026-11-22 09:59:59+00'), true,
  'token_is_revoked says the same of an old token'
);
select is(
  public.token_is_revoked('did:key:alice', '2026-11-22 10:00:00+00'), false,
  'token_is_revoked says the same of a new one'
);
select is(public.token_is_revoked('did:key:bob', '2026-11-22 09:59:59+00'), false, 'and of none of another DID''s');

-- Generations.
update public.request_logs set generation_id = 'gen-alice' where id = pg_temp.request(1);
select is(
  pg_temp.decision(40, 'did:key:alice', generation => 'gen-alice', metered => false), 'admitted',
  'a DID may look at its own generation'
);
select is(
  pg_temp.decision(41, 'did:key:bob', 'm41', generation => 'gen-alice', metered => false), 'not_owned',
  'a DID may not look at another''s'
);
select is(
  pg_temp.decision(42, 'did:key:bob', generation => 'gen-none', metered => false), 'not_owned',
  'what nobody made is nobody''s'
);
select is(
  pg_temp.decision(43, 'did:key:bob', 'm41', metered => false), 'admitted',
  'a message refused for its generation is not remembered'
);

-- Idempotency keys.
select is(
  pg_temp.decision(50, 'did:key:alice', idempotency_key => 'k'), 'admitted',
  'the first request with an idempotency key is admitted'
);
select is(
  public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(51), 'did', 'did:key:alice', 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true, 'idempotency_key', 'k',
    'body_hash', pg_temp.hash('{}')
  )),
  jsonb_build_object('decision', 'duplicate', 'request_id', pg_temp.request(50)),
  'the second one is told which request it repeats'
);
select is_empty(
  'select from public.request_logs where id = pg_temp.request(51)', 'a duplicate leaves no row'
);
select is(pg_temp.decision(54, 'did:key:alice', 'm54', idempotency_key => 'k'), 'duplicate', 'whoever signs it');
select is(
  pg_temp.decision(55, 'did:key:alice', 'm54', idempotency_key => 'k'), 'duplicate',
  'a message refused as a duplicate is not remembered'
);
select is(pg_temp.decision(56, 'did:key:alice', 'm20'), 'replayed', 'all others still are');
select is(
  pg_temp.decision(52, 'did:key:alice', idempotency_key => 'k', body => '{"other":1}'), 'admitted',
  'another body is another request'
);
select is(
  pg_temp.decision(53, 'did:key:bob', idempotency_key => 'k'), 'admitted',
  'another DID''s idempotency keys are its own'
);
select is(pg_temp.decision(56, 'did:key:alice', idempotency_key => 'other'), 'admitted', 'and so is another key');
select is(
  public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(57), 'did', did, 'method', 'POST', 'endpoint', '/chat/completions', 'metered', true,
    'idempotency_key', key, 'body_hash', pg_temp.hash(body)
  )),
  jsonb_build_object('decision', 'duplicate', 'request_id', pg_temp.request(first)), 'each is told its own first request: ' || first
)
from (values
  ('did:key:alice', 'k', '{}', 50), ('did:key:alice', 'k', '{"other":1}', 52), ('did:key:bob', 'k', '{}', 53), ('did:key:alice', 'other', '{}', 56)
) as sent_again (did, key, body, first);
select is(pg_temp.decision(58, 'did:key:alice', 'm20'), 'replayed', 'and every other message is remembered');
-- A key that was in use when its row was to be inserted, and is given back before it is looked for.
create function pg_temp.in_use_once() returns trigger language plpgsql as $$
begin
  if current_setting('test.was_in_use', true) = 'yes' then
    return new;
  end if;
  perform set_config('test.was_in_use', 'yes', true);
  return null;
end;
$$;
reset role;
create trigger in_use_once before insert on public.idempotency_keys for each row execute function pg_temp.in_use_once();
set local role service_role;
select is(pg_temp.decision(59, 'did:key:alice', idempotency_key => 'given back'), 'admitted', 'a key that is given back meanwhile is free');
reset role;
drop trigger in_use_once on public.idempotency_keys;
set local role service_role;
select is(
  (select request_id from public.idempotency_keys where idempotency_key = 'given back'), pg_temp.request(59), 'and taken'
);

-- Models that a list does not have.
select is(
  public.model_not_in(models, '{openai/*, anthropic/claude-opus-4.5, x-ai/grok-4}'), missing, coalesce(models::text, 'null') || ' lacks ' || coalesce(quote_literal(missing), 'nothing')
)
from (values
  ('{anthropic/claude-opus-4.5, x-ai/grok-4}'::text[], null), ('{openai/gpt-4o:free, openai/o3}', null), ('{}', null), (null, null),
  ('{openai/o3, x-ai/grok-3, x-ai/grok-2}', 'x-ai/grok-3'), ('{x-ai/grok-4:free}', 'x-ai/grok-4:free'), ('{anthropic/claude}', 'anthropic/claude'),
  ('{openai/x@preset/y}', 'openai/x@preset/y'), ('{openai/x/y}', 'openai/x/y'), ('{openai/}', 'openai/'), ('{openai/x:}', 'openai/x:'), ('{openaix/y}', 'openaix/y'),
  ('{o3}', 'o3'), ('{openai}', 'openai'), (array[null], ''), ('{""}', '')
) as asked (models, missing);
select public.set_limits('did:key:bob', allowed_models => '{openai/*}');
select is(
  public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(70), 'did', 'did:key:bob', 'method', 'POST', 'endpoint', '/chat/completions', 'metered', true
  ) || asked), refusal || '{"decision": "model_not_allowed"}', 'whoever asks for it is told ' || refusal::text
)
from (values
  ('{"models": ["openai/o3", "x-ai/grok-3"]}'::jsonb, '{"model": "x-ai/grok-3"}'::jsonb), ('{"models": ["openai/o3"], "runs_unnamed": "a preset"}', '{"why": "a preset"}'),
  ('{}', '{"why": "no model is named"}')
) as refused (asked, refusal);
select public.set_limits('did:key:bob', clear => '{allowed_models}');

-- Limits that the operator changed.
select is(answer ->> 'new_limit', null, 'there is no news of an unchanged limit') from admitted;
update public.user_api_keys set credit_limit = 2.50 where did = 'did:key:bob';
select is(
  public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(60), 'did', 'did:key:bob', 'method', 'GET', 'endpoint', '/models',
    'metered', false
  )) -> 'new_limit',
  '{"may_wait": false, "credit_limit": "2.50", "credit_limit_reset": null}',
  'a limit that OpenRouter does not know yet comes with the admission'
);

select is(
  (public.admit_request(jsonb_build_object(
    'request_id', pg_temp.request(89), 'did', 'did:key:bob', 'method', 'POST', 'endpoint', '/chat/completions', 'metered', true
  )) ->> 'request_time')::timestamptz, now(), 'a request has the time of its transaction'
);

select * from finish();
rollback;
