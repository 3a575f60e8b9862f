-- The request log as its owner reads it: page by page, whatever happens meanwhile, or one by one.
begin;
select plan(18);

insert into public.request_logs (id, did, method, endpoint, model, request_time, session, label)
select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
  'did:key:' || (array['alice', 'bob'])[1 + n % 2], 'POST', '/x', 'm',
  -- Several at the same time, and over several months.
  now() - n / 3 * interval '13 hours',
  (array['s', null])[1 + n % 3 / 2], (array['l', 'other', null])[1 + n % 3]
from generate_series(1, 200) as n;
set local role service_role;

-- All pages of so many, as ids in the order in which they are told.
create function pg_temp.pages(
  p_did text, p_limit integer, p_session text default null, p_label text default null
) returns uuid[] language plpgsql as $$
declare
  v_page jsonb;
  v_ids uuid[] := '{}';
  v_time timestamptz;
  v_id uuid;
begin
  loop
    v_page := public.usage_requests(p_did, p_limit, v_time, v_id, p_session, p_label);
    exit when v_page = '[]';
    v_ids := v_ids || array(select (r ->> 'id')::uuid from jsonb_array_elements(v_page) as r);
    v_time := v_page -> -1 ->> 'request_time';
    v_id := v_page -> -1 ->> 'id';
  end loop;
  return v_ids;
end;
$$;
select is(
  pg_temp.pages('did:key:alice', size),
  array(select id from public.request_logs where did = 'did:key:alice' order by request_time desc, id desc),
  format('pages of %s have every row once, newest first', size)
) from unnest('{1, 2, 7, 50, 99, 100, 201}'::integer[]) as size;
select is(
  pg_temp.pages('did:key:alice', 3, p_session => 's'),
  array(select id from public.request_logs where did = 'did:key:alice' and session = 's' order by request_time desc, id desc),
  'those of a session'
);
select is(
  pg_temp.pages('did:key:bob', 3, p_label => 'other'),
  array(select id from public.request_logs where did = 'did:key:bob' and label = 'other' order by request_time desc, id desc),
  'those of a label'
);
select is(
  pg_temp.pages('did:key:bob', 3, 's', 'l'),
  array(select id from public.request_logs where did = 'did:key:bob' and session = 's' and label = 'l' order by request_time desc, id desc),
  'those of both'
);
select is(public.usage_requests('did:key:nobody', 10), '[]', 'who has none gets none');

-- While rows arrive and settle.
create temporary table page on commit drop as
select public.usage_requests('did:key:alice', 20) as first;
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200,
    'cost', '0.1'
  )) from public.request_logs;
end;
$$;
insert into public.request_logs (id, did, method, endpoint) values (gen_random_uuid(), 'did:key:alice', 'POST', '/x');
select is(
  (select array_agg(id) from (
    select (r ->> 'id')::uuid as id from page, jsonb_array_elements(first) as r
    union all
    select (r ->> 'id')::uuid from page, jsonb_array_elements(public.usage_requests(
      'did:key:alice', 200, (first -> -1 ->> 'request_time')::timestamptz, (first -> -1 ->> 'id')::uuid
    )) as r
  ) as told),
  array(
    select id from public.request_logs where did = 'did:key:alice' and model = 'm' order by request_time desc, id desc
  ),
  'the second page goes on where the first one ended'
);

-- One request.
select is(
  public.usage_request('did:key:bob', '00000000-0000-0000-0000-000000000001'),
  jsonb_build_object(
    'id', '00000000-0000-0000-0000-000000000001',
    'request_time', to_char(log.request_time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'response_time', to_char(log.response_time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'status', 'completed', 'model', 'm', 'provider', null, 'endpoint', '/x', 'streaming', false,
    'http_status', 200, 'input_tokens', null, 'output_tokens', null, 'cached_tokens', null,
    'reasoning_tokens', null, 'cost', '0.1', 'cost_source', null, 'generation_id', null,
    'session', 's', 'label', 'other', 'error_message', null
  ),
  'a request is told as the log has it'
) from public.request_logs as log where id = '00000000-0000-0000-0000-000000000001';
select is(
  public.told_request(jsonb_populate_record(null::public.request_logs, '{
    "id": "00000000-0000-0000-0000-000000000003", "did": "did:key:alice", "method": "POST",
    "request_time": "2026-03-01T02:03:04.5+02:00", "response_time": "2026-03-01T00:03:06.000007Z",
    "status": "failed", "model": "vendor/model", "provider": "Provider", "endpoint": "/responses",
    "streaming": true, "http_status": 502, "input_tokens": 1, "output_tokens": 2, "cached_tokens": 3,
    "reasoning_tokens": 4, "total_cost": 0.50, "cost_source": "openrouter", "generation_id": "gen-1",
    "session": "session", "label": "label", "error_message": "message"
  }')),
  '{
    "id": "00000000-0000-0000-0000-000000000003",
    "request_time": "2026-03-01T00:03:04.500000Z", "response_time": "2026-03-01T00:03:06.000007Z",
    "status": "failed", "model": "vendor/model", "provider": "Provider", "endpoint": "/responses",
    "streaming": true, "http_status": 502, "input_tokens": 1, "output_tokens": 2, "cached_tokens": 3,
    "reasoning_tokens": 4, "cost": "0.5", "cost_source": "openrouter", "generation_id": "gen-1",
    "session": "session", "label": "label", "error_message": "message"
  }',
  'with each value under its own name'
);
select is(
  public.usage_request('did:key:alice', '00000000-0000-0000-0000-000000000001'), null, 'to nobody else'
);
select is(public.usage_request('did:key:bob', gen_random_uuid()), null, 'nor is one that there is not');

-- What a request belongs to is admitted with it.
reset role;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:carol', 'hash carol', 'sealed', 'carol');
create function pg_temp.asked(p_id uuid) returns jsonb language sql as $$
  select jsonb_build_object(
    'request_id', p_id, 'did', 'did:key:carol', 'method', 'POST', 'endpoint', '/x', 'metered', true,
    'models', '["m"]'::jsonb, 'estimate', '[{"usd": "0.1"}]'::jsonb, 'server_tools', '[]'::jsonb,
    'shared_features', '[]'::jsonb, 'owned_generations', '[]'::jsonb, 'session', 'session of ' || p_id,
    'label', 'Zoë'
  )
$$;
select public.admit_request(pg_temp.asked('00000000-0000-0000-0002-000000000001'));
select public.admit_requests(jsonb_build_array(
  pg_temp.asked('00000000-0000-0000-0002-000000000002'), pg_temp.asked('00000000-0000-0000-0002-000000000003')
)::text);
select results_eq(
  $$ select right(id::text, 1), session, label from public.request_logs where did = 'did:key:carol' order by id $$,
  $$ select n::text, 'session of 00000000-0000-0000-0002-00000000000' || n, 'Zoë' from generate_series(1, 3) as n $$,
  'alone or with others'
);
select throws_ok(
  $$ select public.admit_request(pg_temp.asked(gen_random_uuid()) || jsonb_build_object('label', repeat('ë', 129))) $$,
  '23514', null, 'Postgres keeps no longer name than the gateway takes'
);

select * from finish();
rollback;
