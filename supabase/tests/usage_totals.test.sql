-- The totals by the hour, of all DIDs together, and what verifies them.
begin;
select plan(83);

create function pg_temp.add(
  p_did text, p_time timestamptz, p_model text default 'm', p_cost text default '1',
  p_first_byte_ms integer default null, p_status text default 'completed'
) returns void language plpgsql as $$
declare
  v_id uuid := gen_random_uuid();
begin
  insert into public.request_logs (id, did, method, endpoint, model, request_time)
  values (v_id, p_did, 'POST', '/x', p_model, p_time);
  perform public.settle_request(jsonb_build_object(
    'request_id', v_id, 'request_time', p_time, 'status', p_status, 'http_status', 200, 'cost', p_cost,
    'upstream_cost', (3 * p_cost::numeric)::text, 'first_byte_ms', p_first_byte_ms, 'input_tokens', 2,
    'output_tokens', 3, 'cached_tokens', 5, 'reasoning_tokens', 7
  ));
end;
$$;
create function pg_temp.differences() returns setof text language sql as
  $$ select relation || ' ' || did || ' ' || model from public.verify_usage() $$;
-- How many times a histogram has, and in which buckets.
create function pg_temp.buckets(counts integer[]) returns text language sql as $$
  select string_agg(bucket || ':' || count, ' ' order by bucket)
  from unnest(counts) with ordinality as c (count, bucket) where count <> 0
$$;

-- Buckets.
select is(
  array(select public.latency_bucket(ms) from unnest('{-5, 0, 1, 1.4, 1.5, 2, 2.8, 3, 1000, 1024, 741000, 742000, 1e9}'::float8[]) as ms),
  '{1,1,1,1,2,3,3,4,20,21,39,40,40}', 'a bucket reaches from a half power of two to the next one'
);
select is(
  array(select public.latency_bucket(2 ^ n) from generate_series(0, 19) as n),
  array(select 2 * n + 1 from generate_series(0, 19) as n), 'a power of two begins one'
);
select is(pg_temp.buckets(public.histogram('{3,3,40}')), '3:2 40:1', 'a histogram counts times');
select is(pg_temp.buckets(public.histogram('{3}', public.histogram('{3,1}'))), '1:1 3:2', 'and goes on counting');
select is(pg_temp.buckets(public.histogram(null)), null, 'none are none');

-- Rows that are counted alone and together: with all that can be known, and with nothing.
create function pg_temp.ended(p_model text, p_more jsonb default '{}') returns public.request_logs language sql as $$
  select jsonb_populate_record(null::public.request_logs, jsonb_build_object(
    'did', 'did:key:counted', 'endpoint', '/x', 'model', p_model, 'status', 'completed',
    'request_time', date_trunc('hour', now(), 'utc'), 'response_time', date_trunc('hour', now(), 'utc') + interval '1448.1 ms'
  ) || p_more);
$$;
select public.count_in_usage(pg_temp.ended('alone', known), 1), public.count_rows_in_usage(array[pg_temp.ended('together', known), pg_temp.ended('together', known)])
from (values ('{"first_byte_ms": 3, "input_tokens": 1, "output_tokens": 2, "cached_tokens": 3, "reasoning_tokens": 4, "total_cost": 5, "upstream_cost": 6}'::jsonb)) as row (known);
select public.count_in_usage(pg_temp.ended('alone, unknown'), 1), public.count_rows_in_usage(array[pg_temp.ended('together, unknown'), pg_temp.ended('together, unknown')]);
select results_eq(
  $$ select concat_ws(' ', model, requests, requests_without_cost, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost)
    from public.usage_daily where did = 'did:key:counted' order by 1 $$,
  $$ values ('alone 1 0 1 2 3 4 5 6'), ('alone, unknown 1 1 0 0 0 0 0 0'), ('together 2 0 2 4 6 8 10 12'), ('together, unknown 2 2 0 0 0 0 0 0') $$,
  'what is not known adds nothing'
);
select results_eq(
  $$ select concat_ws(' ', model, requests, requests_without_cost, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost,
      pg_temp.buckets(first_byte_ms), pg_temp.buckets(duration_ms)) from public.usage_hourly where did = 'did:key:counted' order by 1 $$,
  $$ values ('alone 1 0 1 2 3 4 5 6 4:1 21:1'), ('alone, unknown 1 1 0 0 0 0 0 0'), ('together 2 0 2 4 6 8 10 12 4:2 21:2'), ('together, unknown 2 2 0 0 0 0 0 0') $$,
  'to the hour neither, nor to its times'
);
-- One of two of a model moves to another one, whichever comes first.
select public.count_rows_in_usage(array[pg_temp.ended(model), pg_temp.ended(model)]) from unnest('{c, f}'::text[]) as model;
select public.recount_in_usage(pg_temp.ended(before), pg_temp.ended(after)) from (values ('c', 'd'), ('f', 'e')) as moved (before, after);
select is(
  (select string_agg(day.model || day.requests || hour.requests, ' ' order by day.model)
   from public.usage_daily as day join public.usage_hourly as hour using (did, model) where did = 'did:key:counted' and length(model) = 1),
  'c11 d11 e11 f11', 'of two of a model that one which answered as another is counted there, and the other one stays'
);
delete from public.usage_daily where did = 'did:key:counted';
delete from public.usage_hourly where did = 'did:key:counted';

-- An hour.
select pg_temp.add('did:key:alice', date_trunc('hour', now(), 'utc') - interval '3 hours', 'm', '0.1', 100);
select pg_temp.add('did:key:alice', date_trunc('hour', now(), 'utc') - interval '3 hours' + interval '59 minutes', 'm', null, 200);
select pg_temp.add('did:key:alice', date_trunc('hour', now(), 'utc') - interval '2 hours', 'm', '0.2');
select pg_temp.add('did:key:alice', date_trunc('hour', now(), 'utc') - interval '2 hours', 'm', '0.4', 100, 'failed');
select results_eq(
  $$ select requests, failed_requests, requests_without_cost, input_tokens, total_cost,
      pg_temp.buckets(first_byte_ms) from public.usage_hourly where did = 'did:key:alice' order by hour $$,
  $$ values (2::bigint, 0::bigint, 1::bigint, 4::bigint, 0.1, '14:1 16:1'), (2, 1, 0, 4, 0.6, null) $$,
  'each row counts in its hour, and how long its answer took, where that is known'
);
select is_empty('select * from pg_temp.differences()', 'the totals agree with the log');

-- What changes.
select pg_temp.add('did:key:bob', now() - interval '1 hour', 'asked', null, 50);
select ok(public.book_cost(jsonb_build_object(
  'request_id', id, 'request_time', request_time, 'cost', '0.5', 'model', 'other', 'cost_source', 'generation'
))) from public.request_logs where did = 'did:key:bob';
select results_eq(
  $$ select model, requests, total_cost, requests_without_cost from public.usage_hourly where did = 'did:key:bob' $$,
  $$ values ('asked', 1::bigint, 0.5, 0::bigint) $$,
  'a cost that comes later is added to the hour'
);
insert into public.request_logs (id, did, method, endpoint, model, request_time)
values ('00000000-0000-0000-0000-000000000001', 'did:key:carol', 'POST', '/x', 'asked', now() - interval '20 minutes');
select public.expire_stale_requests();
select public.settle_request(jsonb_build_object(
  'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200,
  'model', 'answered', 'cost', '0.25', 'first_byte_ms', 30
)) from public.request_logs where did = 'did:key:carol';
select results_eq(
  $$ select model, requests, failed_requests, total_cost, pg_temp.buckets(first_byte_ms)
    from public.usage_hourly where did = 'did:key:carol' $$,
  $$ values ('answered', 1::bigint, 0::bigint, 0.25, '10:1') $$,
  'a row that is settled anew counts once, as it is then'
);
insert into public.request_logs (id, did, method, endpoint, model, request_time)
values ('00000000-0000-0000-0000-000000000002', 'did:key:moved', 'POST', '/x', 'asked', now() - interval '20 minutes');
select public.expire_stale_requests();
select public.settle_request(jsonb_build_object(
  'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200, 'model', 'better', 'cost', '0.25'
)) from public.request_logs where did = 'did:key:moved';
select results_eq(
  $$ select model, requests, failed_requests, total_cost from public.usage_hourly where did = 'did:key:moved'
    union all select model, requests, failed_requests, total_cost from public.usage_daily where did = 'did:key:moved' $$,
  $$ values ('better', 1::bigint, 0::bigint, 0.25), ('better', 1, 0, 0.25) $$,
  'whichever of its two models comes first'
);
select is_empty('select * from pg_temp.differences()', 'which all totals agree on');

-- Many at once.
create function pg_temp.settle_many(p_block text) returns bigint language plpgsql as $$
begin
  insert into public.request_logs (id, did, method, endpoint, model, request_time)
  select ('00000000-0000-0000-' || p_block || '-' || lpad(n::text, 12, '0'))::uuid,
    'did:key:' || (array['dave', 'alice'])[1 + n % 2], 'POST', '/x', 'm' || n % 3, now() - n * interval '11 minutes'
  from generate_series(1, 30) as n;
  return (select count(*) from jsonb_object_keys(public.settle_requests((
    select jsonb_agg(jsonb_build_object(
      'request_id', id, 'request_time', request_time, 'http_status', 200,
      'status', case when right(id::text, 1) in ('1', '2') then 'failed' else 'completed' end,
      'cost', case when right(id::text, 1) in ('2', '3') then null else '0.001' end, 'upstream_cost', '0.002',
      'first_byte_ms', case when right(id::text, 1) not in ('2', '4') then 7 * extract(minute from request_time) end,
      'input_tokens', 2, 'output_tokens', 3, 'cached_tokens', 5, 'reasoning_tokens', 7
    ))::text from public.request_logs where status = 'pending'
  ))));
end;
$$;
select is(pg_temp.settle_many('0001'), 30::bigint, 'what is settled together');
select is(pg_temp.settle_many('0002'), 30::bigint, 'and then as much again');
select is_empty('select * from pg_temp.differences()', 'counts in every total as what is settled alone');

-- What OpenRouter refused as a mistake, and what is next to it: a row of the log each, under the model's name or none.
insert into public.request_logs (
  id, did, method, endpoint, model, request_time, status, response_time, http_status, generation_id, total_cost, session, input_tokens
)
select gen_random_uuid(), 'did:key:mistaken', 'POST', '/x', model, date_trunc('hour', now(), 'utc') - interval '30 minutes', 'failed', now(),
  http_status, generation_id, cost, 'session', row_number() over () ^ 3
from unnest('{399, 400, 428, 429, 430, 499, 500, null}'::smallint[]) as http_status,
  unnest('{gen-1, null}'::text[]) as generation_id, unnest('{0, 0.1, null}'::numeric[]) as cost, unnest('{m, null}'::text[]) as model;
select count(public.count_in_usage(log, 1)) from public.request_logs as log where did = 'did:key:mistaken';
select results_eq(
  $$ select model, requests, input_tokens from public.usage_daily where did = 'did:key:mistaken' order by model $$,
  $$ select case when model is null or http_status in (400, 428, 430, 499) and generation_id is null and total_cost = 0 then 'unknown' else 'm' end,
      count(*), sum(input_tokens)::bigint
    from public.request_logs where did = 'did:key:mistaken' group by 1 order by 1 $$, 'mistakes that were free count under no model''s name'
);
select is_empty('select * from pg_temp.differences()', 'as the log is verified');
select is(
  array(
    select public.usage_stats('did:key:mistaken', date_trunc('hour', now(), 'utc') - since, null, group_by, session) -> 'requests_by_model'
    from (values
      (interval '1 hour', '{}'::text[], null), ('30 minutes', '{}', null), ('30 minutes', '{session}', 'session'), ('29 minutes', '{}', null)
    ) as asked (since, group_by, session)
  ),
  array['{"m": 44, "unknown": 52}', '{"m": 44, "unknown": 52}', '{"m": 44, "unknown": 52}', '{}']::jsonb[],
  'and as statistics tell, be they read from totals or from the log'
);
select is(
  (
    select jsonb_object_agg(told ->> 'model', told -> 'input_tokens')
    from jsonb_array_elements(public.usage_stats('did:key:mistaken', p_group_by => '{model,session}') -> 'groups') as told
  ),
  (select jsonb_object_agg(model, input_tokens) from (select model, sum(input_tokens) as input_tokens from public.usage_daily where did = 'did:key:mistaken' group by model) as total),
  'which tell the same calls'
);

-- What is old.
select is(
  public.usage_hourly_kept_since(), date_trunc('hour', now(), 'utc') - 62 * interval '24 hours', 'hours are kept for 62 days'
);
select pg_temp.add('did:key:old', public.usage_hourly_kept_since(), 'kept');
select pg_temp.add('did:key:old', public.usage_hourly_kept_since() - interval '1 microsecond', 'not kept');
select results_eq(
  $$ select model from public.usage_hourly where did = 'did:key:old' $$, $$ values ('kept') $$,
  'hours are counted as long as they are kept'
);
select is((select sum(requests) from public.usage_daily where did = 'did:key:old'), 2::numeric, 'days for ever');
select is_empty('select * from pg_temp.differences()', 'which is no difference');
insert into public.usage_hourly (did, hour, model, endpoint, requests)
select 'did:key:old', public.usage_hourly_kept_since() - n * interval '1 hour', 'm', '/x', 1 from generate_series(1, 5) as n;
select is(public.purge_usage_hourly(2), 2::bigint, 'what is older is forgotten, so many at a time');
select results_eq(
  $$ select hour from public.usage_hourly where did = 'did:key:old' and model = 'm' order by hour $$,
  'select public.usage_hourly_kept_since() - n * interval ''1 hour'' from unnest(''{3, 2, 1}''::integer[]) as n', 'the oldest first'
);
select is(public.purge_usage_hourly(), 2::bigint, 'the others next time');
select is(public.purge_usage_hourly(), 0::bigint, 'until there are none');
select results_eq(
  $$ select hour from public.usage_hourly where did = 'did:key:old' and model = 'm' $$,
  'select public.usage_hourly_kept_since() - interval ''1 hour''', 'but for an hour that somebody may be reading'
);

-- All DIDs together.
create temporary table calendar on commit drop as
select (now() at time zone 'utc')::date as today;
select pg_temp.add('did:key:' || who, (today - days)::timestamp at time zone 'utc' + interval '1 hour', 'm', '0.125')
from calendar, unnest('{alice, bob}'::text[]) as who, unnest('{3, 4, 5, 6, 20, 40}'::integer[]) as days;
create function pg_temp.sums(relation text) returns text language sql
return format(
  $$ select day, model, endpoint, sum(requests), sum(failed_requests), sum(input_tokens), sum(output_tokens), sum(cached_tokens),
    sum(reasoning_tokens), trim_scale(sum(total_cost)), trim_scale(sum(upstream_cost)), sum(requests_without_cost)
    from public.%I group by 1, 2, 3 $$, relation
);
create function pg_temp.unequal() returns bigint language plpgsql as $$
declare
  v_count bigint;
begin
  execute format(
    'select count(*) from ((%1$s except %2$s) union all (%2$s except %1$s)) as unequal', pg_temp.sums('usage_daily'), pg_temp.sums('usage_of_days')
  ) into v_count;
  return v_count;
end;
$$;
select is(pg_temp.unequal(), 0::bigint, 'before any day is added up the view has all days');
select is(public.add_up_days(2), 2, 'days are added up, so many at a time');
select results_eq(
  'select distinct today - day from public.usage_daily_of_all, calendar order by 1 desc',
  $$ select distinct today - day as age from public.usage_daily, calendar order by 1 desc limit 2 $$, 'the oldest first'
);
select is(pg_temp.unequal(), 0::bigint, 'which changes nothing of the view');
select cmp_ok(public.add_up_days(100), '>', 0, 'then the others');
select is(
  (select min(today - day) from public.usage_daily_of_all, calendar), 3, 'but for the last two, which change'
);
select is_empty('select from public.usage_day_changes, calendar where day < today - 1', 'what was noted of them is done');
select is(public.add_up_days(), 0, 'until there are none');
insert into public.usage_day_changes select max(day) from public.usage_daily_of_all union all select min(day) from public.usage_daily_of_all;
select is(public.add_up_days(1), 1, 'of several that have changed, too');
select results_eq(
  'select day from public.usage_day_changes where day in (select day from public.usage_daily_of_all)', 'select max(day) from public.usage_daily_of_all',
  'the first one first, and the others stay noted'
);
select is(public.add_up_days(), 1, 'until they are done');
select is(pg_temp.unequal(), 0::bigint, 'the view still has all days');
select pg_temp.add('did:key:late', (today - 20)::timestamp at time zone 'utc', 'late', '7') from calendar;
select pg_temp.add('did:key:late', (today - 3)::timestamp at time zone 'utc', 'late', '7') from calendar;
select pg_temp.add('did:key:late', (today - 30)::timestamp at time zone 'utc', 'a day that had none', '7') from calendar;
select is(pg_temp.unequal(), 0::bigint, 'what comes late is in the view at once');
select is_empty('select * from pg_temp.differences()', 'and is no difference');
select is(public.add_up_days(), 3, 'its days are added up anew');
select is(pg_temp.unequal(), 0::bigint, 'and the view has all days');

-- Verifying.
update public.usage_daily set requests = requests + 1 where did = 'did:key:bob' and day = (select today - 20 from calendar);
update public.usage_hourly set duration_ms[7] = duration_ms[7] + 1 where did = 'did:key:late' and model = 'late'
  and hour = (select (today - 3)::timestamp at time zone 'utc' from calendar);
delete from public.usage_hourly where did = 'did:key:carol';
insert into public.usage_daily (did, day, model, endpoint, requests, total_cost)
select 'did:key:nobody', today, 'invented', '/x', 1, 100 from calendar;
select results_eq(
  'select relation, did, model, endpoint, counted ->> ''requests'', logged ->> ''requests'' from public.verify_usage()',
  $$ values ('usage_daily', 'did:key:bob', 'm', '/x', '2', '1'), ('usage_daily', 'did:key:nobody', 'invented', '/x', '1', null),
    ('usage_daily_of_all', '*', 'm', '/x', '2', '3'),
    ('usage_hourly', 'did:key:carol', 'answered', '/x', null, '1'), ('usage_hourly', 'did:key:late', 'late', '/x', '1', '1') $$,
  'every total that differs is told, with what it should be'
);
select results_eq(
  'select relation, starts_at from public.verify_usage()',
  $$ select relation, case relation when 'usage_daily_of_all' then day::timestamp at time zone 'utc' else starts_at end
    from (
      select 'usage_daily' as relation, (today - 20)::timestamp at time zone 'utc' as starts_at, null::date as day, 1 as place from calendar
      union all select 'usage_daily', today::timestamp at time zone 'utc', null, 2 from calendar
      union all select 'usage_daily_of_all', null, today - 20, 3 from calendar
      union all select 'usage_hourly', date_trunc('hour', now() - interval '20 minutes', 'utc'), null, 4
      union all select 'usage_hourly', (today - 3)::timestamp at time zone 'utc', null, 5 from calendar
    ) as told order by place $$,
  'with when it begins'
);
select set_eq(
  $$ select relation, model from public.verify_usage(p_did => 'did:key:bob') $$,
  $$ values ('usage_daily', 'm') $$, 'of one DID, where one is asked for'
);
select is(
  (select count(*) from public.verify_usage(apply => true)), 5::bigint, 'what is put right is told'
);
select is_empty('select * from pg_temp.differences()', 'and is right then');
select is(pg_temp.unequal(), 0::bigint, 'in the view of all DIDs, too');
select public.add_up_days(100);
update public.usage_daily_of_all set requests = requests + 5 where day = (select today - 20 from calendar) and model = 'm';
select is((select count(*) from public.verify_usage(apply => true)), 1::bigint, 'a sum of all DIDs that alone is wrong is told');
select is(pg_temp.unequal(), 0::bigint, 'and is right then');
select public.add_up_days(100);
create temporary table missing on commit drop as
select * from public.usage_daily_of_all where day = (select today - 20 from calendar) and model = 'm';
delete from public.usage_daily_of_all where (day, model) in (select day, model from missing);
insert into public.usage_daily_of_all select (jsonb_populate_record(missing, '{"model": "stray"}')).* from missing;
select results_eq(
  'select relation, did, model, endpoint, counted, logged from public.verify_usage(true)',
  $$ select 'usage_daily_of_all', '*', 'm', '/x', null::jsonb, to_jsonb(missing) from missing
    union all select 'usage_daily_of_all', '*', 'stray', '/x', to_jsonb(missing) || '{"model": "stray"}', null from missing $$,
  'so is one that is missing, in every number, and one of nothing'
);
select is(pg_temp.unequal(), 0::bigint, 'and is there then');
delete from public.usage_daily where did = 'did:key:carol';
select results_eq(
  'select relation, did, model, counted, logged ->> ''requests'' from public.verify_usage(true)',
  $$ values ('usage_daily', 'did:key:carol', 'answered', null::jsonb, '1') $$, 'a total of a day that is missing is told'
);
select is_empty('select * from pg_temp.differences()', 'and is there then');

-- In which order differences are told: those of a day and a DID by their models, and then by their paths.
insert into public.usage_daily (did, day, model, endpoint)
select did, today - days, model, endpoint
from calendar, unnest('{did:key:a, did:key:B}'::text[]) as did, unnest('{1, 2}'::integer[]) as days,
  unnest('{m2, m1}'::text[]) as model, unnest('{/x2, /x3, /x1}'::text[]) as endpoint;
select results_eq(
  'select relation, did, starts_at, model, endpoint from public.verify_usage()',
  $$ select relation, did, starts_at, model, endpoint from public.verify_usage() order by relation, did collate "C", starts_at, model, endpoint $$,
  'differences have an order'
);
delete from public.usage_daily where did in ('did:key:a', 'did:key:B');

-- Postgres has no room for the locks of all DIDs that there may be.
insert into public.usage_daily (did, day, model, endpoint, requests)
select 'did:key:one of many ' || n, today, 'invented', '/x', 1 from calendar, generate_series(1, 1001) as n;
select is((select count(*) from public.verify_usage(apply => true)), 1001::bigint, 'however many differ, all are told');
select is((select count(*) from public.usage_daily where model = 'invented'), 1::bigint, 'and a thousand DIDs put right at a time');
select is((select count(*) from public.verify_usage(apply => true)), 1::bigint, 'the rest by the next call');

-- The hours of a DID are added up anew from one on, and those before it stay.
update public.usage_hourly set requests = 7 where did = 'did:key:old';
select public.recount_hours('did:key:old', public.usage_hourly_kept_since());
select results_eq(
  $$ select (hour - public.usage_hourly_kept_since()), model, requests from public.usage_hourly where did = 'did:key:old' order by hour $$,
  $$ values (interval '-1 hour', 'm', 7::bigint), ('0', 'kept', 1) $$, 'hours are added up anew from an hour on'
);

-- Several DIDs that have something of each in one day.
insert into public.request_logs (
  id, did, method, endpoint, model, request_time, response_time, status, http_status, total_cost, upstream_cost,
  input_tokens, output_tokens, cached_tokens, reasoning_tokens
)
select gen_random_uuid(), 'did:key:several ' || n, 'POST', '/x', 'several', (today - 20)::timestamp at time zone 'utc', now(),
  'failed', 502, cost, 0.1 * n, n, 2 * n, 3 * n, 4 * n
from calendar, generate_series(1, 3) as n, unnest('{null, 0.5}'::numeric[]) as cost;
select count(public.count_in_usage(log, 1)) from public.request_logs as log where model = 'several';
select public.add_up_days(100);
select results_eq(
  $$ select requests, failed_requests, requests_without_cost, total_cost, upstream_cost, input_tokens, output_tokens, cached_tokens, reasoning_tokens
    from public.usage_daily_of_all where model = 'several' $$,
  $$ values (6::bigint, 6::bigint, 3::bigint, 1.5, 1.2, 12::bigint, 24::bigint, 36::bigint, 48::bigint) $$, 'are added up for all'
);
select is_empty('select * from pg_temp.differences()', 'and verified so');

-- A total that is wrong in both: what is put right of a DID is added up anew for all.
update public.usage_daily set requests = requests + 1 where did = 'did:key:bob' and day = (select today - 20 from calendar);
insert into public.usage_day_changes select today - 20 from calendar;
select public.add_up_days(100);
set local timezone = 'America/New_York';
select set_eq('select relation from public.verify_usage(true)', '{usage_daily}'::text[], 'a total that was added up while it was wrong');
set local timezone to default;
select is(pg_temp.unequal(), 0::bigint, 'is right in the view at once');

-- What the log may not have any more is not verified: months that are over, where it is kept so long.
delete from public.request_logs;
delete from public.usage_hourly;
delete from public.usage_daily;
delete from public.usage_daily_of_all;
delete from public.usage_day_changes;
create temporary table kept on commit drop as
select ((date_trunc('month', now() at time zone 'utc') - interval '2 months') at time zone 'utc') as since;
insert into public.usage_daily (did, day, model, endpoint, requests)
select 'did:key:old', (since at time zone 'utc')::date + n, 'day ' || n, '/x', 1 from kept, unnest('{-40, -1, 0, 1}'::integer[]) as n;
insert into public.usage_hourly (did, hour, model, endpoint, requests)
select 'did:key:old', date_trunc('hour', now(), 'utc') - interval '3 hours', 'hour', '/x', 1;
select is_empty('select * from pg_temp.differences()', 'where there is no log there is nothing to verify');
update public.gateway_settings set request_log_retention_months = 2;
insert into public.request_logs (id, did, method, endpoint, request_time) select gen_random_uuid(), 'did:key:old', 'POST', '/x', instant from kept, unnest(array[since - interval '50 days', now()]) as instant;
select results_eq(
  'select * from pg_temp.differences()', $$ values ('usage_daily did:key:old day 0'), ('usage_daily did:key:old day 1'), ('usage_hourly did:key:old hour') $$,
  'what the log is kept of is verified, to the day'
);
update public.gateway_settings set request_log_retention_months = null;
select is((select count(*) from pg_temp.differences()), 5::bigint, 'where it is kept for ever, all since the first month that it has');
update public.request_logs set request_time = since + interval '10 days' from kept;
select results_eq(
  'select * from pg_temp.differences()', $$ values ('usage_daily did:key:old day 0'), ('usage_daily did:key:old day 1'), ('usage_hourly did:key:old hour') $$,
  'from its beginning'
);
-- Hours are kept for longer than a log of one month.
insert into public.usage_hourly (did, hour, model, endpoint, requests)
select 'did:key:old', (since at time zone 'utc' + interval '1 month') at time zone 'utc' + n * interval '1 hour', 'hour ' || n, '/x', 1
from kept, unnest('{-1, 0}'::integer[]) as n;
update public.gateway_settings set request_log_retention_months = 1;
select results_eq(
  'select model from public.verify_usage() where relation = ''usage_hourly''', $$ values ('hour 0'), ('hour') $$, 'nor is an hour of which the log may be gone'
);
update public.gateway_settings set request_log_retention_months = 2;
select count(*) from public.verify_usage(apply => true);
select results_eq(
  'select model from public.usage_daily where did = ''did:key:old'' order by day', $$ values ('day -40'), ('day -1') $$,
  'and what is put right is none of the days before, whose log may be gone'
);

select pg_temp.add('did:key:span', timestamptz '2026-03-10 09:59:59.999999+00' + n * interval '1 microsecond', 'm' || n) from generate_series(0, 1) as n;
select pg_temp.add('did:key:span', timestamptz '2026-03-10 10:59:59.999999+00' + n * interval '1 microsecond', 'm' || n) from generate_series(0, 1) as n;
select results_eq(
  $$ select model, hour from public.usage_of_log('did:key:span', '2026-03-10 10:00:00+00', '2026-03-10 11:00:00+00') order by model $$,
  $$ values ('m0', timestamptz '2026-03-10 10:00:00+00'), ('m1', '2026-03-10 10:00:00+00') $$,
  'the log is added up from an instant until before another one'
);
select results_eq(
  $$ select model, day, requests from public.usage_daily_of_log('did:key:span', '2026-03-10 10:00:00+00') order by model $$,
  $$ values ('m0', date '2026-03-10', 1::bigint), ('m1', '2026-03-10', 2) $$, 'to days from an instant on'
);

insert into public.request_logs (id, did, method, endpoint, status, http_status, request_time, response_time, first_byte_ms)
select gen_random_uuid(), 'did:key:lasting', 'POST', '/x', 'completed', 200, time, time + interval '1023.6 milliseconds', 511
from (select timestamptz '2026-03-10 10:59:59.5+00' as time) as began;
select results_eq(
  $$ select hour, pg_temp.buckets(first_byte_ms), pg_temp.buckets(duration_ms) from public.usage_of_log('did:key:lasting', '-infinity', 'infinity') $$,
  $$ values (timestamptz '2026-03-10 10:00:00+00', '18:1', '20:1') $$, 'with how long answers took, in milliseconds'
);
select results_eq(
  $$ select jsonb_path_query_array(to_jsonb(told) - '{first_byte_ms, duration_ms}'::text[], '$.keyvalue() ? (@.value > 0).key') from public.usage_of_log('did:key:lasting', '-infinity', 'infinity') as told
    union all select jsonb_path_query_array(to_jsonb(told), '$.keyvalue() ? (@.value > 0).key') from public.usage_daily_of_log('did:key:lasting', '-infinity') as told $$,
  $$ select '["requests", "requests_without_cost"]'::jsonb from generate_series(1, 2) $$, 'and what nobody told is nothing'
);

-- A day is added up once nobody can be at it any more who began before midnight.
delete from public.usage_daily;
insert into public.usage_daily (did, day, model, endpoint, requests)
select 'did:key:a', (now() at time zone 'utc')::date - n, 'm', '/x', 1 from generate_series(0, 2) as n;
select public.add_up_days();
select results_eq(
  'select (now() at time zone ''utc'')::date - day from public.usage_daily_of_all', 'select 2', 'which yesterday is not yet'
);

-- What comes late for yesterday leaves a note, alone or with others: who began before midnight may end after the day was added up.
delete from public.usage_day_changes;
select public.count_in_usage(log, 1), public.count_rows_in_usage(array[log])
from jsonb_populate_record(null::public.request_logs, jsonb_build_object(
  'did', 'did:key:late', 'endpoint', '/x', 'status', 'failed', 'request_time', now() - interval '24 hours', 'response_time', now()
)) as log;
select is((select count(*) from public.usage_day_changes where day = (now() at time zone 'utc')::date - 1), 2::bigint, 'yesterday''s totals are noted as changed');

-- What is settled together, of today and of the first hour that is kept and before it.
delete from public.usage_day_changes;
select public.count_rows_in_usage(array_agg(jsonb_populate_record(null::public.request_logs, jsonb_build_object(
  'did', 'did:key:together', 'endpoint', '/x', 'model', model, 'status', 'failed', 'request_time', time, 'response_time', time
)))), public.count_in_usage(jsonb_populate_record(null::public.request_logs, jsonb_build_object(
  'did', 'did:key:together', 'endpoint', '/x', 'status', 'failed', 'request_time', now(), 'response_time', now()
)), 1)
from (values
  ('now', now()), ('kept', public.usage_hourly_kept_since()), ('not kept', public.usage_hourly_kept_since() - interval '1 microsecond')
) as ended (model, time);
select results_eq(
  $$ select model, count(*) from public.usage_hourly where did = 'did:key:together' group by 1 order by 1 $$,
  $$ values ('kept', 1::bigint), ('now', 1), ('unknown', 1) $$, 'hours are counted as long as they are kept, of several, too'
);
select is(
  (select max(day) from public.usage_day_changes), (public.usage_hourly_kept_since() at time zone 'utc')::date, 'and today, which nobody adds up yet, needs no note'
);

-- An Ethereum address with capitals, as wallets show it.
insert into public.usage_daily (did, day, model, endpoint, requests)
values ('did:pkh:eip155:1:0xabcdef0123456789abcdef0123456789abcdef01', (now() at time zone 'utc')::date, 'm', '/x', 7);
select is(
  (select counted -> 'requests' from public.verify_usage(p_did => 'did:pkh:eip155:1:0xABCDEF0123456789abcdef0123456789AbCdEf01')),
  '7', 'totals of a DID are found in any spelling'
);

select * from finish();
rollback;
