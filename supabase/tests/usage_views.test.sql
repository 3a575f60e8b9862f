-- The views for people with SQL: one column that names the view, then the same sums everywhere.
begin;
select plan(15);

create function pg_temp.columns_of(view_name text) returns text[] language sql return (
  select array_agg(attname || ' ' || format_type(atttypid, atttypmod) order by attnum)
  from pg_catalog.pg_attribute where attrelid = ('public.' || view_name)::regclass and attnum > 0
);
create temporary table sums on commit drop as select array[
  'requests bigint', 'failed_requests bigint', 'input_tokens bigint', 'output_tokens bigint',
  'cached_tokens bigint', 'reasoning_tokens bigint', 'total_cost numeric', 'upstream_cost numeric',
  'requests_without_cost bigint'
] as columns;

select isnt_empty(
  $$ select from pg_catalog.pg_views where schemaname = 'public' and viewname like 'usage\_by\_%' $$,
  'there are views to look at'
);
-- How many columns a view is named by.
create function pg_temp.keys_of(view_name text) returns text[] language sql return
  string_to_array(substr(view_name, length('usage_by_') + 1), '_');
select is_empty(
  $$ select viewname from pg_catalog.pg_views, sums, pg_temp.keys_of(viewname) as keys
    where schemaname = 'public' and viewname like 'usage\_by\_%'
      and (pg_temp.columns_of(viewname))[cardinality(keys) + 1 : cardinality(keys) + cardinality(columns)]
        is distinct from columns $$,
  'every view of sums has the same columns of the same types after those that it is named by'
);
select is_empty(
  $$ select viewname from pg_catalog.pg_views, pg_temp.keys_of(viewname) as keys
    where schemaname = 'public' and viewname like 'usage\_by\_%'
      and array(
        select split_part(name, ' ', 1)
        from unnest((pg_temp.columns_of(viewname))[1 : cardinality(keys)]) as name
      ) <> keys $$,
  'its first columns are those that its name says'
);
select is(
  (pg_temp.columns_of('usage_daily'))[5:], (select columns from sums),
  'they are the columns of the daily totals'
);
select is(
  pg_temp.columns_of('usage_recent_failures'),
  array[
    'request_time timestamp with time zone', 'id uuid', 'did text', 'endpoint text', 'model text',
    'http_status smallint', 'error_message text', 'total_cost numeric'
  ],
  'recent failures are rows of the log'
);

insert into public.request_logs (id, did, method, endpoint, model, request_time)
select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
  'did:key:' || (array['alice', 'bob'])[1 + n % 2], 'POST', (array['/x', '/y'])[1 + n / 2 % 2],
  'model-' || n % 3, at
from generate_series(1, 24) as n,
  lateral (values (timestamptz '2026-03-10 12:00:00+00' + n * interval '1 hour')) as times (at);
do $$
begin
  perform public.settle_request(
    id, request_time, 'completed', 200, p_input_tokens => 7, p_output_tokens => 5,
    p_cached_tokens => 3, p_reasoning_tokens => 2, p_cost => '1e-10', p_upstream_cost => '0.1'
  )
  from public.request_logs;
end;
$$;

set local role service_role;
select set_eq(
  'select day, requests, total_cost from public.usage_by_day',
  $$ select (request_time at time zone 'utc')::date as day, count(*), sum(total_cost)
    from public.request_logs group by 1 $$,
  'usage_by_day adds up the log by day of UTC'
);
select set_eq(
  'select model, requests, total_cost from public.usage_by_model',
  'select model, count(*), sum(total_cost) from public.request_logs group by 1',
  'usage_by_model adds it up by model'
);
select set_eq(
  'select did, requests, total_cost from public.usage_by_did',
  'select did, count(*), sum(total_cost) from public.request_logs group by 1',
  'usage_by_did adds it up by DID'
);
select results_eq(
  $$ select input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost
    from public.usage_by_did where did = 'did:key:alice' $$,
  'values (84::bigint, 60::bigint, 36::bigint, 24::bigint, 0.0000000012, 1.2)',
  'each column is the sum that it names'
);
set local timezone = 'Pacific/Kiritimati';
select set_eq(
  'select day, requests from public.usage_by_day',
  $$ values ('2026-03-10'::date, 11::bigint), ('2026-03-11', 13) $$,
  'days are UTC''s in every time zone'
);
set local timezone = 'UTC';

select is_empty('select from public.usage_recent_failures', 'what succeeded is no failure');
insert into public.request_logs (id, did, method, endpoint, request_time)
select ('00000000-0000-0000-0001-' || lpad(days::text, 12, '0'))::uuid, 'did:key:alice', 'POST', '/x',
  now() - days * interval '24 hours'
from unnest('{0, 1, 6, 8}'::integer[]) as days;
select is_empty('select from public.usage_recent_failures', 'nor what is pending');
do $$
begin
  perform public.settle_request(id, request_time, 'failed', 502, 'upstream_unreachable')
  from public.request_logs where status = 'pending';
end;
$$;
select results_eq(
  'select right(id::text, 1), http_status::integer, error_message from public.usage_recent_failures',
  $$ values ('0', 502, 'upstream_unreachable'), ('1', 502, 'upstream_unreachable'),
    ('6', 502, 'upstream_unreachable') $$,
  'failures of the last seven days are listed, newest first'
);
select is(
  (select failed_requests from public.usage_by_did where did = 'did:key:alice'), 4::bigint,
  'and counted as failed, whenever they were'
);
select is(
  (select requests from public.usage_by_did where did = 'did:key:alice'), 16::bigint,
  'among the requests'
);

select * from finish();
rollback;
