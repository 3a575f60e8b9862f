-- The statistics are exactly the sums over the log, although they are read from totals.
begin;
select plan(98);

-- Totals of hours are kept for 62 days; here since the day after the first one.
create or replace function public.usage_hourly_kept_since() returns timestamptz
language plpgsql stable set search_path = '' as $$
begin
  return coalesce(
    nullif(current_setting('test.hours_since', true), ''), '2026-01-01 00:00:00+00'
  )::timestamptz;
end;
$$;

-- Four days around the change to summer time in America/New_York (8 March 2026, 07:00 UTC).
select setseed(0.42);
insert into public.request_logs (id, did, method, endpoint, model, session, label, request_time)
select gen_random_uuid(),
  (array['did:key:alice', 'did:key:alice', 'did:key:alice', 'did:key:bob'])[1 + floor(random() * 4)::integer],
  'POST',
  (array['/chat/completions', '/embeddings'])[1 + floor(random() * 2)::integer],
  (array['openai/gpt-4o-mini', 'deepseek/deepseek-v4.1-flash', null])[1 + floor(random() * 3)::integer],
  (array['session 1', 'session 2', null])[1 + floor(random() * 3)::integer],
  (array['Zoë', null])[1 + floor(random() * 2)::integer],
  case when n <= 400 then timestamptz '2026-03-06 00:00:00+00' + random() * interval '96 hours'
    -- And at each midnight, a microsecond before and after it.
    else timestamptz '2026-03-06 00:00:00+00' + (n - 401) / 3 * interval '24 hours'
      + ((n - 401) % 3 - 1) * interval '1 microsecond'
  end
from generate_series(1, 415) as n;

do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time,
    'status', case when random() < 0.2 then 'failed' else 'completed' end,
    'input_tokens', nullif(floor(random() * 1000)::bigint, 0),
    'output_tokens', floor(random() * 1000)::bigint, 'cached_tokens', floor(random() * 100)::bigint,
    'reasoning_tokens', floor(random() * 100)::bigint,
    'cost', case when random() < 0.9
      then trunc(random()::numeric * 10, 3 + floor(random() * 15)::integer)::text || 'e-' || floor(random() * 9)
    end
  ))
  from public.request_logs
  -- A few stay pending: they are in no statistics.
  where random() < 0.97;
end;
$$;

-- The same sums, over the log alone. Groups in the order of their JSON, as pg_temp.stats has them.
create function pg_temp.expected(
  p_did text, p_start timestamptz, p_end timestamptz, p_group_by text[], p_session text default null,
  p_label text default null
)
returns jsonb language sql as $$
  with ended as (
    select *, coalesce(model, 'unknown') as name, request_time at time zone 'utc' as utc
    from public.request_logs
    where did = p_did and status <> 'pending'
      and request_time >= coalesce(p_start, '-infinity') and request_time < coalesce(p_end, 'infinity')
      and (p_session is null or session = p_session) and (p_label is null or label = p_label)
  ),
  groups as (
    select (
        select coalesce(jsonb_object_agg(part, value), '{}') from (values
          ('day', to_char(utc, 'YYYY-MM-DD')), ('hour', to_char(utc, 'YYYY-MM-DD"T"HH24') || ':00:00Z'),
          ('model', name), ('endpoint', endpoint), ('session', session), ('label', label)
        ) as parts (part, value)
        where part = any (p_group_by)
      ) as key,
      jsonb_build_object(
        'requests', count(*), 'failed_requests', count(*) filter (where status = 'failed'),
        'requests_without_cost', count(*) filter (where total_cost is null),
        'input_tokens', coalesce(sum(input_tokens), 0), 'output_tokens', coalesce(sum(output_tokens), 0),
        'cost', trim_scale(coalesce(sum(total_cost), 0))::text
      ) as sums
    from ended group by 1
  )
  select jsonb_build_object(
    'total_requests', count(*),
    'successful_requests', count(*) filter (where status = 'completed'),
    'failed_requests', count(*) filter (where status = 'failed'),
    'requests_without_cost', count(*) filter (where total_cost is null),
    'total_input_tokens', coalesce(sum(input_tokens), 0),
    'total_output_tokens', coalesce(sum(output_tokens), 0),
    'total_cached_tokens', coalesce(sum(cached_tokens), 0),
    'total_reasoning_tokens', coalesce(sum(reasoning_tokens), 0),
    'total_cost', trim_scale(coalesce(sum(total_cost), 0))::text,
    'requests_by_model', (
      select coalesce(jsonb_object_agg(name, requests), '{}')
      from (select name, count(*) as requests from ended group by name) as by_model
    ),
    'groups', case when p_group_by = '{}' then '[]' else coalesce(
      (select jsonb_agg(key || sums order by key || sums) from groups), '[]'
    ) end
  )
  from ended;
$$;
create function pg_temp.stats(
  p_did text, p_start timestamptz, p_end timestamptz, p_group_by text[], p_session text default null,
  p_label text default null
)
returns jsonb language sql as $$
  select jsonb_set(answer - 'partial_before', '{groups}', coalesce(
    (select jsonb_agg(g order by g) from jsonb_array_elements(answer -> 'groups') as g), '[]'
  ))
  from public.usage_stats(p_did, p_start, p_end, p_group_by, p_session, p_label) as answer;
$$;

create temporary table groupings on commit drop as
select n, array_remove(array[
  case when n & 1 > 0 then 'day' end, case when n & 2 > 0 then 'hour' end,
  case when n & 4 > 0 then 'model' end, case when n & 8 > 0 then 'endpoint' end,
  case when n & 16 > 0 then 'session' end, case when n & 32 > 0 then 'label' end
], null) as group_by
from generate_series(0, 63) as n;

create temporary table ranges on commit drop as
select row_number() over () as place, made.* from (
select timestamptz '2026-03-05 12:00:00+00' + a * interval '120 hours' as range_start,
  timestamptz '2026-03-05 12:00:00+00' + b * interval '120 hours' as range_end
from (select random() as a, random() as b from generate_series(1, 40)) as random
union all
-- Whole days, unbounded ranges, parts of one day, nothing at all, and the wrong way round.
select * from (values
  (null::timestamptz, null::timestamptz),
  (null, '2026-03-08 00:00:00+00'), ('2026-03-08 00:00:00+00', null),
  (null, '2026-03-08 07:30:00+00'), ('2026-03-08 07:30:00+00', null),
  ('2026-03-07 00:00:00+00', '2026-03-08 00:00:00+00'),
  ('2026-03-06 00:00:00+00', '2026-03-10 00:00:00+00'),
  ('2026-03-07 00:00:00.000001+00', '2026-03-09 00:00:00.000001+00'),
  ('2026-03-07 23:59:59.999999+00', '2026-03-08 23:59:59.999999+00'),
  ('2026-03-08 01:00:00+00', '2026-03-08 23:00:00+00'),
  ('2026-03-08 00:00:00+00', '2026-03-08 23:00:00+00'),
  ('2026-03-07 23:00:00+00', '2026-03-08 00:00:00+00'),
  ('2026-03-07 23:00:00+00', '2026-03-08 01:00:00+00'),
  ('2026-03-08 03:00:00+00', '2026-03-08 03:00:00+00'),
  ('2026-03-09 00:00:00+00', '2026-03-06 00:00:00+00'),
  ('2027-01-01 00:00:00+00', '2027-02-01 00:00:00+00')
) as special
) as made;

grant select on groupings, ranges to service_role;
set local role service_role;

select cmp_ok(
  (pg_temp.expected('did:key:alice', null, null, '{}') ->> 'total_requests')::integer, '>', 200,
  'there are requests to add up'
);
select isnt_empty(
  $$ select from public.request_logs where did = 'did:key:alice' and status = 'pending' $$,
  'and some that have not ended'
);
select set_eq(
  $$
    select did, (request_time at time zone 'utc')::date as day, coalesce(model, 'unknown') as model,
      endpoint, count(*) as requests, count(*) filter (where status = 'failed') as failed_requests,
      coalesce(sum(input_tokens), 0)::bigint as input_tokens,
      coalesce(sum(output_tokens), 0)::bigint as output_tokens,
      coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
      coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
      coalesce(sum(total_cost), 0) as total_cost, coalesce(sum(upstream_cost), 0) as upstream_cost,
      count(*) filter (where total_cost is null) as requests_without_cost
    from public.request_logs where status <> 'pending' group by 1, 2, 3, 4
  $$,
  'select * from public.usage_daily',
  'the daily totals are the log''s, to the last digit'
);

-- Every range with each way to group by one thing, and an eighth of them with each of the others.
select is_empty(
  format(
    $$ select range_start, range_end from ranges
      where (cardinality(%1$L::text[]) < 2 or (place + %2$s) %% 8 = 0)
        and pg_temp.stats('did:key:alice', range_start, range_end, %1$L)
        is distinct from pg_temp.expected('did:key:alice', range_start, range_end, %1$L) $$,
    group_by, n
  ),
  format('grouped by %s, ranges have the sums of the log', group_by)
)
from groupings;

select is_empty(
  $$ select range_start, range_end, group_by, session, label
    from ranges, groupings,
      (values ('session 1', null), ('session 2', 'Zoë'), (null, 'Zoë'), ('nobody''s', null), (null, 'nobody''s'))
        as origin (session, label)
    where (cardinality(group_by) = 0 or cardinality(group_by) = 2 and (place + n) % 4 = 0)
      and pg_temp.stats('did:key:alice', range_start, range_end, group_by, session, label)
        is distinct from pg_temp.expected('did:key:alice', range_start, range_end, group_by, session, label) $$,
  'so have ranges of what belongs to a session or a label'
);
select is_empty(
  $$ select relation, did, starts_at from public.verify_usage() $$,
  'the totals agree with the log in every number and histogram'
);

-- Where totals of hours are no longer kept, parts of days come from the log, and groups by hour begin later.
set local test.hours_since = '2026-03-08 05:00:00+00';
select is_empty(
  $$ select range_start, range_end from ranges
    where pg_temp.stats('did:key:alice', range_start, range_end, '{day,model}')
      is distinct from pg_temp.expected('did:key:alice', range_start, range_end, '{day,model}') $$,
  'sums do not depend on how long hours are kept'
);
select is_empty(
  $$ select range_start, range_end from ranges
    where range_start < range_end
      and pg_temp.stats('did:key:alice', range_start, range_end, '{hour}') -> 'groups'
        is distinct from pg_temp.expected(
          'did:key:alice', greatest(range_start, '2026-03-08 05:00:00+00'), range_end, '{hour}'
        ) -> 'groups' $$,
  'groups by hour are of the hours that are kept'
);
select is_empty(
  $$ select range_start, range_end from ranges
    where range_start < range_end and place % 4 = 0
      and pg_temp.stats('did:key:alice', range_start, range_end, '{hour,session}') -> 'groups'
        is distinct from pg_temp.expected(
          'did:key:alice', greatest(range_start, '2026-03-08 05:00:00+00'), range_end, '{hour,session}'
        ) -> 'groups' $$,
  'of each session, too'
);
select is_empty(
  $$ select range_start, range_end from ranges
    where range_start < range_end
      and pg_temp.stats('did:key:alice', range_start, range_end, '{hour}') - '{groups,partial_before}'::text[]
        is distinct from pg_temp.expected('did:key:alice', range_start, range_end, '{hour}') - 'groups' $$,
  'while the sums are of all of the range'
);
select is(
  array(
    select public.usage_stats('did:key:alice', range_start, range_end, group_by, session) ->> 'partial_before'
    from (values
      (null::timestamptz, null::timestamptz, '{hour}'::text[], null::text),
      ('2026-03-08 05:00:00+00', null, '{hour}', null),
      ('2026-03-08 04:59:59+00', null, '{hour,day}', null),
      ('2026-03-06 00:00:00+00', '2026-03-07 00:00:00+00', '{hour}', null),
      (null, null, '{day,model}', null),
      ('2026-03-07 10:30:00+00', '2026-03-09 10:30:00+00', '{day}', null),
      (null, null, '{hour,session}', null), (null, null, '{hour}', 'session 1'),
      (null, null, '{session,label}', null), (null, null, '{}', 'session 1'),
      ('2026-03-08 05:00:00+00', null, '{hour,session}', null)
    ) as asked (range_start, range_end, group_by, session)
  ),
  array[
    '2026-03-08T05:00:00.000000Z', null, '2026-03-08T05:00:00.000000Z', '2026-03-07T00:00:00.000000Z',
    null, null, '2026-03-08T05:00:00.000000Z', '2026-03-08T05:00:00.000000Z', null, null, null
  ],
  'the answer says where it begins to be whole'
);
set local test.hours_since = '';

-- The same where the log is not kept.
reset role;
create or replace function public.request_log_kept_since() returns timestamptz
language sql stable set search_path = '' as $$ select '2026-03-08 00:00:00+00'::timestamptz $$;
set local role service_role;
select is(
  array(
    select public.usage_stats('did:key:alice', range_start, range_end, group_by, session) ->> 'partial_before'
    from (values
      (null::timestamptz, null::timestamptz, '{day,model}'::text[], null::text),
      ('2026-03-07 10:00:00+00', null, '{day}', null),
      ('2026-03-07 10:30:00+00', null, '{day}', null),
      (null, '2026-03-07 10:30:00+00', '{}', null),
      (null, '2026-03-08 10:30:00+00', '{}', null),
      ('2026-03-07 00:00:00+00', null, '{session}', null), ('2026-03-08 00:00:00+00', null, '{label}', null),
      (null, null, '{}', 'session 1')
    ) as asked (range_start, range_end, group_by, session)
  ),
  array[
    null, null, '2026-03-07T11:00:00.000000Z', '2026-03-07T10:30:00.000000Z', null,
    '2026-03-08T00:00:00.000000Z', null, '2026-03-08T00:00:00.000000Z'
  ],
  'what only the log could tell is missed where it is not kept'
);
reset role;
create or replace function public.request_log_kept_since() returns timestamptz
language sql stable set search_path = '' as $$ select '2026-03-09 12:00:00+00'::timestamptz $$;
set local role service_role;
set local test.hours_since = '2026-03-07 05:00:00+00';
select is(
  array(
    select public.usage_stats('did:key:alice', range_start, range_end) ->> 'partial_before'
    from (values
      ('2026-03-07 05:00:00+00'::timestamptz, null::timestamptz), ('2026-03-07 04:00:00+00', null),
      ('2026-03-07 05:00:00+00', '2026-03-07 20:00:00+00'), ('2026-03-07 04:00:00+00', '2026-03-07 20:00:00+00'),
      ('2026-03-07 05:00:00+00', '2026-03-08 20:00:00+00'), ('2026-03-07 04:00:00+00', '2026-03-08 20:00:00+00')
    ) as asked (range_start, range_end)
  ),
  array[
    null, '2026-03-08T00:00:00.000000Z', null, '2026-03-07T20:00:00.000000Z', null, '2026-03-08T20:00:00.000000Z'
  ],
  'the first hour that is kept needs no log'
);
set local test.hours_since = '2026-03-07 00:00:00+00';
select is(
  array(
    select public.usage_stats('did:key:alice', '2026-03-05 00:00:00+00', range_end, '{hour,session}') ->> 'partial_before'
    from (values (null::timestamptz), ('2026-03-06 05:00:00+00')) as asked (range_end)
  ),
  '{2026-03-09T12:00:00.000000Z,2026-03-06T05:00:00.000000Z}', 'of two things that are missed the later one counts, up to the end of the range'
);
select is(
  array(
    select public.usage_stats('did:key:alice', '2026-03-05 00:00:00+00', range_end) ->> 'partial_before'
    from (values ('2026-03-07 05:00:00+00'::timestamptz), ('2026-03-06 05:00:00+00')) as asked (range_end)
  ),
  array[null, '2026-03-06T05:00:00.000000Z'],
  'nor does it where a day ended with it'
);
-- Parts of days that are older than the hours, and of which the log has the end.
set local test.hours_since = '2026-03-09 16:00:00+00';
select is(
  array(
    select public.usage_stats('did:key:alice', range_start, range_end) ->> 'partial_before'
    from (values
      ('2026-03-09 06:00:00+00'::timestamptz, '2026-03-09 15:00:00+00'::timestamptz), ('2026-03-07 00:00:00+00', '2026-03-09 15:00:00+00'),
      ('2026-03-07 06:00:00+00', '2026-03-09 15:00:00+00'), ('2026-03-09 12:00:00+00', '2026-03-09 15:00:00+00')
    ) as asked (range_start, range_end)
  ),
  array['2026-03-09T12:00:00.000000Z', '2026-03-09T12:00:00.000000Z', '2026-03-09T12:00:00.000000Z', null],
  'what the log has of a part is not missed'
);
set local test.hours_since = '2026-03-09 10:00:00+00';
select is(
  public.usage_stats('did:key:alice', '2026-03-05 00:00:00+00', '2026-03-09 15:00:00+00', '{hour}') ->> 'partial_before', '2026-03-09T12:00:00.000000Z',
  'the hours may be whole for longer than the sums'
);
set local test.hours_since = '';
reset role;
create or replace function public.request_log_kept_since() returns timestamptz
language sql stable set search_path = '' as $$ select null::timestamptz $$;
set local role service_role;

-- The same in every time zone. The reference is computed with them as well, so it is kept from UTC.
create temporary table in_utc on commit drop as
select range_start, range_end, group_by,
  public.usage_stats('did:key:alice', range_start, range_end, group_by) as answer
from ranges, (values ('{}'::text[]), ('{day}'), ('{hour,model}')) as chosen (group_by);
create function pg_temp.different() returns setof record language sql as $$
  select range_start, range_end, group_by from in_utc
  where public.usage_stats('did:key:alice', range_start, range_end, group_by) is distinct from answer;
$$;
set local timezone = 'America/New_York';
select is_empty(
  'select * from pg_temp.different() as (a timestamptz, b timestamptz, c text[])',
  'a session where summer time begins answers like UTC'
);
set local timezone = 'Pacific/Kiritimati';
select is_empty(
  'select * from pg_temp.different() as (a timestamptz, b timestamptz, c text[])',
  'a session a day ahead answers like UTC'
);
set local timezone = 'Asia/Kathmandu';
select is_empty(
  'select * from pg_temp.different() as (a timestamptz, b timestamptz, c text[])',
  'a session that is off by three quarters of an hour answers like UTC'
);
set local timezone = 'UTC';

-- The shape of the answer.
select is(
  public.usage_stats('did:key:nobody'),
  '{"total_requests": 0, "successful_requests": 0, "failed_requests": 0,
    "requests_without_cost": 0, "total_input_tokens": 0,
    "total_output_tokens": 0, "total_cached_tokens": 0, "total_reasoning_tokens": 0,
    "total_cost": "0", "requests_by_model": {}, "groups": []}',
  'a DID without requests has zeros'
);
select is(
  public.usage_stats('did:key:nobody', p_group_by => '{day,model}') -> 'groups', '[]',
  'and no groups'
);
insert into public.request_logs (id, did, method, endpoint, model, request_time)
values
  (gen_random_uuid(), 'did:key:carol', 'POST', '/chat/completions', 'b', '2026-03-11 10:59:59+00'),
  (gen_random_uuid(), 'did:key:carol', 'POST', '/chat/completions', 'a', '2026-03-11 10:00:00+00'),
  (gen_random_uuid(), 'did:key:carol', 'POST', '/embeddings', 'a', '2026-03-10 23:00:00+00');
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time,
    'status', case endpoint when '/embeddings' then 'failed' else 'completed' end, 'input_tokens', 7,
    'output_tokens', 5, 'cost', case model when 'b' then '0.1' when 'a' then '0.2' end
  ))
  from public.request_logs where did = 'did:key:carol' and request_time > '2026-03-11 00:00:00+00';
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'failed',
    'cost', '123456789.000000000000000001'
  ))
  from public.request_logs where did = 'did:key:carol' and endpoint = '/embeddings';
end;
$$;
select is(
  public.usage_stats('did:key:carol', '2026-03-11', null, '{hour}'),
  '{"total_requests": 2, "successful_requests": 2, "failed_requests": 0,
    "requests_without_cost": 0, "total_input_tokens": 14,
    "total_output_tokens": 10, "total_cached_tokens": 0, "total_reasoning_tokens": 0,
    "total_cost": "0.3", "requests_by_model": {"a": 1, "b": 1},
    "groups": [{"hour": "2026-03-11T10:00:00Z", "requests": 2, "failed_requests": 0,
      "requests_without_cost": 0, "input_tokens": 14, "output_tokens": 10, "cost": "0.3"}]}',
  'hours are instants in UTC, and a tenth and two tenths are three tenths'
);
select is(
  public.usage_stats('did:key:carol', '2026-03-10 22:59:59+00', '2026-03-10 23:00:01+00', '{session}'),
  '{"total_requests": 1, "successful_requests": 0, "failed_requests": 1,
    "requests_without_cost": 0, "total_input_tokens": 0,
    "total_output_tokens": 0, "total_cached_tokens": 0, "total_reasoning_tokens": 0,
    "total_cost": "123456789.000000000000000001", "requests_by_model": {"a": 1},
    "groups": [{"session": null, "requests": 1, "failed_requests": 1,
      "requests_without_cost": 0, "input_tokens": 0, "output_tokens": 0, "cost": "123456789.000000000000000001"}]}',
  'tokens that nobody told are none, in parts of hours, too'
);
select is(
  public.usage_stats('did:key:carol', p_group_by => '{model,day}') -> 'groups',
  '[{"day": "2026-03-10", "model": "a", "requests": 1, "failed_requests": 1, "requests_without_cost": 0, "input_tokens": 0,
      "output_tokens": 0, "cost": "123456789.000000000000000001"},
    {"day": "2026-03-11", "model": "a", "requests": 1, "failed_requests": 0, "requests_without_cost": 0, "input_tokens": 7,
      "output_tokens": 5, "cost": "0.2"},
    {"day": "2026-03-11", "model": "b", "requests": 1, "failed_requests": 0, "requests_without_cost": 0, "input_tokens": 7,
      "output_tokens": 5, "cost": "0.1"}]',
  'groups are in order of time, then of name'
);
select is(
  public.usage_stats('did:key:carol') ->> 'total_cost', '123456789.300000000000000001',
  'no digit is lost, large or small'
);
select is(
  public.usage_stats('did:key:carol', p_group_by => '{day,day}'),
  public.usage_stats('did:key:carol', p_group_by => '{day}'),
  'a group named twice is one group'
);
select throws_ok(
  $$ select public.usage_stats('did:key:carol', p_group_by => '{day,did,gateway}') $$,
  '22023', 'cannot group usage by did',
  'what cannot be grouped by is refused by name'
);
select throws_ok(
  $$ select public.usage_stats('did:key:carol', p_group_by => '{"day; drop table x"}') $$,
  '22023', null, 'whatever it is'
);
select is(
  public.usage_stats('did:key:alice', p_group_by => '{endpoint}') - 'groups',
  public.usage_stats('did:key:alice') - 'groups',
  'groups do not change the totals'
);
select is(
  (public.usage_stats('did:key:alice') ->> 'total_requests')::integer
    + (public.usage_stats('did:key:bob') ->> 'total_requests')::integer,
  (select count(*) from public.request_logs
    where status <> 'pending' and did <> 'did:key:carol')::integer,
  'every ended request is in the statistics of one DID'
);

update public.request_logs set did = 'did:pkh:eip155:1:0xab5801a7d398351b8be11c439e05c5b3259aec9b' where did = 'did:key:alice';
update public.usage_daily set did = 'did:pkh:eip155:1:0xab5801a7d398351b8be11c439e05c5b3259aec9b' where did = 'did:key:alice';
select is(
  public.usage_stats('did:pkh:eip155:1:0xAB5801a7D398351b8bE11C439e05C5B3259aeC9B') ->> 'total_requests',
  (select count(*)::text from public.request_logs where did like 'did:pkh:%' and status <> 'pending'),
  'an account is found by its address as wallets show it'
);
select throws_ok(
  $$ select public.usage_stats('did:pkh:eip155:1:0xab') $$, 'P0001', null, 'and not by what is none'
);

-- Of which nothing is known: zeros, wherever it is read from.
reset role;
insert into public.request_logs (id, did, method, endpoint, request_time, response_time, status)
values (gen_random_uuid(), 'did:key:erin', 'POST', '/x', '2026-03-11 10:30:00+00', '2026-03-11 10:30:01+00', 'completed');
select is(
  (select jsonb_agg(part) from public.usage_from_log('did:key:erin', '2026-03-11', '2026-03-12', null, null) as part),
  '[{"day": "2026-03-11", "hour": "2026-03-11T10:00:00+00:00", "model": "unknown", "endpoint": "/x", "session": null,
    "label": null, "requests": 1, "failed_requests": 0, "requests_without_cost": 1, "input_tokens": 0, "output_tokens": 0,
    "cached_tokens": 0, "reasoning_tokens": 0, "total_cost": 0}]',
  'a part from the log, of which nothing is known, counts nothing but a request'
);
select is(
  (select jsonb_agg(part) from public.usage_from_totals('did:key:erin', public.usage_pieces_of(
    '2026-03-11 10:20:00+00', '2026-03-11 10:40:00+00', false)) as part),
  (select jsonb_agg(part) from public.usage_from_log('did:key:erin', '2026-03-11', '2026-03-12', null, null) as part),
  'as does one beside the totals'
);

select * from finish();
rollback;
