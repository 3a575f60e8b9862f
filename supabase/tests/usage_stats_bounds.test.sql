-- However many models and paths a client makes up, the statistics stay small, and their sums whole.
begin;
select plan(41);

insert into public.usage_daily (did, day, model, endpoint, requests, failed_requests, requests_without_cost, total_cost, input_tokens, output_tokens)
select 'did:key:alice', date '2026-03-01' + n % 2, 'model-' || n, '/x', 1, 1, 1, 0.001, n, 2 * n
from generate_series(1, 6000) as n;
insert into public.usage_daily (did, day, model, endpoint, requests, requests_without_cost, total_cost)
values ('did:key:alice', '2026-03-01', 'used', '/chat/completions', 7, 3, 1);
set local role service_role;

create temporary table stats on commit drop as
select public.usage_stats('did:key:alice', p_group_by => '{day,model,endpoint}') as answer;
create temporary table groups on commit drop as
select g.* from stats, jsonb_to_recordset(answer -> 'groups')
  as g (day date, model text, endpoint text, requests bigint, requests_without_cost bigint, cost numeric);

select is(
  (select count(*) from jsonb_object_keys((select answer -> 'requests_by_model' from stats))), 101::bigint,
  'a hundred models are told by name, and the others together'
);
select is(
  (select answer #> '{requests_by_model,used}' from stats), '7', 'the most used ones are among them'
);
select is(
  (select sum(value::text::integer) from stats, jsonb_each(answer -> 'requests_by_model')), 6007::bigint,
  'and no request is missing'
);
select is((select count(*) from groups), 5001::bigint, 'five thousand groups are told, of as many requests the newest, and the others of each day');
select is(
  (select array[sum(requests), sum(requests_without_cost), sum(cost)] from groups), '{6007,6003,7.000}',
  'which are whole together'
);
select is(
  (select array[requests, requests_without_cost] from groups where model = 'used'), '{7,3}',
  'the most used group is among them'
);
select is(
  (select jsonb_build_object(
    'requests', sum((told ->> 'requests')::bigint), 'failed_requests', sum((told ->> 'failed_requests')::bigint),
    'requests_without_cost', sum((told ->> 'requests_without_cost')::bigint), 'input_tokens', sum((told ->> 'input_tokens')::bigint),
    'output_tokens', sum((told ->> 'output_tokens')::bigint), 'cost', sum((told ->> 'cost')::numeric))
    from stats, jsonb_array_elements(answer -> 'groups') as told),
  (select jsonb_build_object(
    'requests', answer -> 'total_requests', 'failed_requests', answer -> 'failed_requests', 'requests_without_cost', answer -> 'requests_without_cost',
    'input_tokens', answer -> 'total_input_tokens', 'output_tokens', answer -> 'total_output_tokens', 'cost', (answer ->> 'total_cost')::numeric) from stats),
  'in every number'
);
select is(
  (select count(*) from groups where (day, model, endpoint) = ('2026-03-01', 'other', 'other')), 1::bigint,
  'the others of a day are one group'
);
select cmp_ok(
  (select length(answer::text) from stats), '<', 1200000, 'so that the answer has a bounded size'
);

select is((select answer -> 'truncated' from stats), 'true', 'which the answer admits to');
select is(
  public.usage_stats('did:key:alice', p_group_by => '{day}') -> 'truncated', 'true',
  'as it does where only models are left out'
);
select is(
  public.usage_stats('did:key:alice', '2026-03-01', '2026-03-01', '{day,model}') ? 'truncated', false,
  'and only then'
);

-- Sessions and labels are read from the newest hundred thousand rows.
reset role;
insert into public.request_logs (
  id, did, method, endpoint, model, request_time, response_time, status, total_cost, session, label
)
select gen_random_uuid(), 'did:key:bob', 'POST', '/x', 'm', timestamptz '2026-03-10 00:00:00+00' - n * interval '1 second',
  '2026-03-10 01:00:00+00', 'completed', 0.5, case when n % 4 = 0 then 'every fourth' else 'session ' || n % 7000 end,
  case n when 100001 then 'oldest' end
from generate_series(0, 100001) as n;
set local role service_role;
create temporary table sessions on commit drop as
select public.usage_stats('did:key:bob', p_group_by => '{session}') as answer;
select is(
  (select sum(requests) from sessions, jsonb_to_recordset(answer -> 'groups') as g (requests integer)),
  100000::bigint, 'a hundred thousand rows are in the groups'
);
select is((select jsonb_array_length(answer -> 'groups') from sessions), 5001, 'which have a bound');
select is((select answer -> 'truncated' from sessions), 'true', 'that they admit to');
select cmp_ok(
  (select (answer ->> 'partial_before')::timestamptz from sessions), '<=',
  timestamptz '2026-03-10 00:00:00+00' - interval '99999 seconds', 'the answer says since when they are whole'
);
select cmp_ok(
  (select (answer ->> 'partial_before')::timestamptz from sessions), '>',
  timestamptz '2026-03-10 00:00:00+00' - interval '100000 seconds', 'and no earlier'
);
select is(
  public.usage_stats('did:key:bob', p_session => 'every fourth') - '{groups,requests_by_model}'::text[],
  '{"total_cost": "12500.5", "total_requests": 25001, "failed_requests": 0, "total_input_tokens": 0,
    "successful_requests": 25001, "total_cached_tokens": 0, "total_output_tokens": 0,
    "requests_without_cost": 0, "total_reasoning_tokens": 0}',
  'what one session cost is told in full'
);
select is(
  public.usage_stats('did:key:bob', p_label => 'oldest') -> 'total_requests', '1', 'and what has a label, however many rows have none'
);

-- The same bound, where rows can be counted: one a second, of which the range has all but the last.
reset role;
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, session, label)
select gen_random_uuid(), did, 'POST', '/x', timestamptz '2026-03-10 00:00:00+00' + n * interval '1 second',
  'completed', timestamptz '2026-03-09 00:00:00+00' - n * interval '1 second',
  case when n in (0, 2, 4) then 'even' end, case when n in (0, 1, 4) then 'some' end
from generate_series(0, 5) as n, unnest('{did:key:carol, did:key:dave}'::text[]) as did
where did = 'did:key:carol' or n in (1, 2);
set local role service_role;
select is(
  public.bounded_log_start('did:key:carol', '2026-03-10 00:00:00+00', '2026-03-10 00:00:05+00', session, label, most),
  timestamptz '2026-03-10 00:00:00+00' + case when beyond is null then '0' else beyond * interval '1 second' + interval '1 microsecond' end,
  format('%s rows at most, session %s, label %s', most, coalesce(session, '-'), coalesce(label, '-'))
)
from (values
  (5, null, null, null), (4, null, null, 0), (3, null, null, 1), (3, 'even', null, null), (2, 'even', null, 0), (2, null, 'some', 0), (1, 'even', 'some', 0)
) as bounds (most, session, label, beyond);

select is(
  public.usage_answer('{}', array(
    select row(date '2000-01-01' + n, null, 'm', '/x', null, null, 1, 0, 0, 0, 0, 0, 0, 0)::public.usage_part from generate_series(1, 5001) as n
  ), '{day}') -> 'truncated', null, 'days have no other name, and are told however many they are'
);

-- What is left over has the name 'other' where it has a name: five thousand groups, and after them one of each kind.
select is(
  (select array_agg(told -> 'model' || (told -> 'endpoint') || (told -> 'session') || (told -> 'label') order by place)
    from jsonb_array_elements(public.usage_answer('{}', array(
      select row(null, null, to_char(n, 'FM0000'), null, null, null, 2, 0, 0, 0, 0, 0, 0, 0)::public.usage_part from generate_series(1, 5000) as n
      union all
      select row(null, null, model, endpoint, session, label, 1, 0, 0, 0, 0, 0, 0, 0)::public.usage_part
      from (values ('few', null, null, null), (null, 'few', null, null), (null, null, 'few', null), (null, null, null, 'few'), (null, null, null, null))
        as few (model, endpoint, session, label)
    ), '{model,endpoint,session,label}') -> 'groups') with ordinality as one (told, place)
    where told -> 'requests' = '1'),
  '{"[\"other\", null, null, null]","[null, \"other\", null, null]","[null, null, null, null]","[null, null, null, \"other\"]","[null, null, \"other\", null]"}'::jsonb[],
  'the others are named so by what they are grouped by'
);

select is(
  (select jsonb_agg(told -> 'hour') from jsonb_array_elements(public.usage_answer('{}', array(
    select row(null, timestamptz '2000-01-01 00:00:00+00' + n * interval '1 hour', 'm', '/x', 's', null, 1, 0, 0, 0, 0, 0, 0, 0)::public.usage_part
    from generate_series(1, 5001) as n
  ), '{hour, session}') -> 'groups') as told where told ->> 'session' = 'other'),
  '["2000-01-01T01:00:00Z"]', 'of groups by hour the newest are named'
);
select is(
  public.usage_answer(array(
    select row(null, null, 'model ' || n, '/x', null, null, 1, 0, 0, 0, 0, 0, 0, 0)::public.usage_part from generate_series(1, 100) as n
  ), '{}', '{}') ? 'truncated', false, 'a hundred models are not too many'
);

select is(
  public.usage_answer(array(
    select row(null, null, 'model ' || n, '/x', null, null, 2, 0, 0, 0, 0, 0, 0, 0)::public.usage_part from generate_series(1, 100) as n
    union all
    select row(null, null, 'often', '/x', null, null, 1, 0, 0, 0, 0, 0, 0, 0)::public.usage_part from generate_series(1, 3)
  ), '{}', '{}') #> '{requests_by_model,often}', '3', 'of a model in several parts all requests count for its place'
);
select is(
  (select array[answer ->> 'total_cost', answer #>> '{groups,0,cost}'] from public.usage_answer(parts, parts, '{model}') as answer),
  '{0.1,0.1}', 'a sum that has zeros at its end is told without them'
)
from (select array_fill(row(null, null, 'm', '/x', null, null, 1, 0, 0, 0, 0, 0, 0, 0.05)::public.usage_part, '{2}') as parts) as made;

-- A model may be called 'other' by itself: it is told with the others, which are told of all the same.
select is(
  (select array[answer #>> '{requests_by_model,other}', answer #>> '{groups,0,requests}', answer ->> 'truncated']
    from public.usage_answer(parts[:named], parts[:grouped], '{model}') as answer),
  expected, 'what is called other hides nothing'
)
from (select array(
  select row(null, null, case n when 0 then 'other' else to_char(n, '"x"FM0000') end, '/x', null, null, case n when 0 then 3 else 1 end, 0, 0, 0, 0, 0, 0, 0)::public.usage_part
  from generate_series(0, 5001) as n
) as parts) as made,
  (values (102, 1, '{5,3,true}'::text[]), (1, 5002, '{3,5,true}')) as asked (named, grouped, expected);

-- Of as many requests, names come in their order.
select is(
  public.usage_answer(array(
    select row(null, null, 'model ' || to_char(n, 'FM000'), '/x', null, null, case n % 101 when 0 then 2 else 1 end, 0, 0, 0, 0, 0, 0, 0)::public.usage_part
    from generate_series(200, 0, -1) as n
  ), '{}', '{}') -> 'requests_by_model',
  (select jsonb_object_agg('model ' || to_char(n, 'FM000'), case n % 101 when 0 then 2 else 1 end) || '{"other": 101}'
    from (select generate_series(0, 98) as n union select 101) as named),
  'those with the most requests are named, then the first by name'
);

select is(
  array(
    select told ->> kind
    from unnest('{model, endpoint, session, label}'::text[]) with ordinality as kinds (kind, place),
      jsonb_array_elements(public.usage_answer('{}', array(
        select row(null, null, case kind when 'model' then name else 'm' end, case kind when 'endpoint' then name else '/x' end,
          case kind when 'session' then name end, case kind when 'label' then name end, 1, 0, 0, 0, 0, 0, 0, 0)::public.usage_part
        from (select to_char(n, 'FM0000') as name from generate_series(5000, 0, -1) as n) as named
      ), array[kind]) -> 'groups') as told
    where told ->> kind >= '4999'
    order by place, told ->> kind
  ),
  '{4999, other, 4999, other, 4999, other, 4999, other}'::text[], 'of groups with as many requests the first by name are named'
);

select is(
  (select string_agg(coalesce(told ->> 'session', '-') || coalesce(told ->> 'label', '-'), ' ' order by place) from jsonb_array_elements(public.usage_answer('{}', array(
    select row(null, null, 'm', '/x', session, label, 1, 0, 0, 0, 0, 0, 0, 0)::public.usage_part
    from unnest('{b, null, a}'::text[]) as session, unnest('{y, null}'::text[]) as label
  ), '{session, label}') -> 'groups') with ordinality as one (told, place)),
  '-- -y a- ay b- by', 'what has no session or label comes before what has'
);

-- Pieces to the microsecond.
reset role;
select is(
  to_jsonb(public.usage_pieces_of('2028-02-27 10:00:00.000001+00', '2028-02-29 12:00:00.000003+00', false)) - '{partial_before, hours_start, hours_end}'::text[],
  '{"range_start": "2028-02-27T10:00:00.000001+00:00", "days_start": "2028-02-28T00:00:00+00:00", "days_end": "2028-02-29T00:00:00+00:00",
    "range_end": "2028-02-29T12:00:00.000003+00:00"}'::jsonb, 'a range is not rounded'
) from set_config('timezone', 'UTC', true);
select is(
  (select array[hours_start, days_start, days_end, hours_end] from public.usage_pieces_of('2028-02-27 10:10:00.000001+00', '2028-02-27 10:20:00.000003+00', false)),
  array_fill(timestamptz '2028-02-27 10:20:00.000003+00', '{4}'), 'nor what of it is read from the log'
);
update public.gateway_settings set request_log_dropped_before = '2028-02-27 10:15:00.000001+00';
select is(
  (select partial_before from public.usage_pieces_of('2028-02-27 10:10:00+00', '2028-02-27 10:20:00+00', false)),
  timestamptz '2028-02-27 10:15:00.000001+00', 'nor that before which it is not whole'
);
-- The sums lack less than the groups by session, which are of the log alone.
update public.gateway_settings set request_log_dropped_before = '2028-02-27 15:00:00+00';
select is(
  array(
    select public.usage_stats('did:key:alice', '2028-02-27 10:10:00+00', '2028-02-28 03:00:00+00', groups::text[]) ->> 'partial_before'
    from unnest('{"{}", "{session}"}'::text[]) as groups
  ),
  '{2028-02-27T11:00:00.000000Z, 2028-02-27T15:00:00.000000Z}'::text[], 'what lacks more is told'
);

select * from finish();
rollback;
