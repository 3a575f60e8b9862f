-- Rules that hold whoever writes.
begin;
select plan(31);

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
  ('input_tokens = -1', 'there are no fewer tokens than none'),
  ('output_tokens = 9007199254740992', 'there are no more than could be added up'),
  ('reasoning_tokens = -1', 'of any kind')
) as refused (change, rule);
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
      ('gateway_settings', 'request_log_retention_months', '{1}', '{0}'),
      ('user_api_keys', 'credit_limit_reset', '{daily,weekly,monthly}', '{yearly}'),
      ('did_policies', 'did', '{did:web:a}', '{alice}'),
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

select * from finish();
rollback;
