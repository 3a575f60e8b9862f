-- The views for people with SQL: one column that names the view, then the same sums everywhere.
begin;
select plan(60);

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
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200,
    'input_tokens', 7, 'output_tokens', 5, 'cached_tokens', 3, 'reasoning_tokens', 2, 'cost', '1e-10',
    'upstream_cost', '0.1'
  ))
  from public.request_logs;
end;
$$;

set local role service_role;
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
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'failed', 'http_status', 502,
    'error_message', 'upstream_unreachable', 'may_be_repeated', true
  ))
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

-- How long answers took.
reset role;
select setseed(0.7);
insert into public.request_logs (id, did, method, endpoint, model, request_time)
select gen_random_uuid(), 'did:key:' || (array['slow', 'fast'])[1 + n % 2], 'POST', '/x', 'timed',
  (now() at time zone 'utc')::date::timestamp at time zone 'utc' - interval '24 hours' + n * interval '2 minutes'
from generate_series(1, 600) as n;
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time,
    'status', case when random() < 0.1 then 'failed' else 'completed' end, 'http_status', 200,
    'first_byte_ms', (10 * 2 ^ (random() * 8))::integer
  ))
  from public.request_logs where model = 'timed';
end;
$$;
set local role service_role;
select is_empty(
  $$
    select did, percent, exact, told
    from (
      select log.did, percent, log.exact, case percent when 50 then first_byte_p50_ms when 95 then first_byte_p95_ms
        else first_byte_p99_ms end as told
      from unnest('{50, 95, 99}'::integer[]) as percent
      cross join lateral (
        select did, percentile_disc(percent / 100.0) within group (order by first_byte_ms) as exact
        from public.request_logs where model = 'timed' and status = 'completed' group by did
      ) as log
      join public.usage_latency as view on view.did = log.did and view.model = 'timed'
    ) as told
    where (told between exact / 1.42 - 1 and exact * 1.42 + 1) is not true
  $$,
  'percentiles are right within a factor of 1.42'
);
select is(
  (select sum(requests) from public.usage_latency where model = 'timed'),
  (select count(*)::numeric from public.request_logs where model = 'timed' and status = 'completed'),
  'of what has completed'
);
select cmp_ok(
  (select min(duration_p50_ms) from public.usage_latency where model = 'timed'), '>', 1000::bigint,
  'the time to the end is told, too'
);
reset role;
insert into public.usage_hourly (did, hour, model, endpoint, first_byte_ms, duration_ms)
select 'did:key:' || n, date_trunc('hour', now(), 'utc') - interval '3 hours', 'in buckets', '/x', counts, counts
from (
  select n, array(select case bucket when 11 then 5 when 13 then 5 when 15 then 5 * n else 0 end from generate_series(1, 40) as bucket)
  from generate_series(1, 2) as n
) as histogram (n, counts);
set local role service_role;
select results_eq(
  $$ select requests, duration_p50_ms, duration_p95_ms, duration_p99_ms from public.usage_latency
    where model = 'in buckets' order by requests $$,
  $$ values (15::bigint, round(2 ^ 6.25)::bigint, round(2 ^ 7.425)::bigint, round(2 ^ 7.485)::bigint),
    (20, round(2 ^ 6.5)::bigint, round(2 ^ 7.45)::bigint, round(2 ^ 7.49)::bigint) $$,
  'in the bucket where so many percent have ended, as far in it as they reach'
);
select is_empty(
  $$
    select from public.usage_latency where model = 'in buckets'
      and (first_byte_p50_ms, first_byte_p95_ms, first_byte_p99_ms)
        is distinct from (duration_p50_ms, duration_p95_ms, duration_p99_ms)
  $$,
  'alike for both times'
);
reset role;
insert into public.usage_hourly (did, hour, model, endpoint, first_byte_ms, duration_ms)
select 'did:key:ends', date_trunc('day', now(), 'utc') - hours * interval '1 hour', 'in buckets', '/x', counts, counts
from unnest('{24, 1}'::integer[]) as hours, (select array_agg(1) as counts from generate_series(1, 40)) as histogram;
set local timezone = 'Pacific/Kiritimati';
set local role service_role;
select results_eq(
  $$ select day, requests from public.usage_latency where did = 'did:key:ends' $$,
  $$ values ((now() at time zone 'utc')::date - 1, 80::bigint) $$, 'by the day of UTC'
);
set local timezone = 'UTC';
reset role;
delete from public.usage_hourly where model = 'in buckets';

-- What belongs to sessions and labels.
insert into public.request_logs (id, did, method, endpoint, request_time, session, label)
select gen_random_uuid(), 'did:key:alice', 'POST', '/x', now() - n * interval '1 hour', 's' || n % 2, 'l'
from generate_series(1, 5) as n;
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', id, 'request_time', request_time, 'status', 'completed', 'http_status', 200,
    'cost', '0.1'
  ))
  from public.request_logs where label = 'l';
end;
$$;
-- One that is under way cost nothing yet.
insert into public.request_logs (id, did, method, endpoint, session, label) values (gen_random_uuid(), 'did:key:alice', 'POST', '/x', 's1', 'l');
set local role service_role;
select results_eq(
  $$ select session, requests, total_cost, first_request_at, last_request_at from public.usage_by_did_session order by session $$,
  $$ values ('s0', 2::bigint, 0.2, now() - interval '4 hours', now() - interval '2 hours'),
    ('s1', 3, 0.3, now() - interval '5 hours', now() - interval '1 hour') $$,
  'sessions say what they cost, and from when until when they were'
);
select results_eq(
  'select did, label, requests, total_cost, first_request_at, last_request_at from public.usage_by_did_label',
  $$ values ('did:key:alice', 'l', 5::bigint, 0.5, now() - interval '5 hours', now() - interval '1 hour') $$,
  'so do labels'
);

-- Requests of which everything differs, and some is not known, several of each hour, session and label, in several days.
reset role;
insert into public.request_logs (id, did, method, endpoint, model, request_time, session, label)
select gen_random_uuid(), 'did:key:various', 'POST', '/y', 'model-' || n % 2,
  date_trunc('hour', now(), 'utc') - n % 3 * interval '25 hours', 's' || n % 2, 'l' || n % 2
from generate_series(1, 24) as n;
do $$
begin
  perform public.settle_request(jsonb_build_object(
    'request_id', log.id, 'request_time', log.request_time,
    'status', case n % 4 when 0 then 'failed' else 'completed' end, 'http_status', 200,
    'input_tokens', nullif(n, 9) * 1000, 'output_tokens', nullif(n, 10) * 100,
    'cached_tokens', nullif(n, 11) * 10, 'reasoning_tokens', nullif(n, 12),
    'cost', case when n % 2 = 0 then (n * 0.1)::text end, 'upstream_cost', (nullif(n, 14) * 0.01)::text
  ))
  from (
    select id, request_time, row_number() over (order by id) as n from public.request_logs where did = 'did:key:various'
  ) as log;
end;
$$;
-- What a view has and the log has not, or the other way round; of what it tells of the last 31 days.
create function pg_temp.differences(view_name text) returns bigint language plpgsql as $$
declare
  v_keys text := array_to_string(pg_temp.keys_of(view_name), ', ');
  v_sums text := (select string_agg(split_part(name, ' ', 1), ', ') from sums, unnest(columns) as name);
  v_differences bigint;
begin
  execute format(
    $query$
      with told as (select %1$s, %2$s from public.%3$I),
      logged as (
        select %1$s,
          count(*), count(*) filter (where status = 'failed'), coalesce(sum(input_tokens), 0),
          coalesce(sum(output_tokens), 0), coalesce(sum(cached_tokens), 0), coalesce(sum(reasoning_tokens), 0),
          coalesce(sum(total_cost), 0), coalesce(sum(upstream_cost), 0), count(*) filter (where total_cost is null)
        from (
          select did, public.counted_model(log) as model, (request_time at time zone 'utc')::date as day,
            date_trunc('hour', request_time, 'utc') as hour, session, label, status, input_tokens, output_tokens,
            cached_tokens, reasoning_tokens, total_cost, upstream_cost
          from public.request_logs as log where status <> 'pending' and (%4$L or request_time > now() - interval '31 days')
        ) as log
        where (%1$s) is not null
        group by %1$s
      )
      select count(*) from ((table told except table logged) union all (table logged except table told)) as difference
    $query$,
    v_keys, v_sums, view_name, v_keys !~ 'hour|session|label'
  ) into v_differences;
  return v_differences;
end;
$$;
select is_empty(
  $$ select viewname, pg_temp.differences(viewname) from pg_catalog.pg_views
    where schemaname = 'public' and viewname like 'usage\_by\_%' and pg_temp.differences(viewname) <> 0 $$,
  'every view adds up the log, by what it is named by'
);
set local role service_role;
select set_eq(
  $$ select did, endpoint from public.usage_unknown_costs where model is null $$,
  $$ values ('did:key:alice', '/x') $$,
  'requests whose cost is not known are listed'
);

-- Accounts and budgets.
reset role;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash a', 'sealed', 'a'), ('did:key:bob', 'hash b', 'sealed', 'b'),
  ('did:key:unused', 'hash u', 'sealed', 'u');
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at)
values ('did:key:bob', 'hash b before', 'b', '2020-01-01 00:00:00+00');
select public.set_limits('did:key:alice', daily_budget_usd => 2);
select public.block_did('did:key:bob');
select public.set_gateway_limits(default_monthly_budget_usd => 20);
delete from public.budgets;
insert into public.budgets (did, day, month, day_spent_usd, day_reserved_usd, month_spent_usd)
select did, (now() at time zone 'utc')::date - ago, date_trunc('month', now() at time zone 'utc')::date, 1.5, 0.25, 5
from (values ('did:key:alice', 0), ('did:key:bob', 1), ('*', 0)) as budget (did, ago);
set local role service_role;
select set_eq(
  $$ select did, access, created_at, daily_budget_usd, day_spent_usd, monthly_budget_usd, month_spent_usd,
      first_day is not null from public.accounts $$,
  $$ values ('did:key:alice', 'allowed', now(), 2::numeric, 1.5, 20::numeric, 5::numeric, true),
    ('did:key:bob', 'blocked', '2020-01-01 00:00:00+00', null, 0, 20, 5, true),
    ('did:key:unused', 'allowed', now(), null, 0, 20, 0, false) $$,
  'accounts say who may call, and what they may spend and have spent'
);
select is(
  (select last_request_at from public.accounts where did = 'did:key:alice'),
  (select max(request_time) from public.request_logs where did = 'did:key:alice'), 'and when they called last'
);
select set_eq(
  'select did, period, limit_usd, spent_usd, remaining_usd, used_percent from public.usage_against_budgets',
  $$ values ('did:key:alice', 'day', 2::numeric, 1.5, 0.25, 87.5), ('did:key:alice', 'month', 20, 5, 15, 25),
    ('did:key:bob', 'day', null, 0, null, null), ('did:key:bob', 'month', 20, 5, 15, 25),
    ('*', 'day', null, 1.5, null, null), ('*', 'month', null, 5, null, null) $$,
  'what is spent stands against budgets, that of an earlier day no more'
);
select set_eq(
  'select did, requests from public.new_dids',
  $$ select 'did:key:alice', requests from public.usage_by_did where did = 'did:key:alice'
    union all values ('did:key:unused', 0::bigint) $$,
  'new are those whose first key is'
);

-- Limits of a DID's own, and what all have without.
select is(
  (select array[daily_budget_usd, requests_per_minute, cardinality(allowed_models)] from public.accounts
    where did = 'did:key:bob'),
  array[null::numeric, null, null], 'limits that nobody has set are null'
);
reset role;
select public.set_limits('did:key:alice', monthly_budget_usd => 30, requests_per_minute => 3, allowed_models => '{mine/*}');
select public.set_gateway_limits(
  default_daily_budget_usd => 4, default_requests_per_minute => 5, default_allowed_models => '{a/*,b/*}'
);
set local role service_role;
select set_eq(
  $$ select did, daily_budget_usd, monthly_budget_usd, requests_per_minute, allowed_models from public.accounts $$,
  $$ values ('did:key:alice', 2::numeric, 30::numeric, 3, '{mine/*}'::text[]),
    ('did:key:bob', 4, 20, 5, '{a/*,b/*}'), ('did:key:unused', 4, 20, 5, '{a/*,b/*}') $$,
  'accounts have limits of their own, or what DIDs have without'
);
select set_eq(
  $$ select did, period, limit_usd, used_percent from public.usage_against_budgets where did <> '*' $$,
  $$ values ('did:key:alice', 'day', 2::numeric, 87.5), ('did:key:alice', 'month', 30, 16.7),
    ('did:key:bob', 'day', 4, 0), ('did:key:bob', 'month', 20, 25) $$,
  'and spend against the same'
);

-- Every column of an account's row, with all that it can have, and with nothing.
reset role;
delete from public.budgets;
delete from public.did_policies;
update public.gateway_settings set access_mode = 'allowlist';
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, status, created_at) values
  ('did:key:full', 'hash f', 'sealed', 'f', 'active', '2026-02-02 00:00:00+00'), ('did:key:bare', 'hash e', 'sealed', 'e', 'disabled', '2026-02-03 00:00:00+00');
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at) values
  ('did:key:full', 'hash f1', 'f', '2026-01-02 00:00:00+00'), ('did:key:full', 'hash f2', 'f', '2026-01-03 00:00:00+00');
insert into public.did_policies (did, access, daily_budget_usd, monthly_budget_usd, requests_per_minute, allowed_models)
values ('did:key:full', 'allowed', 100, 200, 300, '{f/*}');
insert into public.usage_daily (did, day, model, endpoint, requests, failed_requests, requests_without_cost, total_cost) values
  ('did:key:full', '2026-01-05', 'm', '/x', 11, 2, 3, 0.4), ('did:key:full', '2026-01-07', 'm', '/x', 20, 0, 0, 0.1);
insert into public.request_logs (id, did, method, endpoint, request_time) values
  (gen_random_uuid(), 'did:key:full', 'POST', '/x', '2026-01-05 10:00:00+00'), (gen_random_uuid(), 'did:key:full', 'POST', '/x', '2026-01-07 10:00:00+00');
create temporary table today on commit drop as
select day, date_trunc('month', day)::date as month from (select (now() at time zone 'utc')::date as day) as now;
grant select on today to service_role;
insert into public.budgets (did, day, month, day_spent_usd, day_reserved_usd, month_spent_usd, month_reserved_usd, requests_under_way)
select 'did:key:full', day, month, 10, 20, 30, 40, 5 from today;
set local role service_role;
create function pg_temp.account(name text) returns jsonb language sql return (
  select to_jsonb(account) - 'did' from public.accounts as account where did = 'did:key:' || name
);
create temporary table full_account on commit drop as select '{
  "access": "allowed", "key_status": "active", "created_at": "2026-01-02T00:00:00+00:00", "first_day": "2026-01-05", "last_day": "2026-01-07",
  "last_request_at": "2026-01-07T10:00:00+00:00", "requests": 31, "failed_requests": 2, "requests_without_cost": 3, "total_cost": 0.5,
  "daily_budget_usd": 100, "day_spent_usd": 10, "day_reserved_usd": 20, "monthly_budget_usd": 200, "month_spent_usd": 30,
  "month_reserved_usd": 40, "requests_per_minute": 300, "requests_under_way": 5, "allowed_models": ["f/*"]}'::jsonb as told;
select is(pg_temp.account('full'), told, 'an account is told in full') from full_account;
select is(
  pg_temp.account('bare'),
  '{"access": "blocked", "key_status": "disabled", "created_at": "2026-02-03T00:00:00+00:00", "first_day": null, "last_day": null,
    "last_request_at": null, "requests": 0, "failed_requests": 0, "requests_without_cost": 0, "total_cost": 0, "daily_budget_usd": 4,
    "day_spent_usd": 0, "day_reserved_usd": 0, "monthly_budget_usd": 20, "month_spent_usd": 0, "month_reserved_usd": 0,
    "requests_per_minute": 5, "requests_under_way": 0, "allowed_models": ["a/*", "b/*"]}'::jsonb,
  'be there nothing to tell'
);
select is(pg_temp.account('unused') ->> 'access', 'not_allowed', 'who was not allowed is told so where that is needed');
create function pg_temp.against(p_period text) returns jsonb language sql return (
  select to_jsonb(told) - '{did,period}'::text[] from public.usage_against_budgets as told where did = 'did:key:full' and period = p_period
);
select is(
  pg_temp.against('day'), jsonb_build_object('limit_usd', 100, 'spent_usd', 10, 'reserved_usd', 20, 'remaining_usd', 70, 'used_percent', 30.0,
    'resets_at', (day + 1)::timestamp at time zone 'utc'), 'as is the budget of its day'
) from today;
select is(
  pg_temp.against('month'), jsonb_build_object('limit_usd', 200, 'spent_usd', 30, 'reserved_usd', 40, 'remaining_usd', 130, 'used_percent', 35.0,
    'resets_at', (month + interval '1 month') at time zone 'utc'), 'and of its month'
) from today;
update public.budgets set day = day - 1;
select is(pg_temp.account('full'), told || '{"day_spent_usd": 0, "day_reserved_usd": 0}', 'a day that is over has nothing of today') from full_account;
select is(pg_temp.against('day') @> '{"spent_usd": 0, "reserved_usd": 0, "remaining_usd": 100, "used_percent": 0.0}', true, 'against its budget, too');
update public.budgets set month = month - interval '1 month';
select is(
  pg_temp.account('full'), told || '{"day_spent_usd": 0, "day_reserved_usd": 0, "month_spent_usd": 0, "month_reserved_usd": 0}',
  'and a month nothing of this one'
) from full_account;
select is(pg_temp.against('month') @> '{"spent_usd": 0, "reserved_usd": 0, "remaining_usd": 200, "used_percent": 0.0}', true, 'alike');
update public.budgets set day = today.day + 1, month = today.month + interval '1 month' from today;
select is(pg_temp.account('full'), told, 'what has begun a day before others is of that day') from full_account;
select is(pg_temp.against('day') ->> 'spent_usd' || ' ' || (pg_temp.against('month') ->> 'spent_usd'), '10 30', 'everywhere');
update public.budgets set day_spent_usd = 90;
update public.did_policies set monthly_budget_usd = 0;
select is(pg_temp.against('day') ->> 'remaining_usd', '0', 'no less than nothing is left');
select is(pg_temp.against('month') - 'resets_at', '{"limit_usd": 0, "spent_usd": 30, "reserved_usd": 40, "remaining_usd": 0, "used_percent": null}', 'of a budget of nothing, too');

-- How far views reach back.
reset role;
update public.user_api_keys set created_at = now() - interval '31 days' where did = 'did:key:full';
update public.user_api_keys set created_at = now() - interval '30 days 23 hours' where did = 'did:key:bare';
update public.retired_api_keys set created_at = now() - interval '31 days' where did = 'did:key:full';
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at) values ('did:key:bare', 'hash e1', 'e', now() - interval '31 days');
set local role service_role;
select set_eq(
  $$ select did, key_status, requests, failed_requests, total_cost from public.new_dids where did in ('did:key:full', 'did:key:bare') $$,
  $$ values ('did:key:bare', 'disabled', 0::bigint, 0::bigint, 0::numeric) $$, 'who is new is so for 31 days, with whatever key'
);
reset role;
update public.user_api_keys set created_at = now() where did = 'did:key:full';
set local role service_role;
select set_eq(
  $$ select created_at, key_status, requests, failed_requests, total_cost from public.new_dids where did = 'did:key:full' $$,
  $$ values (now(), 'active', 31::bigint, 2::bigint, 0.5) $$, 'and told with all that it has used'
);
reset role;
update public.retired_api_keys set created_at = now() - interval '31 days 1 microsecond' where did = 'did:key:full';
set local role service_role;
select is_empty($$ select from public.new_dids where did = 'did:key:full' $$, 'whose key before is no older than that, either');
reset role;
delete from public.usage_hourly;
insert into public.usage_hourly (did, hour, model, endpoint, requests, first_byte_ms, duration_ms)
select 'did:key:full', date_trunc('hour', now(), 'utc') - n * interval '1 hour', n::text, '/x', 1, public.histogram('{3}'), public.histogram('{3}')
from unnest('{0, 1488, 1489}'::integer[]) as n;
set local role service_role;
select is((select count(*) from public.usage_by_hour), 2::bigint, 'hours are told for 62 days');
select is((select count(*) from public.usage_by_did_hour), 2::bigint, 'of each DID');
select set_eq('select model from public.usage_latency', '{0, 1488}'::text[], 'with how long answers took');
reset role;
delete from public.request_logs;
insert into public.request_logs (id, did, method, endpoint, request_time, status, response_time, session, label, http_status, cost_asks, reserved_usd)
select gen_random_uuid(), 'did:key:full', 'POST', '/' || n, now() - n * interval '1 hour', 'failed', now(), n::text, n::text, 502, 7, 0.5
from unnest('{0, 167, 168, 744, 745}'::integer[]) as n;
set local role service_role;
select set_eq('select session from public.usage_by_did_session', '{0, 167, 168, 744}'::text[], 'sessions for 31');
select set_eq('select label from public.usage_by_did_label', '{0, 167, 168, 744}'::text[], 'as labels are');
select results_eq('select endpoint from public.usage_recent_failures', $$ values ('/0'), ('/167') $$, 'and failures for seven');
select results_eq(
  $$ select did, request_time, endpoint, model, status, http_status, generation_id, session, label, reserved_usd, cost_asks, cost_ask_after, error_message
    from public.usage_unknown_costs where endpoint = '/745' $$,
  $$ values ('did:key:full', now() - interval '745 hours', '/745', null::text, 'failed', 502::smallint, null::text, '745', '745', 0.5, 7::smallint, null::timestamptz, null::text) $$,
  'costs that are not known are so for ever'
);
select results_eq(
  $$ select concat_ws(' ', requests, failed_requests, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost, requests_without_cost)
    from public.usage_by_did_session where session = '0' union all
    select concat_ws(' ', requests, failed_requests, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost, requests_without_cost)
    from public.usage_by_did_label where label = '0' $$,
  $$ values ('1 1 0 0 0 0 0 0 1'), ('1 1 0 0 0 0 0 0 1') $$, 'where nothing is known sums are 0'
);
select public.set_gateway_limits(daily_budget_usd => 70, default_daily_budget_usd => 7, monthly_budget_usd => 300, default_monthly_budget_usd => 30);
insert into public.budgets (did, day, month)
select did, '2020-01-01', '2020-01-01' from unnest('{*, did:key:plain}'::text[]) as did on conflict do nothing;
select set_eq(
  $$ select did, period, limit_usd from public.usage_against_budgets where did in ('*', 'did:key:plain') $$,
  $$ values ('*', 'day', 70::numeric), ('*', 'month', 300), ('did:key:plain', 'day', 7), ('did:key:plain', 'month', 30) $$,
  'all together have the gateway''s budgets, and each DID the default ones'
);
reset role;
insert into public.usage_daily_of_all (
  day, model, endpoint, requests, failed_requests, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost, upstream_cost, requests_without_cost
) values ('2020-01-01', 'm', '/x', 9, 1, 2, 3, 4, 5, 6, 7, 8);
set local role service_role;
select results_eq(
  $$ select * from public.usage_of_days where day = '2020-01-01' $$, $$ select * from public.usage_daily_of_all where day = '2020-01-01' $$,
  'what has been added up is told as it is'
);
select is_empty(
  $$ select class.relname, attname from pg_catalog.pg_class as class
    join pg_catalog.pg_attribute on attrelid = class.oid and attnum > 0
    where relnamespace = 'public'::regnamespace and relkind = 'v' and col_description(attrelid, attnum) is null $$,
  'every column of a view says what it is'
);
select is(
  array(
    select distinct attname || ': ' || col_description(attrelid, attnum) as meaning from pg_catalog.pg_attribute
    where attrelid = any ('{public.usage_by_did_day, public.usage_by_did_hour}'::regclass[])
      and attname in ('day', 'did', 'hour', 'total_cost') order by meaning
  ),
  '{day: The UTC day of request_time.,did: Whose it is.,hour: When the hour of request_time begins.,"total_cost: USD, exactly."}'::text[],
  'and alike in all of them'
);

-- All that a row of the log has, under its names.
reset role;
insert into public.request_logs (
  id, did, method, endpoint, model, status, http_status, error_message, total_cost, generation_id, session, label, reserved_usd, cost_asks,
  cost_ask_after, request_time, response_time
)
select lpad(n::text, 32, 'f')::uuid, 'did:key:told', 'POST', '/told', 'm', 'failed', 502, 'why', cost, 'gen-told', 's', 'l', 0.5, 3,
  now() + interval '5 minutes', now() - interval '2 minutes', now()
from (values (1, 0.25), (2, null)) as costs (n, cost);
set local role service_role;
select results_eq(
  $$ select id::text, did, endpoint, model, http_status::integer, error_message, total_cost from public.usage_recent_failures
    where did = 'did:key:told' order by id $$,
  $$ values ('ffffffff-ffff-ffff-ffff-fffffffffff1', 'did:key:told', '/told', 'm', 502, 'why', 0.25),
    ('ffffffff-ffff-ffff-ffff-fffffffffff2', 'did:key:told', '/told', 'm', 502, 'why', null) $$,
  'a failure is told with what it has cost'
);
select results_eq(
  $$ select id::text, request_time, endpoint, model, status, generation_id, session, label, reserved_usd, cost_asks::integer, cost_ask_after, error_message
    from public.usage_unknown_costs where did = 'did:key:told' $$,
  $$ values ('ffffffff-ffff-ffff-ffff-fffffffffff2', now() - interval '2 minutes', '/told', 'm', 'failed', 'gen-told', 's', 'l', 0.5, 3,
    now() + interval '5 minutes', 'why') $$,
  'an unknown cost with what it is asked for by, and when'
);

-- A bucket that ends exactly where so many percent are reached, and times of which the one kind alone is known.
reset role;
insert into public.usage_hourly (did, hour, model, endpoint, first_byte_ms, duration_ms)
select 'did:key:borders', date_trunc('hour', now(), 'utc') - interval '3 hours', 'borders', '/x',
  array(select case bucket when 10 then 50 when 20 then 45 when 24 then 4 when 30 then 1 else 0 end from generate_series(1, 40) as bucket),
  array(select case bucket when 12 then 50 when 22 then 45 when 26 then 4 when 32 then 1 else 0 end from generate_series(1, 40) as bucket);
set local role service_role;
select results_eq(
  $$ select requests, first_byte_p50_ms, first_byte_p95_ms, first_byte_p99_ms, duration_p50_ms, duration_p95_ms, duration_p99_ms
    from public.usage_latency where did = 'did:key:borders' $$,
  'values (100::bigint, 32::bigint, 1024::bigint, 4096::bigint, 64::bigint, 2048::bigint, 8192::bigint)',
  'where a bucket holds just so many percent, its end is told'
);

select * from finish();
rollback;
