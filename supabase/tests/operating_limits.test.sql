-- What an operator sets, and what a DID is told of it.
begin;
-- In which instants are told here.
set local timezone = 'UTC';
select plan(265);

-- What a new gateway starts with; this database has had its limits cleared.
select is(
  (
    select jsonb_object_agg(column_name, substring(column_default from '^''?(.*?)(?:''::.*)?$'))
    from information_schema.columns
    where table_schema = 'public' and table_name = 'gateway_settings' and column_name not in (
      'only_row', 'updated_at', 'default_credit_limit', 'default_credit_limit_reset', 'request_log_retention_months',
      'request_log_dropped_before'
    )
  ),
  '{"access_mode": "open", "daily_budget_usd": "5", "monthly_budget_usd": "50", "requests_per_minute": "1000",
    "default_daily_budget_usd": "2", "default_monthly_budget_usd": "20", "default_requests_per_minute": "60",
    "default_concurrent_requests": "10", "default_allowed_models": null, "new_accounts_per_day": "100",
    "new_accounts_per_minute": "10", "default_reserved_output_tokens": "65536", "unknown_price_reserve_usd": "1", "job_reserve_usd": "5",
    "allowed_server_tools": "{web_search,web_fetch,datetime}", "shared_features": "{}", "free_models_per_minute": "20",
    "free_models_per_day": "50", "default_free_models_per_day": "10", "refused_requests_per_minute": "20"}'::jsonb,
  'a new gateway starts with limits'
);
select is(
  (
    select string_agg(setting.key, ', ' order by setting.key)
    from public.gateway_settings as settings, jsonb_each(to_jsonb(settings)) as setting
    where jsonb_typeof(setting.value) <> 'null' and setting.key ~ 'budget|per_minute|per_day|concurrent|models'
  ),
  null, 'which this one has no more'
);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'sealed', name from unnest('{alice, bob, carol, zero}'::text[]) as name;
-- Rows as they were long ago: what the triggers do is in updated_at.test.sql.
alter table public.gateway_settings disable trigger set_updated_at;
update public.gateway_settings set updated_at = '2026-01-01 00:00:00+00';
alter table public.gateway_settings enable trigger set_updated_at;
create function pg_temp.make_old(p_did text) returns void language sql as $$
  with gone as (delete from public.did_policies where did = p_did returning *)
  insert into public.did_policies
  select old.* from gone, jsonb_populate_record(
    null::public.did_policies, to_jsonb(gone) || '{"updated_at": "2026-01-01 00:00:00+00"}'
  ) as old;
$$;

create sequence pg_temp.ids;
grant usage on sequence pg_temp.ids to service_role;

create function pg_temp.admit(did text, usd text default '0.1', at timestamptz default now(), more jsonb default '{}')
returns jsonb language plpgsql as $$
declare
  v_asked jsonb := jsonb_build_object(
    'request_id', lpad(nextval('pg_temp.ids')::text, 32, '0')::uuid, 'did', did, 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true, 'models', '["openai/gpt-4o-mini"]'::jsonb,
    'estimate', jsonb_build_array(jsonb_build_object('usd', usd))
  ) || more;
begin
  return public.enter_admission(jsonb_populate_record(null::public.admission, v_asked), at)
    || jsonb_build_object('id', v_asked -> 'request_id');
end;
$$;
create function pg_temp.settle(admitted jsonb, cost text) returns jsonb language sql as $$
  select public.settle_request(jsonb_build_object(
    'request_id', admitted -> 'id', 'request_time', admitted -> 'request_time',
    'status', 'completed', 'http_status', 200, 'cost', cost
  ));
$$;
-- What is set, without times.
create function pg_temp.policy(p_did text) returns jsonb language sql as $$
  select jsonb_strip_nulls(to_jsonb(policy)) - '{did, created_at, updated_at}'::text[]
  from public.did_policies as policy where did = p_did;
$$;
create function pg_temp.settings() returns jsonb language sql as $$
  select jsonb_strip_nulls(to_jsonb(settings)) - '{only_row, updated_at, request_log_retention_months}'::text[]
  from public.gateway_settings as settings;
$$;
-- The hint of what a statement raises.
create function pg_temp.hint(statement text) returns text language plpgsql as $$
declare
  v_hint text;
begin
  execute statement;
  return 'nothing raised';
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return v_hint;
end;
$$;

set local role service_role;

-- set_limits
select is(
  to_jsonb(public.set_limits(
    'did:key:alice', daily_budget_usd => 0.25, monthly_budget_usd => 7, requests_per_minute => 30, concurrent_requests => 4,
    free_models_per_day => 0, allowed_models => '{openai/gpt-4o-mini, anthropic/*}'
  )) - 'updated_at' - 'created_at',
  '{"did": "did:key:alice", "tokens_valid_after": null, "access": null, "daily_budget_usd": 0.25, "monthly_budget_usd": 7,
    "requests_per_minute": 30, "concurrent_requests": 4, "free_models_per_day": 0,
    "allowed_models": ["openai/gpt-4o-mini", "anthropic/*"]}'::jsonb,
  'a DID''s limits are set, and returned'
);
create temporary table whole on commit drop as select pg_temp.policy('did:key:alice') as policy, pg_temp.settings() as settings;
select is(to_jsonb(public.set_limits('did:key:alice')) ->> 'daily_budget_usd', '0.25', 'what is not given');
select is(pg_temp.policy('did:key:alice'), policy, 'stays as it is') from whole;
select public.set_limits('did:key:alice', requests_per_minute => 31);
select is(pg_temp.policy('did:key:alice'), policy || '{"requests_per_minute": 31}', 'beside what is given') from whole;
select public.set_limits('did:key:alice', requests_per_minute => 31);
select is(pg_temp.policy('did:key:alice'), policy || '{"requests_per_minute": 31}', 'and twice is as once') from whole;
create function pg_temp.policy_without(name text) returns jsonb language plpgsql as $$
begin
  perform public.set_limits('did:key:alice', clear => array[name]);
  return pg_temp.policy('did:key:alice');
end;
$$;
select is(pg_temp.policy_without(name), (policy || '{"requests_per_minute": 31}') - names[:place], name || ' can be cleared, alone')
from whole, (select '{daily_budget_usd, monthly_budget_usd, requests_per_minute, concurrent_requests, free_models_per_day, allowed_models}'::text[] as names) as limits,
  unnest(names) with ordinality as one (name, place);
select is(pg_temp.policy('did:key:alice'), '{}', 'until nothing is left');
select throws_ok(
  format('select public.set_limits(''did:key:alice'', %s => %s, clear => ''{%1$s}'')', name, value), 'P0001', quote_literal(name) || ' is both set and cleared', name || ' is not both set and cleared'
)
from (values ('concurrent_requests', '2'), ('daily_budget_usd', '0'), ('monthly_budget_usd', '1'), ('requests_per_minute', '1'), ('free_models_per_day', '0'), ('allowed_models', '''{}''')) as given (name, value);
select public.set_limits('did:key:alice', concurrent_requests => 2, clear => '{daily_budget_usd, monthly_budget_usd}');
select is(pg_temp.policy('did:key:alice'), '{"concurrent_requests": 2}', 'what is set beside what is cleared is set');
select public.set_limits('did:key:alice', clear => null);
select is(pg_temp.policy('did:key:alice'), '{"concurrent_requests": 2}', 'nothing is cleared by null');
select is(
  (select updated_at from public.did_policies where did = 'did:key:alice'), now(), 'a policy tells when it was changed'
);
update public.did_policies set tokens_valid_after = '2026-01-01 00:00:00+00';
select pg_temp.make_old('did:key:alice');
select is((public.set_limits('did:key:alice', concurrent_requests => 3)).updated_at, now(), 'each time');
select is((select tokens_valid_after from public.did_policies where did = 'did:key:alice'), '2026-01-01 00:00:00+00', 'and keeps what else the operator has set');

-- Who is meant.
select is((public.set_limits(given)).did, kept, given || ' is a DID')
from (values
  ('did:key:z6MkNew', 'did:key:z6MkNew'),
  (' did:key:z6MkNew ', 'did:key:z6MkNew'),
  ('did:web:example.com:users:a_b-c.d', 'did:web:example.com:users:a_b-c.d'),
  ('did:jwk:eyJrdHkiOiJPS1AifQ', 'did:jwk:eyJrdHkiOiJPS1AifQ'),
  ('did:pkh:eip155:1:0xAbCdEf0123456789aBcDeF0123456789AbCdEf01', 'did:pkh:eip155:1:0xabcdef0123456789abcdef0123456789abcdef01'),
  ('did:pkh:eip155:10:0XABCDEF0123456789ABCDEF0123456789ABCDEF01', 'did:pkh:eip155:10:0xabcdef0123456789abcdef0123456789abcdef01'),
  ('did:key:' || repeat('z', 504), 'did:key:' || repeat('z', 504))
) as dids (given, kept);
select is((public.block_did('did:pkh:eip155:1:0xAbCdEf0123456789aBcDeF0123456789AbCdEf01')).did, 'did:pkh:eip155:1:0xabcdef0123456789abcdef0123456789abcdef01', 'and so it is to be blocked');
select is((public.allow_did('did:pkh:eip155:1:0xABCDEF0123456789aBcDeF0123456789AbCdEf01')).access, 'allowed', 'and allowed');
select is((select count(*)::int from public.did_policies where did like 'did:pkh:eip155:1:%'), 1, 'as one');
select throws_ok(format('select public.%s(%L)', function, did), 'P0001', coalesce(quote_literal(did), 'null') || ' is no DID', function || ' does not take ' || coalesce(quote_literal(did), 'null'))
from unnest('{set_limits, block_did, allow_did}'::text[]) as function,
  unnest(array['alice', '', '*', 'did:key', 'did:key:', 'DID:key:x', 'did:Key:x', 'did:key:x#y', 'did:key:x/y', 'did:key:x?y', 'did:key:x y', 'did:key:x,did:key:y', 'did:key:' || repeat('z', 505), null]) as did
where function = 'set_limits' or did is null or did in ('alice', 'did:key:x#y');
select throws_ok(format('select public.%s(%L)', function, 'did:web:Example.com:a'), 'P0001', '''did:web:Example.com:a'' is no DID of an account', function || ' does not take a host in capitals, which nobody calls with')
from unnest('{set_limits, block_did, allow_did}'::text[]) as function;
select throws_ok(format('select public.set_limits(%L)', did), 'P0001', quote_literal(did) || ' is no DID of an account', 'set_limits does not take ' || did || ', which the gateway refuses')
from unnest(array[
  'did:web:example.com%3A8443:a', 'did:web:example.com:a%20b', 'did:web:example.com:', 'did:web:example.com::a',
  'did:pkh:eip155:01:0xabcdef0123456789abcdef0123456789abcdef01', 'did:pkh:eip155:1:0xabcdef', 'did:pkh:solana:1:x',
  'did:ethr:0xabcdef0123456789abcdef0123456789abcdef01', 'did:example:alice'
]) as did;
select is((public.set_limits('did:web:example.com:A')).did, 'did:web:example.com:A', 'but a path in capitals');
select is(pg_temp.hint(format('select public.set_limits(%L)', did)), hint, did || ' is told what it lacks')
from (values
  ('did:web:Example.com', 'The host of a did:web is in lower case.'),
  ('did:web:example.com%3A8443', 'A did:web is a host in lower case, without a port, and segments of A-Z a-z 0-9 . _ -.'),
  ('did:pkh:eip155:1:0xabc', 'A did:pkh is did:pkh:eip155:<chain id>:0x<40 hex digits>.'),
  ('did:ethr:0xabc', 'Accounts are of did:key, did:jwk, did:pkh and did:web.')
) as told (did, hint);
-- Also by hand, where Studio or an insert would have taken any spelling.
select throws_ok($$ insert into public.did_policies (did) values ('did:pkh:eip155:1:0xABCDEF0123456789ABCDEF0123456789ABCDEF01') $$, '23514', null, 'no row has a spelling that no account has');
select throws_ok($$ insert into public.did_policies (did) values ('did:web:Example.com') $$, 'P0001', null, 'nor one that the gateway refuses');
-- Tokens that were issued are revoked in whatever spelling a wallet shows.
select is((revoked.policy).did || ' ' || (revoked.policy).tokens_valid_after, 'did:pkh:eip155:1:0xabcdef0123456789abcdef0123456789abcdef02 ' || (now() + interval '1 minute'), 'tokens of up to now are revoked')
from (select public.revoke_tokens('did:pkh:eip155:1:0xABCDEF0123456789aBcDeF0123456789AbCdEf02') as policy) as revoked;
select is(public.token_is_revoked('did:pkh:eip155:1:0xabcdef0123456789abcdef0123456789abcdef02', now()), true, 'for the gateway');
select public.block_did('did:key:revoked');
select is((public.revoke_tokens('did:key:revoked', '2026-11-22 10:00:00+00')).access, 'blocked', 'what else is set stays');
select is((select tokens_valid_after from public.did_policies where did = 'did:key:revoked'), '2026-11-22 10:00:00+00', 'and those of up to an instant');
select is(pg_temp.hint($$ select public.set_limits('alice') $$), 'A DID looks like did:key:z6Mk… or did:web:example.com, without a fragment.', 'but says what it looks like');

-- What is refused.
select throws_ok(format('select public.set_limits(''did:key:alice'', %s => %s)', name, value), '23514', null, format('no DID has %s %s', name, value))
from (values
  ('daily_budget_usd', '-0.01'), ('daily_budget_usd', '''NaN'''), ('daily_budget_usd', '''Infinity'''), ('daily_budget_usd', '''-Infinity'''), ('daily_budget_usd', '1000000000.01'),
  ('monthly_budget_usd', '-0.01'), ('monthly_budget_usd', '''NaN'''), ('monthly_budget_usd', '''Infinity'''),
  ('requests_per_minute', '0'), ('requests_per_minute', '-1'), ('requests_per_minute', '1000001'),
  ('concurrent_requests', '0'), ('concurrent_requests', '-1'), ('free_models_per_day', '-1'),
  ('allowed_models', '''{gpt-4o}'''), ('allowed_models', '''{openai/}'''), ('allowed_models', '''{openai/gpt*}'''), ('allowed_models', '''{*}'''),
  ('allowed_models', '''{*/*}'''), ('allowed_models', '''{"openai/gpt 4o"}'''), ('allowed_models', '''{openai/a/b}'''), ('allowed_models', '''{openai/x, null}'''),
  ('allowed_models', '''{~openai/gpt}'''), ('allowed_models', '''{openai/x@preset/y}'''), ('allowed_models', '''{openai/x:}'''), ('allowed_models', '''{""}'''),
  ('allowed_models', '''{openai/*:free}'''), ('allowed_models', '''{{openai/x},{openai/y}}''')
) as refused (name, value);
select is(pg_temp.policy('did:key:alice') - 'tokens_valid_after', '{"concurrent_requests": 3}', 'nothing of what is refused stays');
select throws_ok($$ select public.set_limits('did:key:alice', clear => '{daily_budget}') $$, 'P0001', '''daily_budget'' is no limit of a DID', 'an unknown name is not cleared');
select throws_ok($$ select public.set_limits('did:key:alice', clear => '{null}') $$, 'P0001', 'null is no limit of a DID', 'nor one that is none');
select is(
  pg_temp.hint($$ select public.set_limits('did:key:alice', clear => '{access}') $$),
  'There are: daily_budget_usd, monthly_budget_usd, requests_per_minute, concurrent_requests, free_models_per_day, allowed_models',
  'but told which there are'
);
select throws_ok($$ select public.set_limits('did:key:alice', daily_budget => 1) $$, '42883', null, 'an unknown argument is an error of Postgres');

-- block_did, allow_did
select is(pg_temp.policy('did:key:bob'), null, 'a DID without a policy');
select is((public.block_did('did:key:bob')).access, 'blocked', 'is blocked');
select is((public.block_did('did:key:bob')).access, 'blocked', 'twice is as once');
select public.set_limits('did:key:bob', daily_budget_usd => 3);
select pg_temp.make_old('did:key:bob');
select is((public.allow_did('did:key:bob')).updated_at, now(), 'it is allowed again, at a time');
select is(pg_temp.policy('did:key:bob'), '{"access": "allowed", "daily_budget_usd": 3}', 'its limits stay');
select pg_temp.make_old('did:key:bob');
select is((public.block_did('did:key:bob')).updated_at, now(), 'and blocked again, at a time');

-- set_gateway_limits
select is(
  jsonb_strip_nulls(to_jsonb(public.set_gateway_limits())) - '{only_row, updated_at, request_log_retention_months}'::text[],
  settings, 'of the gateway, too, what is not given stays as it is'
) from whole;
select is((select updated_at from public.gateway_settings), '2026-01-01 00:00:00+00'::timestamptz, 'and nothing says that it was changed');
create temporary table given on commit drop as select '{
  "access_mode": "allowlist", "daily_budget_usd": 1, "monthly_budget_usd": 2, "requests_per_minute": 3, "default_daily_budget_usd": 4,
  "default_monthly_budget_usd": 5, "default_requests_per_minute": 6, "default_concurrent_requests": 7, "default_allowed_models": ["a/b"],
  "new_accounts_per_day": 9, "new_accounts_per_minute": 10, "default_reserved_output_tokens": 11, "unknown_price_reserve_usd": 12, "job_reserve_usd": 13,
  "allowed_server_tools": ["datetime"], "shared_features": ["file"], "free_models_per_minute": 15, "free_models_per_day": 16,
  "default_free_models_per_day": 17, "refused_requests_per_minute": 18
}'::jsonb as settings;
create function pg_temp.set_gateway(settings jsonb) returns void language plpgsql as $$
begin
  execute (
    select 'select public.set_gateway_limits(' || string_agg(format('%I => %L', key, case
      when jsonb_typeof(value) = 'array' then replace(replace(value::text, '[', '{'), ']', '}') else value #>> '{}' end), ', ') || ')'
    from jsonb_each(settings)
  );
end;
$$;
select lives_ok(format('select pg_temp.set_gateway(%L)', settings), 'all of it can be set') from given;
select is(pg_temp.settings(), settings, 'each to its own') from given;
select lives_ok($$ select public.set_gateway_limits() $$, 'and it');
select is(pg_temp.settings(), settings, 'stays') from given;
-- One at a time, so that no argument stands in for another.
create function pg_temp.cleared(name text) returns text language plpgsql as $$
begin
  perform public.set_gateway_limits(clear => array[name]);
  return (
    select string_agg(key, ', ') from given, jsonb_each(given.settings) where not pg_temp.settings() ? key
  );
end;
$$;
create function pg_temp.cleared_alone(name text) returns text language plpgsql as $$
declare
  v_cleared text := pg_temp.cleared(name);
begin
  perform pg_temp.set_gateway(settings) from given;
  return v_cleared;
end;
$$;
select is(pg_temp.cleared_alone(name), name, name || ' can be cleared, alone')
from unnest('{daily_budget_usd, monthly_budget_usd, requests_per_minute, default_daily_budget_usd, default_monthly_budget_usd,
  default_requests_per_minute, default_concurrent_requests, default_allowed_models, new_accounts_per_day, new_accounts_per_minute,
  free_models_per_minute, free_models_per_day, default_free_models_per_day, refused_requests_per_minute}'::text[]) as name;
select throws_ok(format('select public.set_gateway_limits(clear => ''{%s}'')', name), 'P0001', quote_literal(name) || ' is no limit of the gateway that can be cleared', name || ' cannot')
from unnest('{access_mode, default_reserved_output_tokens, unknown_price_reserve_usd, allowed_server_tools, shared_features, daily_budget}'::text[]) as name;
select matches(pg_temp.hint($$ select public.set_gateway_limits(clear => '{x}') $$), '^There are: daily_budget_usd, .*, refused_requests_per_minute$', 'which says what can');
select throws_ok(format('select public.set_gateway_limits(%s => %s)', name, value), '23514', null, format('no gateway has %s %s', name, value))
from (values
  ('daily_budget_usd', '-1'), ('daily_budget_usd', '''NaN'''), ('monthly_budget_usd', '''Infinity'''), ('monthly_budget_usd', '''NaN'''),
  ('default_daily_budget_usd', '-1'), ('default_daily_budget_usd', '''NaN'''), ('default_monthly_budget_usd', '-1'), ('default_monthly_budget_usd', '''NaN'''),
  ('requests_per_minute', '0'), ('default_requests_per_minute', '0'), ('default_concurrent_requests', '0'), ('default_allowed_models', '''{gpt}'''),
  ('default_allowed_models', '''{{a/b}}'''),
  ('new_accounts_per_day', '-1'), ('new_accounts_per_minute', '0'), ('default_reserved_output_tokens', '0'), ('unknown_price_reserve_usd', '''NaN'''),
  ('unknown_price_reserve_usd', '-1'),
  ('free_models_per_minute', '0'), ('free_models_per_day', '-1'), ('default_free_models_per_day', '-1'), ('refused_requests_per_minute', '0')
) as refused (name, value);
select throws_ok(format('select public.set_gateway_limits(%s => %L)', name, value), 'P0001', message, format('nor %s %s', name, value))
from (values
  ('access_mode', 'closed', '''closed'' is no access mode'),
  ('shared_features', '{everything}', '''everything'' is no shared feature'), ('shared_features', '{null}', 'null is no shared feature'),
  ('shared_features', '{{container},{file}}', '''{{container},{file}}'' is a list of lists'),
  ('allowed_server_tools', '{web_search, web_serch}', '''web_serch'' is no server tool'), ('allowed_server_tools', '{Web Search}', '''Web Search'' is no server tool'),
  ('allowed_server_tools', '{openrouter:web_search}', '''openrouter:web_search'' is no server tool'), ('allowed_server_tools', '{web_search_20250305}', '''web_search_20250305'' is no server tool'),
  ('allowed_server_tools', '{openrouter:bash}', '''openrouter:bash'' is no server tool'), ('allowed_server_tools', '{container}', '''container'' is no server tool'),
  ('allowed_server_tools', '{null}', 'null is no server tool'), ('allowed_server_tools', '{{web_search},{datetime}}', '''{{web_search},{datetime}}'' is a list of lists'),
  ('clear', '{{daily_budget_usd},{monthly_budget_usd}}', '''{{daily_budget_usd},{monthly_budget_usd}}'' is a list of lists')
) as refused (name, value, message);
create function pg_temp.hint_of(p_call text) returns text language plpgsql as $$
declare
  v_hint text;
begin
  execute p_call;
  return null;
exception when raise_exception then
  get stacked diagnostics v_hint = pg_exception_hint;
  return v_hint;
end;
$$;
select is(
  array(
    select pg_temp.hint_of(format('select public.set_gateway_limits(%s)', given))
    from unnest(array[
      'shared_features => ''{{container},{file}}''', 'access_mode => ''closed''',
      'access_mode => ''open'', clear => ''{{a},{b}}'''
    ]) as given
  ),
  array['Each is one shared feature: array[''…'', ''…''].', 'There are: open, allowlist',
    'Each is one limit of the gateway that can be cleared: array[''…'', ''…''].'], 'and what may be given is told'
);
select throws_ok(
  format('select public.set_gateway_limits(%I => %L, clear => array[%1$L])', key, case when jsonb_typeof(value) = 'array' then '{}' else value #>> '{}' end),
  'P0001', quote_literal(key) || ' is both set and cleared', key || ' is not both set and cleared'
)
from given, jsonb_each(settings) where key ~ 'budget|per_minute|per_day|concurrent|models';
select is(pg_temp.settings(), settings, 'and nothing of that stays') from given;
select matches(pg_temp.hint($$ select public.set_gateway_limits(allowed_server_tools => '{x}') $$), '^There are: web_search, web_fetch, x_search, datetime, ', 'whoever misspells a tool is told which there are');
select throws_ok(format('update public.gateway_settings set %s = %L', name, value), '23514', null, format('the table has no %s %s either', name, value))
from (values
  ('allowed_server_tools', '{web_search, openrouter:bash}'), ('allowed_server_tools', '{container}'), ('allowed_server_tools', '{{web_search},{datetime}}'),
  ('shared_features', '{{container},{file}}')
) as refused (name, value);
select is(
  (select array[to_jsonb(allowed_server_tools), to_jsonb(shared_features)] from public.set_gateway_limits(
    allowed_server_tools => '{web_search, web_fetch, x_search, datetime, code_execution, image_generation, mcp, fusion, advisor, subagent, apply_patch, file-parser}',
    shared_features => '{openrouter:files, openrouter:shell, openrouter:bash, container, file, preset, vector_store}'
  )),
  array['["web_search", "web_fetch", "x_search", "datetime", "code_execution", "image_generation", "mcp", "fusion", "advisor", "subagent", "apply_patch", "file-parser"]',
    '["openrouter:files", "openrouter:shell", "openrouter:bash", "container", "file", "preset", "vector_store"]']::jsonb[],
  'every tool and feature that there is can be opened'
);
select pg_temp.set_gateway(settings) from given;
select lives_ok($$ update public.gateway_settings set allowed_server_tools = allowed_server_tools || '{made_tomorrow}' $$, 'but a tool that is newer than the gateway');
select lives_ok($$ select public.set_gateway_limits(daily_budget_usd => 1) $$, 'beside which all else can be set');
update public.gateway_settings set allowed_server_tools = '{datetime}';
select lives_ok(format('select public.set_gateway_limits(%s => %s)', name, value), format('but a gateway may have %s %s', name, value))
from (values
  ('daily_budget_usd', '0'), ('daily_budget_usd', '1000000000'), ('new_accounts_per_day', '0'), ('free_models_per_day', '0'), ('default_free_models_per_day', '0'),
  ('unknown_price_reserve_usd', '0'), ('job_reserve_usd', '0'), ('allowed_server_tools', '''{}'''), ('default_allowed_models', '''{}'''), ('requests_per_minute', '1000000')
) as taken (name, value);
-- Supabase's Data API loads safeupdate, which refuses such statements, within functions, too.
select is_empty(
  $$
    select proname, statement[1]
    from pg_catalog.pg_proc, regexp_matches(prosrc, '\m(?:update|delete from)\s+public\.[^;]*;', 'g') as statement
    where pronamespace = 'public'::regnamespace and statement[1] !~ '\mwhere\M'
  $$,
  'no function changes or deletes all rows of a table without saying which'
);

-- Next calls.
select public.set_gateway_limits(access_mode => 'open');
select public.set_gateway_limits(
  clear => array(select key from given, jsonb_each(given.settings) where key ~ 'budget|per_minute|per_day|concurrent|models')
);
delete from public.did_policies;
select is(pg_temp.admit('did:key:alice') ->> 'decision', 'admitted', 'what is set');
select public.set_limits('did:key:alice', daily_budget_usd => 0.15);
select is(pg_temp.admit('did:key:alice') ->> 'decision', 'budget_exceeded', 'holds from the next call on');
select public.set_limits('did:key:alice', daily_budget_usd => 0.2);
select is(pg_temp.admit('did:key:alice') ->> 'decision', 'admitted', 'and what is raised');
select public.set_gateway_limits(daily_budget_usd => 0.25);
select is(pg_temp.admit('did:key:bob') ->> 'scope', 'gateway', 'for all together, too');
select public.set_gateway_limits(clear => '{daily_budget_usd}');
select public.set_limits('did:key:bob', daily_budget_usd => 0.1);
select is(pg_temp.admit('did:key:bob') ->> 'remaining_usd', '0', 'for who has not called yet');

-- What a DID is told.
select is(
  public.account_limits('did:key:fresh', '2028-02-29 10:00:00+00'),
  '{"did": "did:key:fresh", "access": "allowed", "budgets": [
      {"scope": "did", "period": "day", "limit_usd": null, "spent_usd": "0", "reserved_usd": "0", "remaining_usd": null,
        "resets_at": "2028-03-01T00:00:00+00:00", "alerts": []},
      {"scope": "did", "period": "month", "limit_usd": null, "spent_usd": "0", "reserved_usd": "0", "remaining_usd": null,
        "resets_at": "2028-03-01T00:00:00+00:00", "alerts": []}
    ], "rates": [], "concurrent_requests": null, "free_models_per_day": null, "allowed_models": null, "upstream_limit_usd": null}'::jsonb,
  'who never called, and has no limits, is told that'
);
select is_empty($$ select from public.budgets where did = 'did:key:fresh' $$, 'and leaves no trace');
select public.set_limits('did:key:narrow', concurrent_requests => 2);
select public.set_limits('did:key:quick', requests_per_minute => 2);
select is(
  array(select public.account_limits('did:key:' || name, '2028-02-29 10:00:35+00') -> 'rates' from unnest('{narrow, quick}'::text[]) as name),
  array['[]', '[{"scope": "did", "requests_per_minute": 2, "remaining": 2, "resets_at": "2028-02-29T10:00:35+00:00"}]']::jsonb[],
  'a rate is told where there is one'
);
delete from public.budgets;
select public.set_limits('did:key:carol', daily_budget_usd => 2, monthly_budget_usd => 20.50, requests_per_minute => 4, concurrent_requests => 5, free_models_per_day => 6, allowed_models => '{openai/*}');
select pg_temp.settle(pg_temp.admit('did:key:carol', '1', '2028-02-28 10:00:00+00'), '0.3');
select pg_temp.settle(pg_temp.admit('did:key:carol', '1', '2028-02-29 10:00:00+00'), '1.62');
select pg_temp.admit('did:key:carol', '0.05', '2028-02-29 10:00:30+00') ->> 'decision';
create function pg_temp.limits(did text, at timestamptz default '2028-02-29 10:00:35+00') returns jsonb language sql as $$
  select public.account_limits(did, at);
$$;
select is(
  pg_temp.limits('did:key:carol'),
  jsonb_build_object('did', 'did:key:carol', 'access', 'allowed', 'budgets', jsonb_build_array(
    jsonb_build_object('scope', 'did', 'period', 'day', 'limit_usd', '2', 'spent_usd', '1.62', 'reserved_usd', '0.05', 'remaining_usd', '0.33',
      'resets_at', '2028-03-01T00:00:00+00:00', 'alerts', jsonb_build_array(
        jsonb_build_object('threshold', 50, 'reached_at', now()), jsonb_build_object('threshold', 80, 'reached_at', now()))),
    jsonb_build_object('scope', 'did', 'period', 'month', 'limit_usd', '20.5', 'spent_usd', '1.92', 'reserved_usd', '0.05', 'remaining_usd', '18.53',
      'resets_at', '2028-03-01T00:00:00+00:00', 'alerts', '[]'::jsonb)
  ), 'rates', jsonb_build_array(jsonb_build_object('scope', 'did', 'requests_per_minute', 4, 'remaining', 3, 'resets_at', '2028-02-29T10:00:45+00:00')),
  'concurrent_requests', 5, 'free_models_per_day', 6, 'allowed_models', '["openai/*"]'::jsonb, 'upstream_limit_usd', '2'),
  'who has called is told what is spent, reserved and left, and of its alerts'
);
-- Alerts of others, of another kind, of another period; and one that was added before a lower one.
update public.budget_alerts set threshold = 100 where did = 'did:key:carol' and threshold = 50;
insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached)
values ('did:key:carol', 'day', '2028-02-29', 50, 1, 1), ('did:key:carol', 'day', '2028-02-28', 50, 1, 1), ('did:key:carol', 'month', '2028-02-29', 50, 1, 1),
  ('did:key:quick', 'day', '2028-02-29', 50, 1, 1), ('did:key:quick', 'month', '2028-02-01', 50, 1, 1), ('*', 'month', '2028-02-01', 80, 1, 1);
select is(
  array(select jsonb_path_query_array(budget, '$.alerts[*].threshold') from jsonb_array_elements(pg_temp.limits('did:key:carol') -> 'budgets') as budget),
  '{"[50, 80, 100]","[]"}'::jsonb[], 'of its own, of that period, from the lowest'
);
select is(
  (select jsonb_agg(budget - '{scope, limit_usd, reserved_usd}'::text[]) from jsonb_array_elements(pg_temp.limits('did:key:carol', '2028-03-01 00:00:00+00') -> 'budgets') as budget),
  '[{"period": "day", "spent_usd": "0", "remaining_usd": "2", "resets_at": "2028-03-02T00:00:00+00:00", "alerts": []},
    {"period": "month", "spent_usd": "0", "remaining_usd": "20.5", "resets_at": "2028-04-01T00:00:00+00:00", "alerts": []}]'::jsonb,
  'in a new period nothing is spent, called or not'
);
select public.set_limits('did:key:carol', daily_budget_usd => 1);
select is(pg_temp.limits('did:key:carol') #>> '{budgets, 0, remaining_usd}', '0', 'of a budget that was lowered nothing is left, and not less');
select public.set_limits('did:key:carol', daily_budget_usd => 2);
update public.user_api_keys set credit_limit = 33 where did = 'did:key:carol';
select is(pg_temp.limits('did:key:carol') ->> 'upstream_limit_usd', '33', 'the limit of its key is what the operator wants');
select is(pg_temp.limits('did:key:new') ->> 'upstream_limit_usd', null, 'who has no key yet');
update public.gateway_settings set default_credit_limit = 44;
select is(pg_temp.limits('did:key:new') ->> 'upstream_limit_usd', '44', 'is told which limit it would have');

select public.set_gateway_limits(default_allowed_models => '{meta/*}', default_concurrent_requests => 8, default_free_models_per_day => 9);
select is(
  pg_temp.limits('did:key:new') - '{did, access, budgets, rates}'::text[],
  '{"allowed_models": ["meta/*"], "concurrent_requests": 8, "free_models_per_day": 9, "upstream_limit_usd": "44"}', 'who has no limits of its own is told the defaults'
);
select is(
  pg_temp.limits('did:key:carol') - '{did, access, budgets, rates}'::text[],
  '{"allowed_models": ["openai/*"], "concurrent_requests": 5, "free_models_per_day": 6, "upstream_limit_usd": "33"}', 'and who has, those'
);
select public.set_gateway_limits(clear => '{default_allowed_models, default_concurrent_requests, default_free_models_per_day}');

-- The gateway's own, where it would refuse first.
create function pg_temp.shared(did text) returns text language sql as $$
  select concat_ws(' | ',
    (select string_agg(concat_ws(' ', budget ->> 'period', budget ->> 'remaining_usd', budget ->> 'resets_at', budget ->> 'limit_usd', budget ->> 'spent_usd', budget ->> 'reserved_usd'), ', ')
      from jsonb_array_elements(limits -> 'budgets') as budget where budget ->> 'scope' = 'gateway'),
    (select string_agg(concat_ws(' ', rate ->> 'requests_per_minute', rate ->> 'remaining'), ', ') from jsonb_array_elements(limits -> 'rates') as rate where rate ->> 'scope' = 'gateway'))
  from pg_temp.limits(did) as limits;
$$;
select public.set_gateway_limits(daily_budget_usd => 2);
select is(pg_temp.shared('did:key:carol'), '', 'what the gateway has left is not told where the DID has less or as much');
select is(pg_temp.shared('did:key:new'), 'day 0.33 2028-03-01T00:00:00+00:00', 'but to who has no budget, and nothing else of it');
select public.set_gateway_limits(daily_budget_usd => 1.99, monthly_budget_usd => 2.30);
select is(pg_temp.shared('did:key:carol'), 'day 0.32 2028-03-01T00:00:00+00:00', 'and where it is what would refuse');
select public.set_gateway_limits(monthly_budget_usd => 2.25, clear => '{daily_budget_usd}');
select is(pg_temp.shared('did:key:carol'), 'month 0.28 2028-03-01T00:00:00+00:00', 'in whichever period');
select is(
  public.account_limits('did:key:carol', '2028-02-29 10:00:35+00') #> '{budgets, 2}',
  '{"scope": "gateway", "period": "month", "limit_usd": null, "spent_usd": null, "reserved_usd": null, "remaining_usd": "0.28",
    "resets_at": "2028-03-01T00:00:00+00:00", "alerts": []}'::jsonb,
  'after its own'
);
select public.set_gateway_limits(monthly_budget_usd => 1);
select is(pg_temp.shared('did:key:carol'), 'month 0 2028-03-01T00:00:00+00:00', 'where less than nothing is left, it is nothing');
select public.set_gateway_limits(requests_per_minute => 60, clear => '{monthly_budget_usd}');
select is(pg_temp.shared('did:key:carol'), '', 'nor is a rate that has room');
select is(pg_temp.shared('did:key:new'), '60 60', 'but where the DID has none');
select public.set_gateway_limits(requests_per_minute => 2);
select is(pg_temp.shared('did:key:carol'), '2 2', 'or has more left');
-- A rate of the DID's of which as much is left, amounts in the shortest form, and both periods of the gateway, in their order.
select public.set_gateway_limits(requests_per_minute => 3, daily_budget_usd => 1.9700, monthly_budget_usd => 2.260);
select is(pg_temp.shared('did:key:carol'), 'day 0.3 2028-03-01T00:00:00+00:00, month 0.29 2028-03-01T00:00:00+00:00', 'the rate is not where the DID has as much');
select public.set_gateway_limits(requests_per_minute => 2);
select is(
  jsonb_path_query_array(pg_temp.limits('did:key:carol'), '$.rates[*].scope'), '["did", "gateway"]', 'the DID''s own comes first'
);
select public.set_gateway_limits(clear => '{requests_per_minute, monthly_budget_usd}');
-- The DID's month is what would refuse.
select public.set_limits('did:key:carol', daily_budget_usd => 20, monthly_budget_usd => 2.27);
select is(pg_temp.shared('did:key:carol') || '.', '.', 'nor is a budget where the DID''s month has as much left');
select public.set_limits('did:key:carol', daily_budget_usd => 20, monthly_budget_usd => 2.28);
select is(pg_temp.shared('did:key:carol'), 'day 0.3 2028-03-01T00:00:00+00:00', 'but where that has more');
select public.set_gateway_limits(clear => '{daily_budget_usd}');
select is(
  (select string_agg(pg_temp.admit('did:key:carol', '0.0100', timestamptz '2028-02-29 10:00:30+00' + n * interval '1 second') ->> 'remaining_usd', ' ' order by n) from generate_series(1, 2) as n),
  '0.3 0.29', 'what a call is told to be left is of the month, where less is'
);
select public.set_limits('did:key:carol', daily_budget_usd => 2, monthly_budget_usd => 20);
select is(pg_temp.admit('did:key:carol', '0.01', '2028-02-29 10:00:33+00') ->> 'remaining_usd', '0.3', 'or of the day, what is spent and what is reserved');
select pg_temp.settle(pg_temp.admit('did:key:zero', '0.10', '2028-02-29 10:00:30+00'), '0.10'), pg_temp.admit('did:key:zero', '0.10', '2028-02-29 10:00:30+00');
select public.set_limits('did:key:zero', daily_budget_usd => 0.50);
update public.budgets set day_spent_usd = 0.10, day_reserved_usd = 0.100 where did = 'did:key:zero';
select is(
  (pg_temp.limits('did:key:zero') #> '{budgets, 0}') - '{scope, period, resets_at, alerts}'::text[],
  '{"limit_usd": "0.5", "spent_usd": "0.1", "reserved_usd": "0.1", "remaining_usd": "0.3"}', 'amounts have no zeros at their end'
);
select public.set_gateway_limits(clear => '{daily_budget_usd}');

-- Access.
select public.block_did('did:key:bob');
update public.user_api_keys set status = 'disabled' where did = 'did:key:alice';
select is(pg_temp.limits('did:key:' || name) ->> 'access', access, access || ' is who ' || why)
from (values ('new', 'allowed', 'nobody has blocked'), ('bob', 'blocked', 'the operator has'), ('alice', 'blocked', 'has an account that is disabled')) as dids (name, access, why);
select public.set_gateway_limits(access_mode => 'allowlist');
select is(pg_temp.limits('did:key:new') ->> 'access', 'not_allowed', 'with an allowlist nobody is allowed');
select public.allow_did('did:key:new');
select is(pg_temp.limits('did:key:new') ->> 'access', 'allowed', 'but who is');
select is(pg_temp.limits('did:key:bob') ->> 'access', 'blocked', 'and who is blocked is so');
select is(
  array[(public.revoke_tokens('did:key:again', '2026-02-01 00:00:00+00')).tokens_valid_after,
    (public.revoke_tokens('did:key:again', '2026-01-01 00:00:00+00')).tokens_valid_after],
  '{2026-02-01 00:00:00+00,2026-01-01 00:00:00+00}', 'who revoked too much says so by an earlier instant'
);

-- Limits as large, and amounts as small, as they may be.
select public.set_gateway_limits(
  requests_per_minute => 1000000, daily_budget_usd => 0.123456789, monthly_budget_usd => 1.123456789,
  free_models_per_minute => 1000000, refused_requests_per_minute => 1000000
);
select public.set_limits('did:key:large', daily_budget_usd => 0.0123456789, monthly_budget_usd => 0.1123456789,
  requests_per_minute => 1000000, concurrent_requests => 999999, free_models_per_day => 999998);
select is(
  (select to_jsonb(public.limits_of(policy, settings)) from public.did_policies as policy, public.gateway_settings as settings where did = 'did:key:large'),
  '{"daily_budget_usd": 0.0123456789, "monthly_budget_usd": 0.1123456789, "requests_per_minute": 1000000, "concurrent_requests": 999999,
    "free_models_per_minute": null, "free_models_per_day": 999998, "refused_requests_per_minute": 1000000}'::jsonb,
  'limits hold to the last digit'
);
select is(
  (select to_jsonb(public.gateway_limits(settings)) - '{concurrent_requests, free_models_per_day, refused_requests_per_minute}'::text[]
    from public.gateway_settings as settings),
  '{"daily_budget_usd": 0.123456789, "monthly_budget_usd": 1.123456789, "requests_per_minute": 1000000,
    "free_models_per_minute": 1000000}'::jsonb, 'the gateway''s, too'
);
delete from public.budgets;
select is(
  public.account_limits('did:key:unlimited') -> 'rates' #- '{0, resets_at}',
  '[{"scope": "gateway", "requests_per_minute": 1000000, "remaining": 1000000}]', 'the largest rate is told to who has none, also where nobody has called'
);

-- An operator asks of a DID in the spelling that set_limits takes.
select public.set_limits(did => 'did:pkh:eip155:1:0xAB5801a7D398351b8bE11C439e05C5B3259aeC9B', concurrent_requests => 7);
select is(
  public.account_limits('did:pkh:eip155:1:0xAB5801a7D398351b8bE11C439e05C5B3259aeC9B') -> 'concurrent_requests', '7',
  'limits are told by the spelling by which they were set'
);
select throws_ok($$ select public.account_limits('z6Mkalice') $$, 'P0001', '''z6Mkalice'' is no DID', 'and no limits of what is no DID');

-- What is reserved for a day is not what is reserved for its month.
select public.set_gateway_limits(clear => '{daily_budget_usd, monthly_budget_usd, requests_per_minute}');
select public.store_budget(jsonb_populate_record(
  public.budget_of(who, '2028-02-28'), '{"day_spent_usd": 1, "day_reserved_usd": 0.25, "month_spent_usd": 5, "month_reserved_usd": 2}'
))
from unnest('{did:key:dave,*}'::text[]) as who;
create function pg_temp.left_of(p_limits jsonb) returns text language sql as $$
  select public.admitted_answer(
    null, null, settings, jsonb_populate_record(null::public.limits, p_limits), public.budget_of('did:key:dave', '2028-02-28'), now()
  ) ->> 'remaining_usd' from public.gateway_settings as settings;
$$;
select is(pg_temp.left_of('{"daily_budget_usd": 10}'), '8.75', 'a call is told what is left of its day');
select is(pg_temp.left_of('{"monthly_budget_usd": 10}'), '3', 'or of its month');
create function pg_temp.left_of_all() returns text language sql as $$
  select string_agg(concat_ws(' ', budget ->> 'period', budget ->> 'remaining_usd'), ', ')
  from jsonb_array_elements(public.account_limits('did:key:dave', '2028-02-28 12:00:00+00') -> 'budgets') as budget
  where budget ->> 'remaining_usd' is not null;
$$;
select public.set_limits('did:key:dave', clear => '{daily_budget_usd, monthly_budget_usd}');
select public.set_gateway_limits(daily_budget_usd => 10, monthly_budget_usd => 10);
select is(pg_temp.left_of_all(), 'day 8.75, month 3', 'so is who asks, of what all together have left');
select public.set_gateway_limits(clear => '{daily_budget_usd, monthly_budget_usd}');
select public.set_limits('did:key:dave', daily_budget_usd => 10, monthly_budget_usd => 10);
select is(pg_temp.left_of_all(), 'day 8.75, month 3', 'and of its own');

-- Days and months end where those of UTC do, wherever a session is.
select public.set_gateway_limits(daily_budget_usd => 10, monthly_budget_usd => 10);
set local timezone = 'Pacific/Kiritimati';
select is(
  (
    select array_agg((budget ->> 'resets_at')::timestamptz order by place)
    from jsonb_array_elements(public.account_limits('did:key:fresh', '2028-02-28 23:59:59+00') -> 'budgets') with ordinality as told (budget, place)
  ), '{2028-02-29 00:00:00+00, 2028-03-01 00:00:00+00, 2028-02-29 00:00:00+00, 2028-03-01 00:00:00+00}'::timestamptz[],
  'budgets, its own and those of all together, are told to be whole again at midnight, and on the first, of UTC'
);

select * from finish();
rollback;
