-- Who may call, which models, what of the body, and in which order that is decided.
begin;
select plan(105);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'sealed', name
from unnest('{alice, bob, carol, dave}'::text[]) as name;

create sequence pg_temp.ids;
grant usage on sequence pg_temp.ids to service_role;

-- What is decided about a call: the decision, and why.
create function pg_temp.decision(did text, more jsonb default '{}') returns text language sql as $$
  select concat_ws(' ', answer ->> 'decision',
    coalesce(answer ->> 'why', answer ->> 'model', answer ->> 'feature', answer ->> 'what', answer ->> 'period'))
  from public.enter_admission(
    jsonb_populate_record(null::public.admission, jsonb_build_object(
      'request_id', lpad(nextval('pg_temp.ids')::text, 32, '0')::uuid, 'did', did, 'method', 'POST',
      'endpoint', '/chat/completions', 'metered', true, 'models', '["openai/gpt-4o-mini"]'::jsonb,
      'estimate', '[{"usd": "0.1"}]'::jsonb, 'server_tools', '[]'::jsonb, 'shared_features', '[]'::jsonb
    ) || more), now()
  ) as answer;
$$;

set local role service_role;

-- An open gateway.
select is(pg_temp.decision('did:key:alice'), 'admitted', 'an open gateway lets a DID call');
select is(pg_temp.decision('did:key:new'), 'needs_provisioning', 'one that never called, too');
select lives_ok($$ select public.block_did('did:key:new') $$, 'a DID is blocked before its first call');
select is(pg_temp.decision('did:key:new'), 'access_denied blocked', 'which is refused, and no key is made');
select lives_ok($$ select public.block_did('did:key:alice') $$, 'another one after it');
select is(pg_temp.decision('did:key:alice'), 'access_denied blocked', 'whose next call is refused');
select is(pg_temp.decision('did:key:alice', '{"metered": false}'), 'access_denied blocked', 'be it free');
select is(pg_temp.decision('did:key:bob'), 'admitted', 'others call on');
select lives_ok($$ select public.allow_did('did:key:alice') $$, 'a DID that is allowed again');
select is(pg_temp.decision('did:key:alice'), 'admitted', 'calls at once');
update public.user_api_keys set status = 'disabled' where did = 'did:key:alice';
select is(pg_temp.decision('did:key:alice'), 'access_denied blocked', 'an account that is disabled is blocked, whatever its policy');
select is(pg_temp.decision('did:key:alice', '{"metered": false, "may_lack_key": true}'), 'access_denied blocked', 'for what is free, too');
update public.user_api_keys set status = 'active' where did = 'did:key:alice';

-- A gateway with an allowlist.
select public.set_gateway_limits(access_mode => 'allowlist');
select is(pg_temp.decision('did:key:alice'), 'admitted', 'an allowlist lets call who was allowed');
select is(pg_temp.decision('did:key:bob'), 'access_denied not_allowed', 'and nobody else');
select public.set_limits('did:key:bob', daily_budget_usd => 5);
select is(pg_temp.decision('did:key:bob'), 'access_denied not_allowed', 'not who has limits of its own');
select is(pg_temp.decision('did:key:bob', '{"metered": false, "may_lack_key": true}'), 'access_denied not_allowed', 'not for what is free');
select is(pg_temp.decision('did:key:newer'), 'access_denied not_allowed', 'not who is new');
select public.allow_did('did:key:newer');
select is(pg_temp.decision('did:key:newer'), 'needs_provisioning', 'but who was allowed before its first call');
select public.block_did('did:key:newer');
select is(pg_temp.decision('did:key:newer'), 'access_denied blocked', 'until it is blocked');
select public.set_gateway_limits(access_mode => 'open');
select is(pg_temp.decision('did:key:bob'), 'admitted', 'an open gateway lets everybody call again');
select is(pg_temp.decision('did:key:newer'), 'access_denied blocked', 'but who is blocked');

-- Models.
create function pg_temp.models(did text, variadic models text[]) returns text language sql as $$
  select pg_temp.decision(did, jsonb_build_object('models', models));
$$;
select is(pg_temp.models('did:key:alice', 'any/thing', '@preset/x'), 'admitted', 'where no list is set any model may be named');
select public.set_limits('did:key:alice', allowed_models => '{openai/gpt-4o-mini, google/gemini-2.5-pro:free, anthropic/*}');
select is(pg_temp.models('did:key:alice', model), 'admitted', 'a list has ' || model)
from unnest('{openai/gpt-4o-mini, google/gemini-2.5-pro:free, anthropic/claude-x, anthropic/claude-x:thinking, anthropic/a.b_c-d:e.f}'::text[]) as model;
select is(pg_temp.models('did:key:alice', model), 'model_not_allowed ' || model, 'and has not: ' || to_json(model))
from unnest(array[
  'openai/gpt-4o', 'openai/gpt-4o-mini:free', 'openai/gpt-4o-mini-2024', 'openai/gpt-4o-min', 'google/gemini-2.5-pro',
  'OpenAI/gpt-4o-mini', 'openai/GPT-4o-mini', 'Anthropic/claude-x', 'anthropic', 'anthropic/', 'openai/*', '/claude-x',
  'x/anthropic/claude-x', 'anthropic/claude/x', 'anthropic/claude-x:a:b', 'anthropic/claude-x:', 'anthropic-x/claude',
  'anthropic/claude x', ' anthropic/claude-x', 'anthropic/claude-x ', E'anthropic/claude-x\n', E'x\nanthropic/claude-x',
  '~anthropic/claude-latest', 'anthropic/~claude-latest', 'anthropic/claude-x@preset/y', '@preset/y', 'anthropic/@preset/y',
  'openrouter/auto', ' openai/gpt-4o-mini', 'openai/gpt-4o-mini ', '', '*', '%', 'anthropic/claude%'
]) as model;
select is(pg_temp.models('did:key:alice', 'anthropic/*'), 'admitted', 'a pattern of the list stands for what it has');
select is(
  pg_temp.models('did:key:alice', 'anthropic/a', 'openai/gpt-4o-mini', 'openai/o3', 'meta/x', 'anthropic/b'),
  'model_not_allowed openai/o3', 'of several the first that is not in the list is told'
);
select is(pg_temp.models('did:key:alice', 'anthropic/a', 'openai/gpt-4o-mini'), 'admitted', 'all of them may be');
select is(pg_temp.models('did:key:alice', null, 'meta/x'), 'model_not_allowed ', 'one without a name is none of the list');
select is(
  pg_temp.decision('did:key:alice', '{"runs_unnamed": "the preset chooses the model"}'),
  'model_not_allowed the preset chooses the model', 'nor is what nobody knows before it runs'
);
select is(
  pg_temp.decision('did:key:alice', '{"models": ["meta/x"], "runs_unnamed": "the preset chooses the model"}'),
  'model_not_allowed meta/x', 'a model that is named is told before that'
);
select is(
  pg_temp.decision('did:key:alice', '{"models": ["meta/x"], "runs_unnamed": "it chooses", "metered": false}'), 'admitted',
  'what costs nothing is not asked which model'
);
select is(pg_temp.decision('did:key:bob', '{"runs_unnamed": "the router chooses the model"}'), 'admitted', 'without a list anything may run');
select public.set_limits('did:key:alice', allowed_models => '{}');
select is(pg_temp.models('did:key:alice', 'openai/gpt-4o-mini'), 'model_not_allowed openai/gpt-4o-mini', 'a list can be empty');
select public.set_gateway_limits(default_allowed_models => '{openai/*}');
select is(pg_temp.models('did:key:alice', 'openai/gpt-4o-mini'), 'model_not_allowed openai/gpt-4o-mini', 'which counts before the default');
select is(pg_temp.models('did:key:bob', 'meta/x'), 'model_not_allowed meta/x', 'who has no list has the default');
select is(pg_temp.models('did:key:bob', 'openai/x'), 'admitted', 'as far as it goes');
select public.set_limits('did:key:bob', allowed_models => '{meta/*}');
select is(pg_temp.models('did:key:bob', 'meta/x'), 'admitted', 'and with one of its own that');
select is(pg_temp.models('did:key:bob', 'openai/x'), 'model_not_allowed openai/x', 'alone');
select public.set_limits('did:key:alice', clear => '{allowed_models}');
select is(pg_temp.models('did:key:alice', 'openai/gpt-4o-mini'), 'admitted', 'who has none any more has the default again');
select public.set_gateway_limits(clear => '{default_allowed_models}');
select is(pg_temp.models('did:key:alice', 'meta/x'), 'admitted', 'or everything');

-- What bodies ask for.
select public.set_gateway_limits(allowed_server_tools => '{web_search, datetime}', shared_features => '{file}');
select is(pg_temp.decision('did:key:alice', '{"server_tools": ["datetime", "web_search"], "shared_features": ["file"]}'), 'admitted', 'what the operator has opened passes');
select is(pg_temp.decision('did:key:alice', '{"server_tools": ["image_generation"]}'), 'feature_not_allowed image_generation', 'another tool does not');
select is(pg_temp.decision('did:key:alice', '{"shared_features": ["container"]}'), 'feature_not_allowed container', 'nor what all DIDs share');
select is(
  pg_temp.decision('did:key:alice', '{"server_tools": ["web_search", "fusion", "shell"], "shared_features": ["file", "vector_store", "container"]}'),
  'feature_not_allowed vector_store', 'what is shared is told first, in the order of the body'
);
select is(
  pg_temp.decision('did:key:alice', '{"server_tools": ["web_search", "fusion", "advisor"], "shared_features": ["file"]}'),
  'feature_not_allowed fusion', 'then the tools'
);
select is(pg_temp.decision('did:key:alice', '{"server_tools": ["Web_Search"]}'), 'feature_not_allowed Web_Search', 'names are exact');
select is(pg_temp.decision('did:key:alice', '{"server_tools": ["fusion"], "shared_features": null}'), 'feature_not_allowed fusion', 'what is not told of one does not open the other');
select is(pg_temp.decision('did:key:alice', '{"server_tools": null, "shared_features": ["container"]}'), 'feature_not_allowed container', 'nor the other way');
select is(pg_temp.decision('did:key:alice', '{"server_tools": [null]}'), 'feature_not_allowed', 'what has no name is not opened');
select is(pg_temp.decision('did:key:alice', '{"server_tools": ["fusion"], "metered": false}'), 'feature_not_allowed fusion', 'what costs nothing is asked, too');
select public.set_gateway_limits(allowed_server_tools => '{}', shared_features => '{}');
select is(pg_temp.decision('did:key:alice', '{"server_tools": ["datetime"]}'), 'feature_not_allowed datetime', 'the operator can open none');
select is(pg_temp.decision('did:key:alice'), 'admitted', 'and who asks for none passes');

-- The order: each cause that is gone shows the next.
insert into public.did_policies (did, tokens_valid_after) values ('did:key:last', now());
select public.set_limits('did:key:last', allowed_models => '{openai/*}', daily_budget_usd => 1, concurrent_requests => 1);
select public.block_did('did:key:last');
insert into public.accepted_messages (message_hash, expires_at) values ('\xaa', now() + interval '5 minutes');
insert into public.budgets (did, day, month, day_spent_usd, requests_under_way)
select 'did:key:last', (now() at time zone 'utc')::date, date_trunc('month', now() at time zone 'utc')::date, 1, 1;
create temporary table asked on commit drop as
select jsonb_build_object(
  'token_issued_at', now() - interval '1 second', 'models', '["meta/x"]'::jsonb, 'runs_unnamed', 'it chooses',
  'server_tools', '["fusion"]'::jsonb, 'owned_generations', '["gen-of-nobody"]'::jsonb, 'message_hash', 'aa',
  'message_expires_at', now() + interval '5 minutes', 'idempotency_key', 'k', 'body_hash', 'ab'
) as body;
create function pg_temp.next(correction jsonb) returns text language sql as $$
  update asked set body = body || correction;
  select pg_temp.decision('did:key:last', body) from asked;
$$;
select is(pg_temp.next('{}'), 'token_revoked', 'a token that is revoked comes first');
select is(pg_temp.next(jsonb_build_object('token_issued_at', now())), 'access_denied blocked', 'then access');
select public.allow_did('did:key:last');
select is(pg_temp.next('{}'), 'model_not_allowed meta/x', 'then models');
select is(pg_temp.next('{"models": ["openai/x"]}'), 'model_not_allowed it chooses', 'named or not');
select is(pg_temp.next('{"runs_unnamed": null}'), 'feature_not_allowed fusion', 'then features');
select is(pg_temp.next('{"server_tools": []}'), 'not_owned', 'then what must be its own');
select is(pg_temp.next('{"owned_generations": []}'), 'rate_limited concurrent', 'then rates');
select public.set_limits('did:key:last', clear => '{concurrent_requests}');
select is(pg_temp.next('{}'), 'budget_exceeded day', 'then budgets');
select is_empty($$ select from public.key_provisioning where did = 'did:key:last' $$, 'to none of which a key is made');
select public.set_limits('did:key:last', daily_budget_usd => 3, concurrent_requests => 1);
select is(pg_temp.next('{}'), 'rate_limited concurrent', 'nor where there is room for all but its being one more under way');
select public.set_limits('did:key:last', clear => '{concurrent_requests}');
select public.set_gateway_limits(requests_per_minute => 1);
update public.budgets set requests_used_until = now() + interval '1 microsecond' where did = '*';
select is(pg_temp.next('{}'), 'rate_limited requests', 'or in the rate of all together');
select public.set_gateway_limits(clear => '{requests_per_minute}');
select is(pg_temp.next('{}'), 'needs_provisioning', 'then the key');
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:last', 'hash last', 'sealed', 'last');
select is(pg_temp.next('{}'), 'replayed', 'then replay');
select is_empty($$ select from public.idempotency_keys where did = 'did:key:last' $$, 'which takes no Idempotency-Key');
select is(pg_temp.next('{"message_hash": "ac"}'), 'admitted', 'then nothing stands against it');
select is(pg_temp.next('{"message_hash": "ad"}'), 'duplicate', 'but the same once more');

select * from finish();
rollback;
