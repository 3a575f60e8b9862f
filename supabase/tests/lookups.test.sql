-- Admissions and settlements look rows up by their keys, also where they were planned while nothing was there:
-- a plan is kept while the tables grow.
begin;
select plan(8);

-- How often the transaction has read a table from end to end, or used an index, in all partitions.
create function pg_temp.scans(relation regclass) returns bigint language sql as $$
  select sum(pg_stat_get_xact_numscans(oid))::bigint
  from (select relation union select relid from pg_partition_tree(relation)) as part (oid);
$$;

create function pg_temp.asked(n integer) returns jsonb language sql as $$
  select jsonb_build_object(
    'request_id', lpad(n::text, 32, '0')::uuid, 'did', 'did:key:alice', 'method', 'POST',
    'endpoint', '/chat/completions', 'metered', true, 'model', 'openai/gpt-4o-mini', 'estimate', '[{"usd": "0.1"}]'::jsonb
  );
$$;

create function pg_temp.settlements(answers jsonb) returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_object(
    'request_id', key, 'request_time', value ->> 'request_time', 'status', 'completed', 'http_status', 200, 'cost', '0.01'
  ))
  from jsonb_each(answers);
$$;

-- Whatever other tests have left, in the indexes too.
truncate public.request_logs, public.usage_hourly;
insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash alice', 'sealed', 'alice');
analyze public.request_logs;
-- Emptying them has read them, too.
create temporary table before on commit drop as
select relation, pg_temp.scans(relation) as scans
from unnest(array[
  'public.request_logs', 'public.request_logs_did_request_time', 'public.usage_hourly', 'public.usage_hourly_hour'
]::regclass[]) as relation;
create function pg_temp.scans_since(asked regclass) returns bigint language sql
return pg_temp.scans(asked) - (select scans from before where relation = asked);

select is(public.admit_request(pg_temp.asked(1)) ->> 'decision', 'admitted', 'one is admitted');
analyze public.request_logs;
create temporary table answers as
select public.admit_requests(jsonb_agg(pg_temp.asked(n))::text) as together from generate_series(2, 4) as n;
select is(
  (select string_agg(value ->> 'settled', ' ') from answers, jsonb_each(public.settle_requests(pg_temp.settlements(together)::text))),
  'true true true', 'some are admitted and settled together'
);
select is(pg_temp.scans_since('public.request_logs'), 0::bigint, 'for which the log is not read');
select is(pg_temp.scans_since('public.request_logs_did_request_time'), 0::bigint, 'nor its index of times');
select is(pg_temp.scans_since('public.usage_hourly'), 0::bigint, 'nor the totals');
select is(pg_temp.scans_since('public.usage_hourly_hour'), 0::bigint, 'nor their index of hours');

-- What adds a DID's log up anew reads that DID's rows.
insert into public.request_logs (id, did, method, endpoint, status, response_time)
select gen_random_uuid(), 'did:key:' || n, 'POST', '/chat/completions', 'completed', now() from generate_series(1, 3000) as n;
analyze public.request_logs;
-- Rows that were read from end to end, in all partitions.
create function pg_temp.rows_read() returns bigint language sql as $$
  select sum(pg_stat_get_xact_tuples_returned(relid))::bigint from pg_partition_tree('public.request_logs');
$$;
create temporary table filled on commit drop as select pg_temp.rows_read() as rows;
select is(
  (select sum(requests)::integer from public.usage_of_log('did:key:7', now() - interval '1 day', 'infinity'))
    + (select sum(requests)::integer from public.usage_daily_of_log('did:key:7', now() - interval '1 day')), 2, 'a DID''s log is added up'
);
select is(pg_temp.rows_read(), rows, 'without all the others''') from filled;

select * from finish();
rollback;
