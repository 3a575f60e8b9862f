-- Admissions and settlements look rows up by their keys, also where they were planned while nothing was there:
-- a plan is kept while the tables grow. And whatever sweeps, claims or looks for a few rows reads a few.
begin;
select plan(33);

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
truncate public.request_logs, public.usage_hourly, public.usage_daily, public.usage_daily_of_all, public.accepted_messages,
  public.idempotency_keys, public.budget_alerts, public.cost_checks, public.found_generations;
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
select gen_random_uuid(), 'did:key:' || n, 'POST', '/chat/completions', 'failed', now() from generate_series(1, 3000) as n;
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

-- Tables with a thousand rows that nobody looks for, and hardly one that somebody does: who looks reads a few.
insert into public.request_logs (id, did, method, endpoint, status, response_time, total_cost, request_time, generation_id)
select gen_random_uuid(), 'did:key:alice', 'POST', '/x', 'completed', now(), 1, now() - n * interval '1 microsecond', 'gen-' || n
from generate_series(1, 1000) as n;
insert into public.usage_daily (did, day, model, endpoint) select 'did:key:' || n, '2020-01-01', 'm', '/x' from generate_series(1, 1000) as n;
insert into public.usage_daily_of_all
select '2020-01-01', 'm', '/x', 0, 0, 0, 0, 0, 0, 0, 0, 0;
insert into public.usage_hourly (did, hour, model, endpoint) select 'did:key:' || n, now(), 'm', '/x' from generate_series(1, 1000) as n;
insert into public.accepted_messages (message_hash, expires_at) select decode(md5(n::text), 'hex'), now() from generate_series(1, 1000) as n;
insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id)
select 'did:key:alice', n, '\x01', gen_random_uuid() from generate_series(1, 1000) as n;
insert into public.budget_alerts (did, kind, period_start, threshold, limit_value, reached, delivered_at)
select 'did:key:' || n, 'day', '2020-01-01', 50, 1, 1, now() from generate_series(1, 1000) as n;
insert into public.cost_checks (did, claimed_at) select 'did:key:' || n, now() from generate_series(1, 1000) as n;
insert into public.request_logs (id, did, method, endpoint, status, response_time, request_time, generation_id, session, label)
select gen_random_uuid(), 'did:key:alice', 'POST', '/x', 'failed', now(), now() - interval '2 hours', 'gen-x', 's', 'l';
analyze public.request_logs, public.usage_daily, public.usage_hourly, public.accepted_messages, public.idempotency_keys,
  public.budget_alerts, public.cost_checks;
create function pg_temp.reads(statement text) returns bigint language plpgsql as $$
declare
  v_before bigint := pg_temp.all_read();
begin
  execute statement;
  return pg_temp.all_read() - v_before;
end;
$$;
-- Rows of public tables, and entries of their indexes, that the transaction has read.
create function pg_temp.all_read() returns bigint language sql as $$
  select sum(pg_stat_get_xact_tuples_returned(oid))::bigint
  from pg_catalog.pg_class where relnamespace in ('public'::regnamespace, 'partitions'::regnamespace) and relkind in ('r', 'i');
$$;
select cmp_ok(pg_temp.reads(statement), '<', 200::bigint, statement) from (values
  (1, 'select public.expire_stale_requests()'),
  (2, 'select public.verify_reservations()'),
  (3, 'select public.claim_unpriced_requests(10)'),
  (4, 'select * from public.usage_recent_failures limit 10'),
  (5, $$select * from public.usage_recent_failures where did = 'did:key:alice' limit 10$$),
  (6, 'select * from public.usage_unknown_costs order by request_time limit 10'),
  (7, $$select * from public.usage_unknown_costs where did = 'did:key:alice'$$),
  (8, $$select public.usage_requests('did:key:alice', 10)$$),
  (9, $$select public.usage_requests('did:key:alice', 10, p_session => 's')$$),
  (10, $$select public.usage_requests('did:key:alice', 10, p_label => 'l')$$),
  (11, 'select public.add_up_days()'),
  (12, 'select public.purge_usage_hourly()'),
  (13, 'select public.purge_accepted_messages()'),
  (14, 'select public.purge_idempotency_keys()'),
  (15, 'select public.purge_budget_alerts()'),
  (16, 'select public.claim_budget_alerts()'),
  (17, 'select public.claim_cost_searches(10)'),
  (18, $$select public.unbooked_generations('did:key:alice', '{gen-x}')$$)
) as asked (place, statement) order by place;

-- Nor do comparisons of costs, and searches for lost calls, read what is of others.
insert into public.request_logs (id, did, method, endpoint, status, http_status, response_time, request_time, generation_id)
values (gen_random_uuid(), 'did:key:9', 'POST', '/videos', 'completed', 200, now(), now() - interval '3 hours', 'gen-job');
insert into public.retired_api_keys (did, openrouter_key_hash, key_name, created_at)
select 'did:key:' || n, 'retired ' || n, 'key', now() from generate_series(1, 1000) as n;
insert into public.key_usages (openrouter_key_hash, did, usage, byok_usage, read_at)
select 'retired ' || n, 'did:key:' || n, 1000, 1000, now() from generate_series(1, 1000) as n;
insert into public.found_generations (generation_id, did, request_id)
select 'gen-found-' || n, 'did:key:' || n, gen_random_uuid() from generate_series(1, 10000) as n;
insert into public.cost_drift (did, since, checked_at, openrouter_usd, booked_usd, drift_usd, booked_byok_usd)
select 'did:key:' || n, now(), now() - n * interval '1 minute', 1, 1, 0, 0 from generate_series(1, 1000) as n;
update public.cost_checks set search_after = now() where did = 'did:key:9';
analyze public.cost_checks, public.retired_api_keys, public.key_usages, public.found_generations, public.cost_drift;
select cmp_ok(pg_temp.reads(statement), '<', 200::bigint, statement) from (values
  (1, $$select public.compare_costs('did:key:9', '1')$$),
  (2, $$select public.adopt_generation(jsonb_build_object('did', 'did:key:9', 'endpoint', '/videos', 'model', 'm', 'usd_per_credit', '1', 'created_at', now() - interval '3 hours', 'generations', '[{"id": "gen-new", "cost": 1, "upstream_cost": 0}]'::jsonb), false)$$),
  (3, $$select * from public.cost_drift where checked_at > now() - interval '5 minutes'$$),
  (4, 'select public.claim_cost_searches(10)')
) as asked (place, statement) order by place;

-- A day that is noted as changed many times is one day to whoever compares all days with those that are noted.
insert into public.usage_day_changes select date '2020-01-01' from generate_series(1, 1000);
create function pg_temp.compared_with(statement text) returns numeric language plpgsql as $$
declare
  v_plan jsonb;
begin
  execute 'explain (analyze, format json) ' || statement into v_plan;
  return (
    select max((node -> 'Actual Rows')::numeric)
    from jsonb_path_query(v_plan, '$.**[*] ? (@."Parent Relationship" == "InitPlan")') as node
  );
end;
$$;
select is(pg_temp.compared_with('select * from public.' || name), 1::numeric, name || ' compares days with each other, not with all notes')
from unnest('{usage_of_days, usage_by_day, usage_by_model}'::text[]) as name;

select * from finish();
rollback;
