-- The log's partitions: months of UTC, made ahead, dropped by retention.
begin;
-- In which instants are told here.
set local timezone = 'UTC';
select plan(52);

create temporary view month_partitions as
select relname,
  -- Postgres may look at the names of other tables first.
  case when relname ~ '^request_logs_[0-9]{4}_[0-9]{2}$' then to_date(right(relname, 7), 'YYYY_MM') end as month, oid,
  pg_get_expr(relpartbound, oid) as bound
from pg_catalog.pg_inherits join pg_catalog.pg_class on oid = inhrelid
where inhparent = 'public.request_logs'::regclass and relname <> 'request_logs_default';

create function pg_temp.this_month(plus integer default 0) returns date language sql
return (date_trunc('month', now() at time zone 'utc') + make_interval(months => plus))::date;

create function pg_temp.log_request(n integer, at timestamptz) returns void language sql as $$
  insert into public.request_logs (id, did, method, endpoint, request_time, model, total_cost)
  values (('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'did:key:alice', 'POST', '/x',
    at, 'm', 0.1);
$$;
create function pg_temp.partition_of(n integer) returns text language sql return (
  select tableoid::regclass::text from public.request_logs
  where id = ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid
);

-- What the migrations leave.
select results_eq(
  'select month from month_partitions order by month',
  'select pg_temp.this_month(n) from generate_series(0, 3) as n',
  'there are partitions for this month and the next three'
);
select is_empty(
  $$
    select relname, bound from month_partitions
    where bound <> format('FOR VALUES FROM (%L) TO (%L)',
      month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00')
  $$,
  'each is the month of UTC in its name'
);

select pg_temp.log_request(1, pg_temp.this_month(1) at time zone 'utc');
select pg_temp.log_request(2, (pg_temp.this_month(1) at time zone 'utc') - interval '1 microsecond');
select is(
  pg_temp.partition_of(1), 'partitions.request_logs_' || to_char(pg_temp.this_month(1), 'YYYY_MM'),
  'a month begins with midnight UTC'
);
select is(
  pg_temp.partition_of(2), 'partitions.request_logs_' || to_char(pg_temp.this_month(), 'YYYY_MM'),
  'and ends before it'
);
select pg_temp.log_request(3, '2020-02-29 12:00:00+00');
select is(
  pg_temp.partition_of(3), 'partitions.request_logs_default', 'no request is lost for want of a partition'
);

-- Made ahead, whatever the session's time zone is, but for months of which there are rows already:
-- moving those would hide them from settlements that are under way.
select pg_temp.log_request(4, pg_temp.this_month(8) at time zone 'utc');
select pg_temp.log_request(5, (pg_temp.this_month(9) at time zone 'utc') - interval '1 microsecond');
select pg_temp.log_request(6, pg_temp.this_month(9) at time zone 'utc');
create temporary table before on commit drop as
select * from public.request_logs where id::text like '%-00000000000_';
set local timezone = 'Pacific/Kiritimati';
select public.maintain_request_log_partitions(5);
-- CST, which is read as America's.
set local timezone = 'Asia/Shanghai';
set local datestyle = 'SQL, DMY';
select public.maintain_request_log_partitions(6);
set local datestyle = 'ISO, MDY';
set local timezone = 'America/New_York';
select public.maintain_request_log_partitions(8);
set local timezone = 'UTC';
select results_eq(
  'select month from month_partitions order by month',
  'select pg_temp.this_month(n) from generate_series(0, 7) as n',
  'more can be made further ahead'
);
select is_empty(
  $$
    select relname, bound from month_partitions
    where bound <> format('FOR VALUES FROM (%L) TO (%L)',
      month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00')
  $$,
  'made from other time zones, and in another style of dates, they are months of UTC as well'
);
select is(
  array[pg_temp.partition_of(4), pg_temp.partition_of(5), pg_temp.partition_of(6)],
  array_fill('partitions.request_logs_default'::text, array[3]),
  'a row that came before its partition stays where it is, and so does its month'
);
delete from public.request_logs where id::text like '%4';
select is(
  public.maintain_request_log_partitions(8) -> 'created', '[]',
  'to the last microsecond of it'
);
delete from public.request_logs where id::text like '%5';
delete from before where id::text ~ '[45]$';
select is(
  public.maintain_request_log_partitions(8),
  jsonb_build_object(
    'created', array['request_logs_' || to_char(pg_temp.this_month(8), 'YYYY_MM')],
    'dropped', '{}'::text[], 'postponed', null
  ),
  'a month of which there are no rows is made, and told'
);
select set_eq(
  'select * from public.request_logs', 'select * from before', 'no row is lost or changed'
);
create temporary table partitions_before on commit drop as select * from month_partitions;
select public.maintain_request_log_partitions(8);
select set_eq(
  'select * from month_partitions', 'select * from partitions_before', 'a second time nothing changes'
);

select is_empty(
  $$ select oid::regclass from pg_catalog.pg_class
    where relnamespace = 'partitions'::regnamespace and relkind = 'r' and not relrowsecurity $$,
  'new partitions have row level security'
);
select is_empty(
  $$ select oid::regclass from pg_catalog.pg_class
    where relnamespace = 'partitions'::regnamespace and relkind = 'r'
      and has_table_privilege('service_role', oid, 'select, insert, update, delete') $$,
  'and are nobody''s to reach but by way of request_logs'
);
select is_empty(
  $$
    select parent.indexrelid::regclass, month_partitions.relname
    from pg_catalog.pg_index as parent cross join month_partitions
    where parent.indrelid = 'public.request_logs'::regclass and not exists (
      select from pg_catalog.pg_inherits join pg_catalog.pg_index as child on child.indexrelid = inhrelid
      where inhparent = parent.indexrelid and child.indrelid = month_partitions.oid
    )
  $$,
  'and have every index of the log'
);
select throws_ok(
  format($$ insert into public.request_logs (id, did, method, endpoint, status, request_time)
    values (gen_random_uuid(), 'did:key:alice', 'POST', '/x', 'completed', %L) $$,
    pg_temp.this_month(8)),
  '23514', null, 'and every constraint'
);

-- A row is settled wherever it is.
grant select on before to service_role;
set local role service_role;
select is(
  public.settle_request(jsonb_build_object('request_id', id, 'request_time', request_time, 'status', 'completed')) ->> 'settled', 'true',
  'a row in a partition of its month is settled'
) from before where id::text like '%1';
select is(
  public.settle_request(jsonb_build_object('request_id', id, 'request_time', request_time, 'status', 'completed')) ->> 'settled', 'true',
  'a row in the default partition is settled'
) from before where id::text like '%6';
reset role;

-- Retention.
create function pg_temp.make_partition(p_month date) returns void language plpgsql as $$
begin
  execute format(
    'create table partitions.%I partition of public.request_logs for values from (%L) to (%L)',
    'request_logs_' || to_char(p_month, 'YYYY_MM'),
    p_month::text || ' 00:00:00+00', (p_month + interval '1 month')::date::text || ' 00:00:00+00'
  );
end;
$$;
select pg_temp.make_partition(pg_temp.this_month(-n)) from generate_series(1, 4) as n;
select pg_temp.log_request(10 + n, pg_temp.this_month(-n) at time zone 'utc') from generate_series(1, 4) as n;
create table partitions.unrelated ();

create function pg_temp.end_request(n integer) returns void language sql as $$
  update public.request_logs set status = 'completed', response_time = now()
  where id = ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid;
$$;
select pg_temp.end_request(10 + n) from generate_series(1, 3) as n;

select public.maintain_request_log_partitions();
select is(public.purge_request_logs(), 0::bigint, 'without a retention no row is deleted');
select is(
  (select min(month) from month_partitions), pg_temp.this_month(-4),
  'without a retention every month is kept'
);
select is(pg_temp.partition_of(3), 'partitions.request_logs_default', 'and every row without a month');

update public.gateway_settings set request_log_retention_months = 2;
create temporary table retained on commit drop as
select (date_trunc('month', now() at time zone 'utc') - interval '2 months')::timestamp at time zone 'utc' as since;
set local timezone = 'Etc/GMT+12';
select is(public.request_log_retained_since(), since, 'a retention is told in months of UTC, west of it') from retained;
set local timezone = 'Pacific/Kiritimati';
select is(public.request_log_retained_since(), since, 'and east of it') from retained;
select is(
  public.maintain_request_log_partitions(),
  jsonb_build_object(
    'created', '{}'::text[],
    'dropped', array['request_logs_' || to_char(pg_temp.this_month(-3), 'YYYY_MM')],
    'postponed', null
  ),
  'what is dropped is told'
);
set local timezone = 'UTC';
select is(
  pg_temp.partition_of(14), 'partitions.request_logs_' || to_char(pg_temp.this_month(-4), 'YYYY_MM'),
  'a month with a pending row is kept: it has not been counted yet'
);
select is(public.purge_request_logs(), 0::bigint, 'and so is such a row without a month');
select pg_temp.end_request(14), pg_temp.end_request(3);
set local timezone = 'Pacific/Kiritimati';
select public.maintain_request_log_partitions();
select is(public.purge_request_logs(), 1::bigint, 'until they have ended');
set local timezone = 'UTC';
select results_eq(
  'select month from month_partitions where month < pg_temp.this_month() order by month',
  'select pg_temp.this_month(-n) from generate_series(2, 1, -1) as n',
  'a retention of two months keeps two full months besides this one'
);
select is_empty(
  $$ select from public.request_logs where id::text ~ '1[34]$' $$, 'the rows before are gone'
);
select is(pg_temp.partition_of(3), null, 'those of a month that had no partition as well');
select is(
  (select count(*) from public.request_logs where id::text ~ '1[12]$'), 2::bigint, 'the others are not'
);
select isnt_empty('select from public.usage_daily', 'the daily totals are kept');
select has_table('partitions'::name, 'unrelated'::name, 'what is no partition is left alone');
select has_table(
  'partitions'::name, 'request_logs_default'::name, 'and so is the default partition'
);

update public.gateway_settings set request_log_retention_months = 1;
select public.maintain_request_log_partitions(0);
select is(
  (select min(month) from month_partitions), pg_temp.this_month(-1),
  'a shorter retention drops more'
);
select results_eq(
  'select month from month_partitions where month >= pg_temp.this_month() order by month',
  'select pg_temp.this_month(n) from generate_series(0, 8) as n',
  'and what was made ahead stays'
);

-- What is gone stays gone.
update public.gateway_settings set request_log_retention_months = 12;
select is(
  public.request_log_kept_since(), pg_temp.this_month(-1)::timestamp at time zone 'utc',
  'a longer retention does not say that what was dropped is there'
);
update public.gateway_settings set request_log_retention_months = null;
select is(
  public.request_log_kept_since(), pg_temp.this_month(-1)::timestamp at time zone 'utc', 'nor does none'
);

-- Nor does it say so of rows without a month, where they were the first to be dropped.
update public.gateway_settings set request_log_retention_months = 3, request_log_dropped_before = null;
select pg_temp.log_request(20, pg_temp.this_month(-20)::timestamp at time zone 'utc');
select pg_temp.end_request(20);
select is(public.purge_request_logs(), 1::bigint, 'a row that is older than any month is deleted');
update public.gateway_settings set request_log_retention_months = null;
select is(
  public.request_log_kept_since(), pg_temp.this_month(-3)::timestamp at time zone 'utc', 'and stays gone'
);

-- As little of what was never there to be dropped.
update public.gateway_settings set request_log_retention_months = 12, request_log_dropped_before = null;
select is(
  public.maintain_request_log_partitions() -> 'dropped' || to_jsonb(public.purge_request_logs()), '[0]', 'where nothing is to be dropped'
);
update public.gateway_settings set request_log_retention_months = null;
select is(public.request_log_kept_since(), null, 'all of the log is whole');

-- What somebody puts back is not dropped again by a retention of before.
create table partitions.put_back (like public.request_logs including all);
do $$
begin
  execute format(
    'alter table public.request_logs attach partition partitions.put_back for values from (%L) to (%L)',
    pg_temp.this_month(-4)::timestamp at time zone 'utc', pg_temp.this_month(-3)::timestamp at time zone 'utc'
  );
  execute format('alter table partitions.put_back rename to %I', 'request_logs_' || to_char(pg_temp.this_month(-4), 'YYYY_MM'));
end $$;
select pg_temp.log_request(21, (pg_temp.this_month(-4)::timestamp at time zone 'utc') + interval '1 day');
select pg_temp.log_request(22, (pg_temp.this_month(-9)::timestamp at time zone 'utc') + interval '1 day');
select pg_temp.end_request(21), pg_temp.end_request(22);
select public.maintain_request_log_partitions(), public.purge_request_logs();
select is(
  (select count(*) from public.request_logs where id::text ~ '2[12]$'), 2::bigint,
  'what somebody puts back is kept where nothing says that it is not'
);

-- A gateway that nobody has kept house for begins with the month that it is.
delete from public.request_logs where request_time >= pg_temp.this_month() at time zone 'utc' and request_time < pg_temp.this_month(1) at time zone 'utc';
do $$
begin
  execute format('drop table partitions.request_logs_%s', to_char(pg_temp.this_month(), 'YYYY_MM'));
end;
$$;
select is(
  public.maintain_request_log_partitions(0) -> 'created', jsonb_build_array('request_logs_' || to_char(pg_temp.this_month(), 'YYYY_MM')),
  'the running month is made where it is missing'
);

-- One thing at a time: what is made locks the log, and what is to be dropped waits for the next run.
create table partitions.request_logs_2019_01 partition of public.request_logs
for values from ('2019-01-01 00:00:00+00') to ('2019-02-01 00:00:00+00');
update public.gateway_settings set request_log_retention_months = 12;
select results_eq(
  $$ select answer -> 'created' <> '[]', answer ->> 'dropped' from (
    select public.maintain_request_log_partitions(10) as answer union all select public.maintain_request_log_partitions(10)
  ) as runs $$,
  $$ values (true, '[]'), (false, '["request_logs_2019_01"]') $$, 'months are dropped once none is to be made'
);

-- Months are dropped from the oldest on, and that they are is known for good, though they be the first to be dropped.
create table partitions.request_logs_2019_02 partition of public.request_logs
for values from ('2019-02-01 00:00:00+00') to ('2019-03-01 00:00:00+00');
create table partitions.request_logs_2018_12 partition of public.request_logs
for values from ('2018-12-01 00:00:00+00') to ('2019-01-01 00:00:00+00');
update public.gateway_settings set request_log_dropped_before = null;
select is(
  public.maintain_request_log_partitions() ->> 'dropped', '["request_logs_2018_12", "request_logs_2019_02"]', 'the oldest months go first'
);
update public.gateway_settings set request_log_retention_months = null;
select is(
  public.request_log_kept_since(), pg_temp.this_month(-12)::timestamp at time zone 'utc', 'and that they are gone stays known'
);

-- Rows without a month: what is kept is so from the first microsecond on, and so many go at a time.
update public.gateway_settings set request_log_retention_months = 30;
select pg_temp.log_request(30 + n::integer, pg_temp.this_month(-30)::timestamp at time zone 'utc' + ago)
from unnest('{0, -1 microsecond, -1 day, -1 month}'::interval[]) with ordinality as rows_of (ago, n);
select pg_temp.end_request(30 + n) from generate_series(1, 4) as n;
select is(
  array[public.purge_request_logs(2), public.purge_request_logs(2), public.purge_request_logs(2)], '{2,1,0}', 'rows are deleted so many at a time'
);
select is(
  (select string_agg(right(id::text, 2), ' ') from public.request_logs where id::text like '%3_'), '31', 'to the beginning of what is kept'
);

select throws_ok(
  format('select public.maintain_request_log_partitions(%s)', months), '22023',
  'p_months_ahead must be from 0 to 120, not ' || months, 'there are no months ' || months || ' ahead'
) from unnest('{121, -1, null}'::text[]) as given, coalesce(given, 'null') as months;

select * from finish();
rollback;
