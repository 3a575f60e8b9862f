-- All housekeeping in one call, for schedules of before.
begin;
select plan(8);

insert into public.request_logs (id, did, method, endpoint, request_time)
values (gen_random_uuid(), 'did:key:alice', 'POST', '/x', now() - interval '1 hour');
insert into public.accepted_messages (message_hash, expires_at)
values ('\x01', '2020-01-01 00:00:00+00'), ('\x02', '2020-01-01 00:00:00+00');
insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id, created_at)
select 'did:key:alice', n::text, '\x01', gen_random_uuid(), '2020-01-01 00:00:00+00'
from generate_series(1, 3) as n;
create temporary table newest on commit drop as
select max(relname) as name from pg_catalog.pg_class
where relnamespace = 'partitions'::regnamespace and relname ~ '^request_logs_[0-9_]+$';
do $$
begin
  execute format('drop table partitions.%I', (select name from newest));
end;
$$;

select is(
  public.maintain(),
  jsonb_build_object('partitions', jsonb_build_object(
    'created', array[name], 'dropped', '{}'::text[], 'postponed', null
  )),
  'the log gets its partitions, and nothing else is done while it is locked for them'
) from newest;
select has_table('partitions'::name, name::name, 'which are there then') from newest;
select is(
  public.maintain() - 'partitions',
  '{"expired_requests": 1, "purged_messages": 2, "purged_idempotency_keys": 3, "purged_requests": 0,
    "purged_hours": 0, "days_added_up": 0}',
  'the next time stale requests are ended, replay and idempotency keys forgotten'
);
select is_empty($$ select from public.request_logs where status = 'pending' $$, 'no stale request is left');
select is_empty('select from public.accepted_messages', 'no replay key');
select is_empty('select from public.idempotency_keys', 'no idempotency key');
select is(
  public.maintain(),
  '{"expired_requests": 0, "purged_messages": 0, "purged_idempotency_keys": 0, "purged_requests": 0,
    "purged_hours": 0, "days_added_up": 0, "partitions": {"created": [], "dropped": [], "postponed": null}}',
  'a second time there is nothing to do'
);

create table partitions.request_logs_2020_01 partition of public.request_logs
for values from ('2020-01-01 00:00:00+00') to ('2020-02-01 00:00:00+00');
update public.gateway_settings set request_log_retention_months = 12;
select is(
  public.maintain(), '{"partitions": {"created": [], "dropped": ["request_logs_2020_01"], "postponed": null}}',
  'a month that is dropped locks the log, too'
);

select * from finish();
rollback;
