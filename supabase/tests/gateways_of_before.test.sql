-- What the function of before calls while its database is upgraded under it: with parameters, not JSON.
-- maintain.test.sql has the call of its schedules.
begin;
select plan(30);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
select 'did:key:' || name, 'hash ' || name, 'sealed', name from unnest('{bob, carol, dave}'::text[]) as name;

create function pg_temp.request(n integer) returns uuid language sql
return ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;

create function pg_temp.decision(n integer, did text, model text default 'openai/x') returns text language sql
return public.admit_request(
  pg_temp.request(n), did, 'POST', '/chat/completions', true, model,
  p_idempotency_key => n::text, p_body_hash => 'ab'
) ->> 'decision';

set local role service_role;

-- Admission.
select is(
  (public.admit_request(pg_temp.request(1), 'did:key:bob', 'POST', '/chat/completions', true, 'a/b:free', true)
    ->> 'request_time')::timestamptz,
  now(), 'it is served on'
);
select results_eq(
  $$ select did, method, endpoint, model, streaming from public.request_logs $$,
  $$ values ('did:key:bob', 'POST', '/chat/completions', 'a/b:free', true) $$, 'with all that it tells'
);
select public.set_gateway_limits(free_models_per_day => 1);
select is(
  public.admit_request(pg_temp.request(2), 'did:key:bob', 'POST', '/chat/completions', true, 'a/b:free'),
  '{"decision": "access_denied"}', 'its calls of free models are counted by the model''s name'
);
select is(
  public.admit_request(pg_temp.request(3), 'did:key:bob', 'POST', '/a/b:free', true, 'a/b') ->> 'decision',
  'admitted', 'and no others'
);
select is(pg_temp.decision(4, 'did:key:carol'), 'admitted', 'a DID that may call any model is admitted');
select is(pg_temp.decision(4, 'did:key:carol'), 'duplicate', 'once with an Idempotency-Key');
select public.set_limits('did:key:carol', allowed_models => '{openai/*}');
select is(
  pg_temp.decision(5, 'did:key:carol'), 'access_denied',
  'where models are limited it is refused, because it does not tell all that may run'
);
select public.set_limits('did:key:dave', concurrent_requests => 1);
select is(pg_temp.decision(6, 'did:key:dave'), 'admitted', 'limits hold for it');
select is(pg_temp.decision(7, 'did:key:dave'), 'access_denied', 'and it can tell its clients');
select is(
  public.admit_request(
    pg_temp.request(8), 'did:key:bob', 'POST', '/responses', true, p_shared_features => '{file, preset}'
  ),
  '{"decision": "feature_not_allowed", "feature": "file"}', 'what DIDs share is closed to it'
);
select is(
  public.admit_request(
    pg_temp.request(8), 'did:key:bob', 'POST', '/responses', true, p_message_hash => hash,
    p_message_expires_at => now() + interval '1 minute'
  ) ->> 'decision',
  decision, 'a message is accepted once'
)
from (values ('ab', 'admitted'), ('ab', 'replayed')) as call (hash, decision);
insert into public.did_policies (did, tokens_valid_after) values ('did:key:bob', now());
select is(
  public.admit_request(
    pg_temp.request(9), 'did:key:bob', 'GET', '/models', false, p_token_issued_at => now() - interval '1 day'
  ),
  '{"decision": "token_revoked"}', 'a revocation holds'
);

-- A DID without a key, and with a job.
insert into public.request_logs (id, did, method, endpoint, generation_id)
values (pg_temp.request(20), 'did:key:alice', 'POST', '/videos', 'job-alice'),
  (pg_temp.request(21), 'did:key:fresh', 'POST', '/videos', 'job');
select is(
  public.admit_request(pg_temp.request(22), 'did:key:fresh', 'GET', '/models', false) ->> 'decision',
  'needs_provisioning', 'one that cannot do without a key is told to make it'
);
select results_eq(
  $$
    select public.admit_request(
      pg_temp.request(23), 'did:key:fresh', 'GET', '/x', false, p_owned_generation => of_path,
      p_owned_generations => of_body, p_may_lack_key => true
    ) ->> 'decision'
    from (values ('job', '{}'::text[]), ('job-alice', '{job}'), ('job', '{job-alice}'), (null, '{job, job}'))
      as call (of_path, of_body)
  $$,
  $$ values ('admitted'), ('not_owned'), ('not_owned'), ('admitted') $$,
  'what its path names must be its own, and what its body does'
);

-- Settlement.
select is(
  public.settle_request(
    pg_temp.request(1), now(), 'completed', 200, null, 'answered/by', 'DeepInfra', 'gen-1', 120, 850, 20, 30,
    '1420', '1000', '0.000001', 'response', 345, false, 'stop'
  ),
  '{"settled": true, "total_cost": "0.00142", "left_out": null}', 'its settlement is taken'
);
select results_eq(
  $$
    select status, http_status::integer, error_message, model, provider, generation_id, input_tokens,
      output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost, cost_source, first_byte_ms,
      native_finish_reason, reserved_usd
    from public.request_logs where id = pg_temp.request(1)
  $$,
  $$
    values ('completed', 200, null::text, 'answered/by', 'DeepInfra', 'gen-1', 120::bigint, 850::bigint,
      20::bigint, 30::bigint, 0.00142, 0.001, 'response', 345, 'stop', 0::numeric)
  $$,
  'with all that it tells'
);
select public.settle_request(
  pg_temp.request(3), now(), 'failed', p_error_message => 'worker_retired: wall_clock'
);
select is(
  public.settle_request(pg_temp.request(3), now(), 'completed', 200, p_cost => '0.5') ->> 'settled', told,
  'what it gave up, by the words of its message, takes the settlement of a worker that lived after all, once'
)
from unnest('{true, false}'::text[]) as told;
select public.settle_request(
  pg_temp.request(8), now(), 'failed', p_error_message => 'workers on strike', p_cost => '0.1'
);
select is(
  public.settle_request(pg_temp.request(8), now(), 'completed', 200, p_cost => '0.5') ->> 'settled', 'false',
  'what only sounds so was not given up'
);
select results_eq(
  $$ select status, error_message, streaming from public.request_logs where id in (pg_temp.request(3), pg_temp.request(8)) order by id $$,
  $$ values ('completed', null, false), ('failed', 'workers on strike', false) $$,
  'and says why it failed; no stream was asked for, unless it says so'
);
select public.settle_request(pg_temp.request(4), now(), 'completed', 399);
select is(pg_temp.decision(4, 'did:key:carol'), 'access_denied', 'before any Idempotency-Key it is looked who may call');
select public.set_limits('did:key:carol', clear => '{allowed_models}');
select is(pg_temp.decision(4, 'did:key:carol'), 'duplicate', 'what was answered keeps its Idempotency-Key');
select public.settle_request(pg_temp.request(6), now(), 'failed', 400);
select is(pg_temp.decision(10, 'did:key:dave'), 'admitted', 'what was settled is no longer under way');
select is(
  (select count(*)::integer from public.idempotency_keys where request_id = pg_temp.request(6)), 0,
  'what OpenRouter refused may be repeated'
);
select public.settle_request(pg_temp.request(10), now(), 'failed', p_never_sent => true);
select is(
  (select count(*)::integer from public.idempotency_keys where request_id = pg_temp.request(10)), 0,
  'and what it never got'
);

-- Costs of jobs.
select public.settle_request(pg_temp.request(21), now(), 'completed', 200, p_generation_id => 'job');
select is(
  public.book_late_cost('did:key:fresh', 'job', '400000', '1000', '0.000001'), told, 'a job''s cost is booked once'
)
from unnest('{true, false}'::boolean[]) as told;
select results_eq(
  $$ select total_cost, upstream_cost, cost_source from public.request_logs where generation_id = 'job' $$,
  $$ values (0.4, 0.001, 'response') $$, 'as its answer told it'
);
select public.set_limits('did:key:dave', daily_budget_usd => 0, clear => '{concurrent_requests}');
select is(pg_temp.decision(11, 'did:key:dave'), 'access_denied', 'what a budget has no room for, it can tell its clients, too');

select * from finish();
rollback;
