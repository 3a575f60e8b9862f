-- Rules that hold whoever writes.
begin;
select plan(65);

select is((select count(*) from public.gateway_settings), 1::bigint, 'there is one row of settings');
select throws_ok(
  'insert into public.gateway_settings (only_row) values (true)', '23505', null,
  'there cannot be two'
);
select throws_ok(
  'insert into public.gateway_settings (only_row) values (false)', '23514', null,
  'there cannot be another kind'
);
select throws_ok(
  'update public.gateway_settings set request_log_retention_months = 0', '23514', null,
  'retention keeps something'
);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash a', 'sealed', 'alice');
select throws_ok(
  $$ insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values ('did:key:alice', 'hash b', 'sealed', 'alice') $$,
  '23505', null, 'a DID has one key'
);
select throws_ok(
  $$ insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values ('did:key:bob', 'hash a', 'sealed', 'bob') $$,
  '23505', null, 'a key has one DID'
);
select throws_ok(
  $$ insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values ('bob', 'hash b', 'sealed', 'bob') $$,
  '23514', null, 'an account belongs to a DID'
);
select throws_ok(
  $$ update public.user_api_keys set status = 'deleted' $$, '23514', null,
  'an account is active or disabled'
);

select throws_ok(
  $$ insert into public.request_logs (id, did, method, endpoint, status)
    values (gen_random_uuid(), 'did:key:alice', 'POST', '/x', 'completed') $$,
  '23514', null, 'what has ended has ended at some time'
);
select throws_ok(
  $$ insert into public.request_logs (id, did, method, endpoint, response_time)
    values (gen_random_uuid(), 'did:key:alice', 'POST', '/x', now()) $$,
  '23514', null, 'what is pending has not ended'
);
select throws_ok(
  $$ insert into public.request_logs (id, did, method, endpoint, cost_source)
    values (gen_random_uuid(), 'did:key:alice', 'POST', '/x', 'guess') $$,
  '23514', null, 'a cost comes from a known source'
);

insert into public.request_logs (id, did, method, endpoint)
values ('00000000-0000-4000-8000-00000000000a', 'did:key:alice', 'POST', '/chat/completions');
select throws_ok(
  $$ update public.request_logs set total_cost = 'NaN' where did = 'did:key:alice' $$,
  '23514', null, 'a cost is a number'
);
select throws_ok(
  $$ update public.request_logs set upstream_cost = 'Infinity' where did = 'did:key:alice' $$,
  '23514', null, 'a cost is finite'
);

select throws_ok(
  format($$ update public.request_logs set %s where did = 'did:key:alice' $$, change), '23514', null, rule
)
from (values
  ('total_cost = -5', 'a cost takes nothing back'),
  ('total_cost = 1e9 + 1', 'a cost is what some price could reach'),
  ('total_cost = 1e-101', 'a cost has digits that an amount can have'),
  ('upstream_cost = -5', 'nor does a provider pay'),
  ('upstream_cost = 1e9 + 1', 'nor more than some price could reach'),
  ('upstream_cost = 1e-101', 'nor in more digits'),
  ('input_tokens = -1', 'there are no fewer tokens than none'),
  ('output_tokens = 9007199254740992', 'there are no more than could be added up'),
  ('cached_tokens = -1', 'cached ones'),
  ('reasoning_tokens = -1', 'of any kind'),
  ('input_tokens = 1000000000001', 'nor more that went in than a model can read'),
  ('cached_tokens = 1000000000001', 'cached ones'),
  ('reasoning_tokens = 1000000000001', 'of any kind, too'),
  ($$session = repeat('ë', 129)$$, 'a session is short'),
  ($$label = repeat('ë', 129)$$, 'a label is short'),
  ($$status = 'ended'$$, 'a request has a known status')
) as refused (change, rule);
select lives_ok(
  format($$ update public.request_logs set %s where did = 'did:key:alice' $$, change), rule
)
from (values
  ('total_cost = 1e9, upstream_cost = 1e9', 'a cost may be as large as some price'),
  ('total_cost = 1e-100, upstream_cost = 1e-100', 'and as small'),
  ('input_tokens = 1000000000000, output_tokens = 1000000000000, cached_tokens = 1000000000000, reasoning_tokens = 1000000000000', 'there may be as many tokens as some model could read'),
  ($$session = repeat('ë', 128), label = repeat('ë', 128)$$, 'a session and a label have 128 characters')
) as taken (change, rule);
select throws_ok(
  $$ update public.user_api_keys set credit_limit = 'NaN' $$, '23514', null, 'a limit is a number'
);
select throws_ok(
  $$ update public.user_api_keys set credit_limit = 'Infinity' $$, '23514', null, 'a limit is finite'
);
select throws_ok(
  $$ update public.gateway_settings set default_credit_limit = 'NaN' $$, '23514', null,
  'and so is that of new keys'
);

select is(
  array(select public.are_model_patterns(patterns::text[]) from unnest(array['{}', '{a/b}', '{a/b:free, a/*}', '{a/b, a}', '{null}']) as patterns),
  '{true,true,true,false,false}', 'a list of models is one of patterns, each of them, or of nothing'
);

-- What has a lowest and a highest value, or a longest one.
create function pg_temp.takes(table_name text, member text, value text) returns boolean language plpgsql as $$
begin
  execute format('update public.%I set %I = %L', table_name, member, value);
  return true;
exception when check_violation then
  return false;
end;
$$;
insert into public.did_policies (did) values ('did:key:alice');
insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached)
values ('did:key:alice', 'day', '2026-11-22', 80, 1, 0.8);
insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id)
values ('did:key:alice', 'key', '\xab', '00000000-0000-4000-8000-00000000000a');
select is_empty(
  $$
    select table_name, member, value, is_good
    from (values
      ('gateway_settings', 'daily_budget_usd', 0, 1e9, 0.000001),
      ('gateway_settings', 'monthly_budget_usd', 0, 1e9, 0.000001),
      ('gateway_settings', 'default_daily_budget_usd', 0, 1e9, 0.000001),
      ('gateway_settings', 'default_monthly_budget_usd', 0, 1e9, 0.000001),
      ('gateway_settings', 'default_credit_limit', 0, 'Infinity'::numeric, 0.000001),
      ('gateway_settings', 'unknown_price_reserve_usd', 0, 1e6, 0.000001),
      ('gateway_settings', 'job_reserve_usd', 0, 1e6, 0.000001),
      ('gateway_settings', 'requests_per_minute', 1, 1e6, 1),
      ('gateway_settings', 'default_requests_per_minute', 1, 1e6, 1),
      ('gateway_settings', 'default_concurrent_requests', 1, 1e6, 1),
      ('gateway_settings', 'new_accounts_per_day', 0, 1e6, 1),
      ('gateway_settings', 'new_accounts_per_minute', 1, 1e6, 1),
      ('gateway_settings', 'default_reserved_output_tokens', 1, 1e8, 1),
      ('gateway_settings', 'free_models_per_minute', 1, 1e6, 1),
      ('gateway_settings', 'free_models_per_day', 0, 1e6, 1),
      ('gateway_settings', 'default_free_models_per_day', 0, 1e6, 1),
      ('gateway_settings', 'refused_requests_per_minute', 1, 1e6, 1),
      ('did_policies', 'daily_budget_usd', 0, 1e9, 0.000001),
      ('did_policies', 'monthly_budget_usd', 0, 1e9, 0.000001),
      ('did_policies', 'requests_per_minute', 1, 1e6, 1),
      ('did_policies', 'concurrent_requests', 1, 1e6, 1),
      ('did_policies', 'free_models_per_day', 0, 1e6, 1),
      ('user_api_keys', 'credit_limit', 0, 'Infinity'::numeric, 0.000001),
      ('request_logs', 'total_cost', 0, 1e9, 1e-100),
      ('request_logs', 'upstream_cost', 0, 1e9, 1e-100),
      ('request_logs', 'input_tokens', 0, 1e12, 1),
      ('request_logs', 'output_tokens', 0, 1e12, 1),
      ('request_logs', 'cached_tokens', 0, 1e12, 1),
      ('request_logs', 'reasoning_tokens', 0, 1e12, 1)
    ) as limits (table_name, member, lowest, highest, step)
    cross join lateral (values
      (lowest - step, false), (lowest, true), (lowest + step, true),
      -- A limit that has no end is none.
      (highest, highest < 'Infinity'), (highest + step, false)
    ) as tried (value, is_good)
    where pg_temp.takes(table_name, member, value::text) <> is_good
  $$,
  'numbers take their lowest and highest values, and none beyond'
);
select is_empty(
  $$
    select table_name, member, length(value), is_good
    from (values
      ('user_api_keys', 'did', 512), ('did_policies', 'did', 512),
      ('request_logs', 'session', 128), ('request_logs', 'label', 128)
    ) as texts (table_name, member, longest)
    cross join lateral (values
      (rpad('did:key:', longest, 'x'), true), (rpad('did:key:', longest + 1, 'x'), false)
    ) as tried (value, is_good)
    where pg_temp.takes(table_name, member, value) <> is_good
  $$,
  'names are as long as the gateway takes them, and no longer'
);
select is_empty(
  $$
    select table_name, member, value, is_good
    from (values
      ('gateway_settings', 'default_credit_limit_reset', '{daily,weekly,monthly}'::text[], '{yearly}'::text[]),
      ('gateway_settings', 'request_log_retention_months', '{1,1200}', '{0,1201}'),
      ('gateway_settings', 'access_mode', '{open,allowlist}', '{closed,Open}'),
      (
        'gateway_settings', 'allowed_server_tools', array['{}', '{a:b_c.d-9,e}'],
        array['{Web}', '{"web search"}', '{null}', '{"!web"}', '{"web!"}', '{{a},{b}}', '{container}', '{a,file}', '{preset,a}',
          '{vector_store}', '{openrouter:files}', '{a,openrouter:b}']
      ),
      (
        'gateway_settings', 'shared_features',
        array['{openrouter:files}', '{openrouter:shell,openrouter:bash}', '{container,file,preset,vector_store}', '{}'],
        array['{files}', '{null}', '{{container},{file}}']
      ),
      ('user_api_keys', 'credit_limit_reset', '{daily,weekly,monthly}', '{yearly}'),
      ('did_policies', 'did', '{did:web:a}', '{alice}'),
      ('did_policies', 'access', '{allowed,blocked}', '{banned,Allowed}'),
      ('user_api_keys', 'did', '{did:web:a}', '{alice,a did:web:a}'),
      ('request_logs', 'cost_source', '{response,generation,reconciliation}', '{guess,Response}'),
      ('budget_alerts', 'kind', '{day,month,new_accounts}', '{week}'),
      ('budget_alerts', 'threshold', '{50,80,100}', '{49,51,79,81,99,101}')
    ) as kinds (table_name, member, good, bad)
    cross join lateral (
      select unnest(good) as value, true as is_good union all select unnest(bad), false
    ) as tried
    where pg_temp.takes(table_name, member, value) <> is_good
  $$,
  'kinds are those that there are'
);
select throws_ok(
  $$ update public.request_logs set status = 'ended', response_time = now() $$, '23514', null,
  'a request ends as completed or failed'
);
select throws_ok(
  'insert into public.maintenance_runs (only_row, run_id, expires_at) values (false, gen_random_uuid(), now())', '23514', null,
  'there is one lease of maintenance'
);
select throws_ok(
  $$ insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id)
    select did, 'another key', body_hash, request_id from public.idempotency_keys $$,
  '23505', null, 'a request has one Idempotency-Key'
);
select throws_ok(
  $$ insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached)
    select did, kind, period_start, threshold, 2, 1.6 from public.budget_alerts $$,
  '23505', null, 'a threshold of a period is reached once'
);

-- What a row has of which nothing is told but what it must have: the rest, and which of it may be null.
create function pg_temp.made(table_name text, given jsonb) returns jsonb language plpgsql as $$
declare
  v_columns text := (select string_agg(quote_ident(key), ', ') from jsonb_object_keys(given) as key);
  v_row jsonb;
  v_column text;
  v_nullable text[] := '{}';
begin
  execute format('delete from public.%I', table_name);
  if given = '{}' then
    execute format('insert into public.%I as made default values returning to_jsonb(made)', table_name) into v_row;
  else
    execute format(
      'insert into public.%1$I as made (%2$s) select %2$s from jsonb_populate_record(null::public.%1$I, $1) returning to_jsonb(made)',
      table_name, v_columns
    ) into v_row using given;
  end if;
  for v_column in
    select attname from pg_catalog.pg_attribute
    where attrelid = ('public.' || table_name)::regclass and attnum > 0 and not attisdropped order by attname
  loop
    begin
      execute format('delete from public.%I', table_name);
      execute format('insert into public.%1$I select (jsonb_populate_record(null::public.%1$I, $1)).*', table_name)
      using v_row || jsonb_build_object(v_column, null);
      v_nullable := v_nullable || v_column;
    exception when not_null_violation then
      null;
    end;
  end loop;
  return jsonb_build_object(
    'begins', (
      select coalesce(jsonb_object_agg(key, case value when to_jsonb(now()) then '"now"' when '"-infinity"' then '"never"' else value end), '{}')
      from jsonb_each(jsonb_strip_nulls(v_row)) where not given ? key and key not in ('id', 'started_at')
    ),
    'nullable', array_to_string(v_nullable, ' ')
  );
end;
$$;
create temporary table counts on commit drop as select '{"requests": 0, "failed_requests": 0, "input_tokens": 0, "output_tokens": 0,
  "cached_tokens": 0, "reasoning_tokens": 0, "total_cost": 0, "upstream_cost": 0, "requests_without_cost": 0}'::jsonb as none;
select is(
  pg_temp.made(table_name, given), jsonb_build_object('begins', begins, 'nullable', nullable), format('a row of %s begins so', table_name)
)
from counts cross join lateral (values
  ('accepted_messages', '{"message_hash": "\\x01", "expires_at": "2026-01-01"}'::jsonb, '{}'::jsonb, ''),
  (
    'budget_alerts', '{"did": "*", "kind": "day", "period_start": "2026-01-01", "threshold": 50, "limit_value": 1, "reached": 1}',
    '{"reached_at": "now", "attempts": 0, "attempt_after": "never"}', 'delivered_at'
  ),
  (
    'budgets', '{"did": "*", "day": "2026-01-01", "month": "2026-01-01"}',
    '{"day_spent_usd": 0, "day_reserved_usd": 0, "day_alerted": 0, "day_free_requests": 0, "day_new_accounts": 0, "new_accounts_alerted": 0,
      "month_spent_usd": 0, "month_reserved_usd": 0, "month_alerted": 0, "requests_under_way": 0, "requests_used_until": "never",
      "free_requests_used_until": "never", "refusals_used_until": "never", "new_accounts_used_until": "never"}', ''
  ),
  (
    'cost_checks', '{"did": "did:key:a", "claimed_at": "2026-01-01"}', '{"searches": 0}',
    'equal_at is_equal search_after searched_to surplus_byok_usd surplus_usd'
  ),
  (
    'cost_drift', '{"did": "did:key:a", "since": "2026-01-01", "checked_at": "2026-01-01", "openrouter_usd": 1, "booked_usd": 1, "drift_usd": 0, "booked_byok_usd": 0}',
    '{}', 'byok_drift_usd openrouter_byok_usd'
  ),
  (
    'did_policies', '{"did": "did:key:a"}', '{"created_at": "now", "updated_at": "now"}',
    'access allowed_models concurrent_requests daily_budget_usd free_models_per_day monthly_budget_usd requests_per_minute tokens_valid_after'
  ),
  ('found_generations', '{"generation_id": "gen-1", "did": "did:key:a"}', '{"found_at": "now"}', 'request_id'),
  (
    'gateway_settings', '{}',
    '{"only_row": true, "updated_at": "now", "shared_features": [], "access_mode": "open", "daily_budget_usd": 5, "monthly_budget_usd": 50,
      "requests_per_minute": 1000, "default_daily_budget_usd": 2, "default_monthly_budget_usd": 20, "default_requests_per_minute": 60,
      "default_concurrent_requests": 10, "new_accounts_per_day": 100, "new_accounts_per_minute": 10, "default_reserved_output_tokens": 65536,
      "unknown_price_reserve_usd": 1, "job_reserve_usd": 5, "allowed_server_tools": ["web_search", "web_fetch", "datetime"],
      "free_models_per_minute": 20, "free_models_per_day": 50, "default_free_models_per_day": 10, "refused_requests_per_minute": 20}',
    'daily_budget_usd default_allowed_models default_concurrent_requests default_credit_limit default_credit_limit_reset default_daily_budget_usd '
      || 'default_free_models_per_day default_monthly_budget_usd default_requests_per_minute free_models_per_day free_models_per_minute '
      || 'monthly_budget_usd new_accounts_per_day new_accounts_per_minute refused_requests_per_minute request_log_dropped_before request_log_retention_months requests_per_minute'
  ),
  ('idempotency_keys', '{"did": "did:key:a", "idempotency_key": "k", "body_hash": "\\x01", "request_id": "00000000-0000-4000-8000-00000000000a"}', '{"created_at": "now"}', ''),
  (
    'key_provisioning', '{"did": "did:key:a", "attempt_id": "00000000-0000-4000-8000-00000000000a", "expires_at": "2026-01-01"}',
    '{"first_claimed_at": "now"}', 'counted_on'
  ),
  ('key_usages', '{"openrouter_key_hash": "h", "did": "did:key:a", "read_at": "2026-01-01"}', '{"is_final": false}', 'byok_usage gone_since usage'),
  ('maintenance_runs', '{"run_id": "00000000-0000-4000-8000-00000000000a", "expires_at": "2026-01-01"}', '{"only_row": true}', ''),
  (
    'request_logs', '{"id": "00000000-0000-4000-8000-00000000000a", "did": "did:key:a", "method": "POST", "endpoint": "/x"}',
    '{"request_time": "now", "status": "pending", "created_at": "now", "streaming": false, "reserved_usd": 0, "given_up": false, "cost_asks": 0}',
    'cached_tokens cost_ask_after cost_source error_message estimate_usd first_byte_ms generation_id http_status input_tokens label model '
      || 'native_finish_reason output_tokens provider reasoning_tokens reserved_on response_time session total_cost upstream_cost'
  ),
  ('retired_api_keys', '{"did": "did:key:a", "openrouter_key_hash": "h", "key_name": "n", "created_at": "2026-01-01"}', '{"retired_at": "now"}', 'credit_limit'),
  ('usage_daily', '{"did": "did:key:a", "day": "2026-01-01", "model": "m", "endpoint": "/x"}', none, ''),
  (
    'usage_daily_of_all', '{"day": "2026-01-01", "model": "m", "endpoint": "/x"}' || none, '{}', ''
  ),
  ('usage_day_changes', '{"day": "2026-01-01"}', '{}', ''),
  (
    'usage_hourly', '{"did": "did:key:a", "hour": "2026-01-01", "model": "m", "endpoint": "/x"}',
    none || jsonb_build_object('first_byte_ms', array_fill(0, array[40]), 'duration_ms', array_fill(0, array[40])), ''
  ),
  (
    'user_api_keys', '{"did": "did:key:a", "openrouter_key_hash": "h", "encrypted_api_key": "e", "key_name": "n"}',
    '{"status": "active", "created_at": "now", "updated_at": "now"}', 'applied_credit_limit applied_credit_limit_reset credit_limit credit_limit_reset'
  )
) as tables (table_name, given, begins, nullable);
select set_eq(
  $$ select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_catalog.pg_constraint
    where connamespace = 'public'::regnamespace and contype in ('p', 'u') and conrelid <> 0 $$,
  $$ values ('accepted_messages', 'PRIMARY KEY (message_hash)'),
    ('budget_alerts', 'PRIMARY KEY (id)'), ('budget_alerts', 'UNIQUE (did, kind, period_start, threshold)'),
    ('budgets', 'PRIMARY KEY (did)'), ('cost_checks', 'PRIMARY KEY (did)'), ('cost_drift', 'PRIMARY KEY (did, since)'),
    ('did_policies', 'PRIMARY KEY (did)'), ('found_generations', 'PRIMARY KEY (generation_id)'),
    ('gateway_settings', 'PRIMARY KEY (only_row)'), ('idempotency_keys', 'PRIMARY KEY (did, idempotency_key, body_hash)'),
    ('idempotency_keys', 'UNIQUE (request_id)'), ('key_provisioning', 'PRIMARY KEY (did)'),
    ('key_usages', 'PRIMARY KEY (openrouter_key_hash)'), ('maintenance_runs', 'PRIMARY KEY (only_row)'),
    ('request_logs', 'PRIMARY KEY (id, request_time)'), ('retired_api_keys', 'PRIMARY KEY (id)'),
    ('usage_daily', 'PRIMARY KEY (did, day, model, endpoint)'), ('usage_daily_of_all', 'PRIMARY KEY (day, model, endpoint)'),
    ('usage_hourly', 'PRIMARY KEY (did, hour, model, endpoint)'), ('user_api_keys', 'PRIMARY KEY (id)'),
    ('user_api_keys', 'UNIQUE (did)'), ('user_api_keys', 'UNIQUE (openrouter_key_hash)') $$,
  'these are what no two rows have in common'
);
select is_empty(
  $$ select relname from pg_catalog.pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
    and not relname = any (string_to_array(
      'accepted_messages budget_alerts budgets cost_checks cost_drift did_policies found_generations gateway_settings idempotency_keys '
      'key_provisioning key_usages maintenance_runs request_logs retired_api_keys usage_daily usage_daily_of_all usage_day_changes usage_hourly '
      'user_api_keys', ' ')) $$,
  'that is every table'
);

select * from finish();
rollback;
