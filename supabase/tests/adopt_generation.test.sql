-- What OpenRouter made and no row says of: booked once, never beyond OpenRouter's sum.
begin;
select plan(89);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash', 'x', 'n');
insert into public.key_usages (openrouter_key_hash, did, usage, byok_usage, read_at)
values ('hash', 'did:key:alice', 10, 1, now());

-- A row that its gateway has left: without a generation, and without a cost.
create function pg_temp.lost(p_n integer, p_model text, p_age interval, p_endpoint text default '/chat/completions')
returns void language sql as $$
  insert into public.request_logs (id, did, method, endpoint, model, request_time, status, response_time, given_up)
  values (
    ('00000000-0000-4000-8000-00000000000' || p_n)::uuid, 'did:key:alice', 'POST', p_endpoint, p_model,
    now() - p_age, 'failed', now(), true
  );
  select count(public.count_in_usage(log, 1)) from public.request_logs as log
  where id = ('00000000-0000-4000-8000-00000000000' || p_n)::uuid;
$$;
create function pg_temp.adopt(
  p_ids text[], p_model text, p_age interval, p_cost text, p_any_row boolean default false,
  p_endpoint text default '/chat/completions', p_upstream_cost text default null
) returns text language sql as $$
  select public.adopt_generation(
    jsonb_build_object(
      'did', 'did:key:alice', 'created_at', now() - p_age, 'model', p_model, 'endpoint', p_endpoint,
      'streaming', true, 'usd_per_credit', '1', 'input_tokens', 7,
      'generations', (
        select jsonb_agg(jsonb_build_object('id', id, 'cost', p_cost, 'upstream_cost', p_upstream_cost))
        from unnest(p_ids) as id
      )
    ),
    p_any_row
  );
$$;
create function pg_temp.owner_of(p_id text) returns text language sql as $$
  select right(id::text, 1) from public.request_logs where generation_id = p_id;
$$;

-- Which row.
select pg_temp.lost(1, 'a/one', '20 minutes'), pg_temp.lost(2, 'a/two', '20 minutes'),
  pg_temp.lost(3, 'a/one', '10 minutes');
select is(pg_temp.adopt('{gen-a}', 'a/one', '9 minutes', '1'), 'adopted', 'a lost row gets the cost');
select is(pg_temp.owner_of('gen-a'), '3', 'the one of the model that is nearest in time');
select results_eq(
  $$ select status, total_cost, cost_source, input_tokens, given_up from public.request_logs where generation_id = 'gen-a' $$,
  $$ values ('failed', 1::numeric, 'reconciliation', 7::bigint, false) $$,
  'with what else is known'
);
select is(
  (select sum(total_cost) from public.usage_daily), 1::numeric, 'and it is counted'
);
select is(pg_temp.adopt('{gen-a}', 'a/one', '9 minutes', '1', true), 'known', 'once');
select is(pg_temp.adopt('{gen-b}', 'a/three', '9 minutes', '1'), 'no_row', 'of another model, none fits well');
select is(pg_temp.adopt('{gen-b}', 'a/two-2026-11-01', '9 minutes', '1'), 'adopted', 'but the version of an alias');
select is(pg_temp.owner_of('gen-b'), '2', 'does');
select is(
  (select string_agg(right(id::text, 1), ' ') from public.request_logs where given_up), '1',
  'and the others stay given up, that which began in the same microsecond, too'
);
select is(
  pg_temp.adopt('{gen-c}', 'a/three', '9 minutes', '1', true), 'adopted', 'where any row will do, a fallback''s'
);
select is(pg_temp.owner_of('gen-c'), '1', 'is a row''s that asked for another model');
select is(
  pg_temp.adopt('{gen-d}', 'a/one', '9 minutes', '0.5', true), 'own_row', 'what fits none has a row of its own'
);
select results_eq(
  $$
    select status, endpoint, request_time = now() - interval '9 minutes', total_cost, cost_source, streaming
    from public.request_logs where generation_id = 'gen-d'
  $$,
  $$ values ('completed', '/chat/completions', true, 0.5::numeric, 'reconciliation', true) $$,
  'at its own time'
);
select is((select sum(total_cost) from public.usage_daily), 3.5, 'counted, too');
select is(pg_temp.adopt('{gen-d}', 'a/one', '9 minutes', '0.5', true), 'known', 'once');
select is(
  pg_temp.adopt('{gen-0}', 'a/one', '9 minutes', '0', true), 'known', 'what failed for free gets none'
);
select is(pg_temp.adopt('{gen-0}', 'a/one', '9 minutes', '0'), 'known', 'and is not looked at again');
select pg_temp.lost(4, 'a/one', '2 hours');
select is(
  pg_temp.adopt('{gen-e}', 'a/one', '9 minutes', '0.5'), 'no_row', 'a row of hours before is none that fits'
);

-- Several of one request.
select pg_temp.lost(5, 'a/one', '10 minutes');
select is(pg_temp.adopt('{gen-f,gen-g}', 'a/one', '9 minutes', '1'), 'adopted', 'parts are one cost');
select is(
  (select total_cost from public.request_logs where generation_id = 'gen-f'), 2::numeric, 'their sum'
);
select is(
  public.unbooked_generations('did:key:alice', '{gen-x,gen-g,gen-f,gen-y}'), '{gen-x,gen-y}',
  'and all of them are in the books'
);
select public.note_parts('did:key:alice', '{gen-x}');
select public.note_parts('did:key:alice', '{gen-x}');
select is(
  public.unbooked_generations('did:key:alice', '{gen-x,gen-y}'), '{gen-y}',
  'so are the parts of a sum that an answer told'
);

-- A row that has the id, and no cost.
select pg_temp.lost(6, 'a/one', '3 hours');
update public.request_logs set generation_id = 'gen-h' where id = '00000000-0000-4000-8000-000000000006';
select is(pg_temp.adopt('{gen-h}', 'a/other', '9 minutes', '1'), 'adopted', 'a generation goes to the row that has its id');
select is((select total_cost from public.request_logs where generation_id = 'gen-h'), 1::numeric, 'which is priced by it');
-- Another's: one that has the id, one that was lost, and one that may still have it.
insert into public.request_logs (id, did, method, endpoint, model, request_time, status, response_time, generation_id)
select gen_random_uuid(), 'did:key:other', 'POST', '/x', 'a/other', now() - interval '9 minutes', status, ended, generation_id
from (values ('failed', now(), 'gen-other'), ('failed', now(), null), ('pending', null, null)) as others (status, ended, generation_id);
select is(pg_temp.adopt('{gen-other}', 'a/other', '9 minutes', '0', true), 'known', 'but to no row of another DID');
select is((select total_cost from public.request_logs where generation_id = 'gen-other'), null, 'which has no cost by it');

-- Bounds. 6.5 of 10 are booked.
select is(pg_temp.adopt('{gen-i}', 'a/one', '9 minutes', '3.6', true), 'exceeds', 'the sum must not exceed OpenRouter''s');
select is(
  pg_temp.adopt('{gen-i}', 'a/one', '9 minutes', '1', true, '/chat/completions', '1.1'), 'exceeds',
  'nor that of upstream costs'
);
insert into public.request_logs (id, did, method, endpoint, request_time)
values ('00000000-0000-4000-8000-000000000007', 'did:key:alice', 'POST', '/x', now() - interval '10 minutes');
select is(
  pg_temp.adopt('{gen-i}', 'a/one', '11 minutes', '1', true), 'pending',
  'it may be a pending request''s'
);
select is(
  pg_temp.adopt('{gen-i}', 'a/one', '11 minutes 1 microsecond', '1', true), 'own_row', 'but of none that came later'
);
delete from public.request_logs where status = 'pending';

-- A key that is gone: OpenRouter does not tell its upstream costs any more, and its costs only.
insert into public.key_usages (openrouter_key_hash, did, usage, byok_usage, read_at, gone_since)
values ('gone', 'did:key:bob', 3, 0, now(), now());
insert into public.request_logs (
  id, did, method, endpoint, request_time, status, response_time, generation_id, total_cost, upstream_cost, cost_source
) values (
  gen_random_uuid(), 'did:key:bob', 'POST', '/x', now() - interval '10 minutes', 'completed', now(), 'gen-own', 1, 20, 'response'
);
select count(public.count_in_usage(log, 1)) from public.request_logs as log where did = 'did:key:bob';
create function pg_temp.adopt_bobs(p_id text, p_cost text) returns text language sql as $$
  select public.adopt_generation(
    jsonb_build_object(
      'did', 'did:key:bob', 'created_at', now() - interval '9 minutes', 'model', 'a/one',
      'usd_per_credit', '1', 'generations', jsonb_build_array(jsonb_build_object('id', p_id, 'cost', p_cost))
    ),
    true
  );
$$;
select is(
  pg_temp.adopt_bobs('gen-l', '1.5'), 'own_row',
  'upstream costs that a key which is gone has booked keep no call out of the books'
);
select is(pg_temp.adopt_bobs('gen-m', '0.6'), 'exceeds', 'its sum of costs does');
select is((select streaming from public.request_logs where generation_id = 'gen-l'), false, 'what is not said to be a stream is none');

-- Budgets.
select is(
  (select trim_scale(month_spent_usd) from public.budgets where did = 'did:key:alice'),
  (
    select trim_scale(sum(total_cost)) from public.usage_daily as total join public.budgets as budget using (did)
    where did = 'did:key:alice' and date_trunc('month', total.day) = budget.month
  ),
  'all that was found is spent, in a row of its own or not'
);

-- Jobs: their generation's id is not the job's.
insert into public.request_logs (id, did, method, endpoint, model, request_time, status, response_time, generation_id, total_cost, cost_source)
values
  -- A cost that is in the books already comes before an older job that lacks one.
  (gen_random_uuid(), 'did:key:alice', 'POST', '/videos', 'v', now() - interval '2 hours', 'completed', now(), 'gen-vid-1', 1, 'response'),
  (gen_random_uuid(), 'did:key:alice', 'POST', '/videos', 'v', now() - interval '3 hours', 'completed', now(), 'gen-vid-2', null, null);
select count(public.count_in_usage(log, 1)) from public.request_logs as log where endpoint = '/videos';
select is(pg_temp.adopt('{gen-j}', 'v', '1 hour', '1', true, '/videos'), 'known', 'a job''s generation is the job''s');
select is(
  (select xmax from public.request_logs where generation_id = 'gen-vid-1'), pg_current_xact_id()::xid,
  'whose row nobody else changes meanwhile'
);
select is(pg_temp.adopt('{gen-k}', 'v', '1 hour', '1', true, '/videos'), 'adopted', 'each job has one');
select is((select total_cost from public.request_logs where generation_id = 'gen-vid-2'), 1::numeric, 'and is priced by it');

insert into public.request_logs (id, did, method, endpoint, model, request_time, status, response_time, generation_id, total_cost)
select ('00000000-0000-4000-8000-00000000008' || n)::uuid, 'did:key:alice', 'POST', '/videos', model, now() - age, 'completed', now() - interval '1 minute' * n, 'gen-vid-8' || n, cost
from (values
  (1, null, interval '3 hours', null), (2, 'w', '2 hours', null), (3, 'v', '1 hour', null),
  -- One that cost something else, and one that is too old.
  (4, 'v', '90 minutes', 0.05), (5, 'v', '24 hours 30 minutes 1 microsecond', null)
) as jobs (n, model, age, cost);
select count(public.count_in_usage(log, 1)) from public.request_logs as log where generation_id like 'gen-vid-8_';
select is(
  array(select pg_temp.adopt(array['gen-' || model || n], model, '30 minutes', '0.1', true, '/videos') from (values ('v', 1), ('v', 2), ('v', 3)) as made (model, n)),
  '{adopted,adopted,adopted}', 'of several jobs'
);
select is(
  (select string_agg(right(generation_id, 1) || ':' || right(request_id::text, 1), ' ' order by generation_id) from public.found_generations
    where generation_id in ('gen-v1', 'gen-v2', 'gen-v3')),
  '1:3 2:1 3:2', 'that of the model comes first, then the oldest'
);

-- Searches.
insert into public.cost_checks (did, claimed_at, equal_at, search_after)
values ('did:key:alice', now(), now() - interval '3 hours', now()), ('did:key:bob', now(), null, null);
select is(
  (public.claim_cost_searches(5) #>> '{searches,0,from}')::timestamptz, now() - interval '4 hours',
  'calls are looked for since the sums were equal last'
);
select is(public.claim_cost_searches(5), '{"searches": [], "left": 0}', 'and not again at once');
select public.end_cost_search('did:key:alice', now() - interval '2 hours');
select is(
  (public.claim_cost_searches(5) #>> '{searches,0,from}')::timestamptz, now() - interval '2 hours',
  'a search that broke off goes on where it was'
);
-- Rows that the retention has dropped were booked, which nothing tells any more.
select public.end_cost_search('did:key:alice', now() - interval '20 days');
update public.gateway_settings set request_log_dropped_before = now() - interval '12 days';
select is(
  (public.claim_cost_searches(5) #>> '{searches,0,from}')::timestamptz, now() - interval '12 days' + interval '1 hour',
  'and none begins where the log is not whole'
);
update public.gateway_settings set request_log_dropped_before = null;

-- A variant of a model is that model, whichever of the two is known.
delete from public.request_logs;
delete from public.usage_daily;
select pg_temp.lost(1, 'a/one:free', '9 minutes'), pg_temp.lost(2, 'a/two', '9 minutes'), pg_temp.lost(3, 'b/one', '9 minutes');
select is(pg_temp.adopt('{gen-n}', 'a/one:nitro', '9 minutes', '1'), 'adopted', 'a variant is a variant''s');
select is(pg_temp.owner_of('gen-n'), '1', 'of the same model');
select is(pg_temp.adopt('{gen-o}', 'a/two:free', '9 minutes', '1'), 'adopted', 'or the model''s own');
select is(pg_temp.adopt('{gen-p}', 'b/one-more', '9 minutes', '1') || ' ' || pg_temp.owner_of('gen-p'), 'adopted 3', 'as a version is');
select is(pg_temp.adopt('{gen-q}', 'b/one', '9 minutes', '1'), 'no_row', 'where none is lost none fits');

-- Of those that fit alike the one on the path comes first, then those that began before it, then the nearest.
delete from public.request_logs;
select pg_temp.lost(1, 'a/one', '10 minutes', '/embeddings'), pg_temp.lost(2, 'a/one', '8 minutes 30 seconds'), pg_temp.lost(3, 'a/one', '20 minutes'),
  pg_temp.lost(4, 'a/one', '9 minutes'), pg_temp.lost(5, 'a/one', '39 minutes'), pg_temp.lost(6, 'a/one', '39 minutes 1 second'),
  pg_temp.lost(7, 'a/one', '8 minutes'), pg_temp.lost(8, 'a/one', '7 minutes 59 seconds'), pg_temp.lost(9, 'a/one:free', '10 minutes');
select is(
  (select string_agg(concat(pg_temp.adopt(array['gen-t' || n], 'a/one', '9 minutes', '0.01'), pg_temp.owner_of('gen-t' || n)), ' ' order by n) from generate_series(1, 9) as n),
  'adopted4 adopted3 adopted5 adopted2 adopted7 adopted1 adopted9 no_row no_row', 'of half an hour before it, to a minute after'
);

-- What OpenRouter has refused was not lost.
delete from public.request_logs;
select pg_temp.lost(n, 'a/one', '10 minutes') from unnest('{1, 2}'::integer[]) as n;
update public.request_logs set http_status = case right(id::text, 1) when '1' then 400 else 399 end;
select is(pg_temp.adopt('{gen-w1}', 'a/one', '9 minutes', '0.01') || pg_temp.owner_of('gen-w1'), 'adopted2', 'a row that was answered well');
select is(pg_temp.adopt('{gen-w2}', 'a/one', '9 minutes', '0.01'), 'no_row', 'and none that was refused');
select is(
  (select string_agg(status::text, ' ' order by status) from unnest('{null, 200, 399, 400, 408, 429, 500, 502, 503, 504, 519, 520, 521, 522, 523, 524, 525}'::integer[]) as status
    where public.may_be_charged(status)),
  '200 399 504 520 524', 'but a proxy that waited in vain refused nothing'
);
select ok(public.may_be_charged(null), 'nor did nobody');
update public.request_logs set http_status = 524 where right(id::text, 1) = '1';
select is(pg_temp.adopt('{gen-w3}', 'a/one', '9 minutes', '0.01') || pg_temp.owner_of('gen-w3'), 'adopted1', 'so that its call is found');

-- A row of its own has all that was found.
select is(
  public.adopt_generation('{
    "did": "did:key:alice", "created_at": "2020-01-20T10:00:00Z", "model": "a/one", "provider": "p", "native_finish_reason": "stop",
    "streaming": true, "usd_per_credit": "0.5", "input_tokens": 7, "output_tokens": 8, "cached_tokens": 9, "reasoning_tokens": 10,
    "generations": [{"id": "gen-r", "cost": "1.50", "upstream_cost": "0.30"}, {"id": "gen-s", "cost": "0.10"}]
  }', true), 'own_row', 'what fits no row'
);
select results_eq(
  $$ select did, method, endpoint, model, provider, native_finish_reason, streaming, status, request_time, response_time, input_tokens,
      output_tokens, cached_tokens, reasoning_tokens, total_cost::text, upstream_cost::text, cost_source, reserved_usd
    from public.request_logs where generation_id = 'gen-r' $$,
  $$ values ('did:key:alice', 'POST', 'other', 'a/one', 'p', 'stop', true, 'completed', timestamptz '2020-01-20 10:00:00+00',
    timestamptz '2020-01-20 10:00:00+00', 7::bigint, 8::bigint, 9::bigint, 10::bigint, '0.8', '0.15', 'reconciliation', 0::numeric) $$,
  'is told in full in one of its own, in dollars'
);
select is(
  (select string_agg(generation_id, ' ' order by generation_id) from public.found_generations
    where request_id = (select id from public.request_logs where generation_id = 'gen-r')),
  'gen-r gen-s', 'with all of its generations'
);

-- What OpenRouter's sum has room for, in dollars, of a DID of which nothing is booked.
insert into public.key_usages (openrouter_key_hash, did, usage, byok_usage, read_at) values
  ('e1', 'did:key:erin', 3, 1, now()), ('e2', 'did:key:erin', 1, 1, now());
create function pg_temp.adopt_erins(p_id text, p_cost text, p_upstream_cost text) returns text language sql as $$
  select public.adopt_generation(jsonb_build_object(
    'did', 'did:key:erin', 'created_at', now() - interval '9 minutes', 'model', 'a/one', 'streaming', false, 'usd_per_credit', '0.5',
    'generations', jsonb_build_array(jsonb_build_object('id', p_id, 'cost', p_cost, 'upstream_cost', p_upstream_cost))
  ), true);
$$;
select is(pg_temp.adopt_erins('gen-u1', '4.01', '0'), 'exceeds', 'more than all keys have spent is none of its calls');
select is(pg_temp.adopt_erins('gen-u1', '4', '2.01'), 'exceeds', 'of upstream costs, too');
select is(pg_temp.adopt_erins('gen-u1', '3', '1'), 'own_row', 'less is one');
select is(pg_temp.adopt_erins('gen-u2', '1.01', '0'), 'exceeds', 'which leaves room');
select is(pg_temp.adopt_erins('gen-u2', '0', '1.01'), 'exceeds', 'for no more');
select is(pg_temp.adopt_erins('gen-u2', '1', '1'), 'own_row', 'than is left');
update public.key_usages set usage = usage + 10, byok_usage = byok_usage - 0.1 where openrouter_key_hash = 'e1';
select is(pg_temp.adopt_erins('gen-u3', '1', null), 'exceeds', 'be no upstream cost told, where those that are booked are too much');

-- When those ran whose answers told a sum.
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, generation_id, total_cost, cost_source)
select gen_random_uuid(), did, 'POST', '/x', timestamptz '2020-01-21 10:00:00+00' + began, 'completed',
  timestamptz '2020-01-21 10:00:00+00' + ended, id, 1, source
from (values
  ('did:key:sums', 'gen-1', interval '-20 minutes -1 microsecond', interval '5 minutes', 'response'),
  ('did:key:sums', 'gen-2', '-20 minutes', '-10 seconds', 'response'),
  ('did:key:sums', 'gen-3', '-20 minutes', '-10.000001 seconds', 'response'),
  ('did:key:sums', 'gen-4', '1 minute', '2 minutes', 'generation'),
  ('did:key:sums', null, '1 minute', '2 minutes', 'response'),
  ('did:key:other', 'gen-6', '1 minute', '2 minutes', 'response'),
  ('did:key:sums', 'gen-7', '1 hour 10 seconds', '2 hours', 'response'),
  ('did:key:sums', 'gen-8', '1 hour 10.000001 seconds', '2 hours', 'response')
) as ran (did, id, began, ended, source);
-- In which instants are told here.
set local timezone = 'UTC';
select is(
  public.generations_with_sums('did:key:sums', '2020-01-21 10:00:00+00', '2020-01-21 11:00:00+00'),
  '[{"generation_id": "gen-7", "from": "2020-01-21T11:00:00+00:00", "to": "2020-01-21T12:00:10+00:00"},
    {"generation_id": "gen-2", "from": "2020-01-21T09:39:50+00:00", "to": "2020-01-21T10:00:00+00:00"}]'::jsonb,
  'is told of whatever may have run in a span, the latest first, give or take what clocks differ by'
);
select is(public.generations_with_sums('did:key:nobody', '-infinity', 'infinity'), '[]', 'of nobody nothing');

-- Whose calls are looked for, how long, and how soon again.
delete from public.cost_checks;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name) values ('did:key:carol', 'now', 'x', 'n');
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at, retired_at) values
  ('did:key:carol', 'before', 'n', now() - interval '90 days', now() - interval '31 days 23 hours'),
  ('did:key:carol', 'long before', 'n', now() - interval '90 days', now() - interval '32 days');
insert into public.cost_checks (did, claimed_at, equal_at, search_after) values
  ('did:key:alice', now(), now() - interval '3 hours', now() - interval '1 second'),
  ('did:key:bob', now(), null, now() - interval '2 seconds'),
  ('did:key:carol', now(), now() - interval '40 days', now() - interval '3 seconds'),
  ('did:key:dave', now(), null, now() + interval '1 hour'), ('did:key:erin', now(), null, null);
select is(
  public.claim_cost_searches(2), jsonb_build_object('searches', jsonb_build_array(
    jsonb_build_object('did', 'did:key:bob', 'keys', '[]'::jsonb, 'from', now() - interval '31 days'),
    jsonb_build_object('did', 'did:key:carol', 'keys', '["before", "now"]'::jsonb, 'from', now() - interval '31 days')
  ), 'left', 1), 'who has waited longest comes first, with the keys that analytics still tell of'
);
create function pg_temp.waits(p_did text, n integer) returns text language plpgsql as $$
declare
  v_waits text[] := '{}';
begin
  for i in 1..n loop
    update public.cost_checks set search_after = now() where did = p_did;
    perform public.claim_cost_searches(9);
    v_waits := v_waits || ceil((select extract(epoch from search_after - clock_timestamp()) / 60 from public.cost_checks where did = p_did))::text;
  end loop;
  return array_to_string(v_waits, ' ');
end;
$$;
select is(pg_temp.waits('did:key:dave', 11), '5 10 20 40 80 160 320 640 1280 1440 1440', 'each time after twice as long, up to a day');
update public.cost_checks set searches = 32767 where did = 'did:key:dave';
select is(pg_temp.waits('did:key:dave', 2), '1440 1440', 'however often that was');
select public.end_cost_search('did:key:dave', null);
select ok((select search_after > now() + interval '23 hours' and searched_to is null from public.cost_checks where did = 'did:key:dave'), 'where a search has come to its end');
select public.end_cost_search('did:key:dave', now() - interval '5 hours');
select ok((select search_after between now() and clock_timestamp() and searched_to = now() - interval '5 hours' from public.cost_checks where did = 'did:key:dave'), 'and at once where it broke off');
select is((select count(*) from public.cost_checks where searched_to is not null), 1::bigint, 'which is noted of its DID alone');

-- What nobody has told the cost of stays to be asked for.
select pg_temp.lost(9, 'without cost', '1 minute');
select is(pg_temp.adopt('{gen-uncosted}', 'without cost', '1 minute', null), 'pending', 'a generation without a cost is not booked');
select is_empty($$ select from public.found_generations where generation_id = 'gen-uncosted' $$, 'so that it can be found again');
insert into public.request_logs (id, did, method, endpoint, status, response_time, generation_id, total_cost)
values (gen_random_uuid(), 'did:key:alice', 'POST', '/x', 'completed', now(), 'gen-of-alice', 1);
select is(
  (select string_agg(public.unbooked_generations(did, '{gen-of-alice}')::text, ' ' order by did) from unnest('{did:key:alice, did:key:nobody}'::text[]) as did),
  '{} {gen-of-alice}', 'what is booked is so of its DID'
);

update public.key_usages set usage = 1000, byok_usage = 1000, gone_since = null where did = 'did:key:alice';
select is(pg_temp.adopt('{gen-byok}', 'byok', '40 days', '0', true, null, '0.5'), 'own_row', 'a call that its owner''s provider alone has charged is one that is missing, too');

-- What a generation is not taken for: each case on a day of its own, in a row that is there already.
create function pg_temp.row(
  p_id text, p_age interval, p_endpoint text default '/x', p_model text default 'm', p_cost numeric default null, p_did text default 'did:key:alice'
) returns void language sql as $$
  with made as (
    insert into public.request_logs (id, did, method, endpoint, model, request_time, status, response_time, generation_id, total_cost)
    values (gen_random_uuid(), p_did, 'POST', p_endpoint, p_model, now() - p_age, 'failed', now(), p_id, p_cost)
    returning request_logs as log
  )
  select public.count_in_usage(log, 1) from made;
$$;
select pg_temp.row(null, '60 days', p_model => 'lost'), pg_temp.row('gen-part-2', '70 days'), pg_temp.row(null, '80 days', p_cost => 0),
  pg_temp.row('gen-to-be-asked', '90 days'), pg_temp.row('gen-video', '100 days 1 hour', '/videos', p_cost => 1),
  pg_temp.row('gen-call', '110 days 1 hour', p_cost => 1), pg_temp.row('gen-other-video', '110 days 1 hour', '/videos', 'm', 1, 'did:key:other'),
  pg_temp.row('gen-video-1', '120 days 23 hours', '/videos', p_cost => 1), pg_temp.row('gen-video-2', interval '130 days' - interval '40 seconds', '/videos', p_cost => 1),
  pg_temp.row('gen-video-3', interval '140 days' - interval '90 seconds', '/videos', p_cost => 1);
select is(pg_temp.adopt(ids, model, age, '1', true, endpoint, '0.1'), told, says)
from (values
  ('{gen-parts-1,gen-parts-2}'::text[], 'm', interval '50 days', '/x', 'own_row', 'parts that fit none are one row'),
  ('{gen-found}', 'lost', '60 days', '/x', 'adopted', 'a lost row takes what it fits'),
  ('{gen-part-1,gen-part-2}', 'm', '70 days', '/x', 'adopted', 'a row that has the id of any part takes all of them'),
  ('{gen-80}', 'm', '80 days', '/x', 'own_row', 'one that has a cost has not lost its generation'),
  ('{gen-90}', 'm', '90 days', '/x', 'own_row', 'nor has one that has a generation whose cost is still to be asked for'),
  ('{gen-100}', 'm', '100 days', '/x', 'own_row', 'what is no job is none that has cost as much'),
  ('{gen-110}', 'm', '110 days', '/videos', 'own_row', 'nor is a job a call, or another DID''s job'),
  ('{gen-120}', 'm', '120 days', '/videos', 'known', 'a job may take a day'),
  ('{gen-130}', 'm', '130 days', '/videos', 'known', 'or begin a little later, where clocks differ'),
  ('{gen-140}', 'm', '140 days', '/videos', 'own_row', 'but no more than that')
) as found (ids, model, age, endpoint, told, says);
select results_eq(
  $$ select generation_id, total_cost, upstream_cost from public.request_logs
    where generation_id in ('gen-parts-1', 'gen-found', 'gen-part-2', 'gen-to-be-asked') order by request_time $$,
  $$ values ('gen-to-be-asked', null::numeric, null::numeric), ('gen-part-2', 2, 0.2), ('gen-found', 1, 0.1), ('gen-parts-1', 2, 0.2) $$,
  'with the sum of what it has cost, upstream costs too'
);
update public.key_usages set byok_usage = 0.1 + (select sum(upstream_cost) from public.usage_daily where did = 'did:key:alice') where did = 'did:key:alice';
select is(
  pg_temp.adopt('{gen-150}', 'm', '150 days', '0', true, '/x', '0.2'), 'exceeds', 'upstream costs of all days count'
);

select * from finish();
rollback;
