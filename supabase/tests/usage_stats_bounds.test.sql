-- However many models and paths a client makes up, the statistics stay small, and their sums whole.
begin;
select plan(8);

insert into public.usage_daily (did, day, model, endpoint, requests, failed_requests, total_cost)
select 'did:key:alice', date '2026-03-01' + n % 2, 'model-' || n, '/x', 1, 1, 0.001
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
select is((select count(*) from groups), 5002::bigint, 'five thousand groups are told, and the others of each day');
select is(
  (select array[sum(requests), sum(requests_without_cost), sum(cost)] from groups), '{6007,3,7.000}',
  'which are whole together'
);
select is(
  (select array[requests, requests_without_cost] from groups where model = 'used'), '{7,3}',
  'the most used group is among them'
);
select is(
  (select count(*) from groups where (model, endpoint) = ('other', 'other')), 2::bigint,
  'the others of a day are one group'
);
select cmp_ok(
  (select length(answer::text) from stats), '<', 1200000, 'so that the answer has a bounded size'
);

select * from finish();
rollback;
