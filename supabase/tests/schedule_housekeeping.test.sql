-- Housekeeping is scheduled by pg_cron where that is; here by a stand-in of its tables and functions.
begin;
select plan(8);

select is(public.schedule_housekeeping(), false, 'without pg_cron nothing is scheduled');

create schema cron;
create table cron.job (jobname text primary key, schedule text, command text);
create function cron.schedule(job_name text, schedule text, command text) returns bigint
language sql as $$
  insert into cron.job values (job_name, schedule, command)
  on conflict (jobname) do update set schedule = excluded.schedule, command = excluded.command
  returning 1::bigint;
$$;
create function cron.unschedule(job_name text) returns boolean language sql as $$
  delete from cron.job where jobname = job_name returning true;
$$;
insert into cron.job values
  ('llm-gateway-maintain', '17 * * * *', 'select public.maintain()'),
  ('llm-gateway-stale-requests', '0 0 * * *', 'select 1'),
  ('of somebody else', '* * * * *', 'select 1');

select is(public.schedule_housekeeping(), true, 'with it, it is');
select is(public.schedule_housekeeping(), true, 'as often as one likes');
select set_eq(
  'select jobname from cron.job',
  array[
    'llm-gateway-stale-requests', 'llm-gateway-purge-messages', 'llm-gateway-purge-idempotency-keys',
    'llm-gateway-purge-log', 'llm-gateway-purge-hours', 'llm-gateway-add-up-days', 'llm-gateway-partitions', 'of somebody else'
  ],
  'each job for itself, in place of what was scheduled before'
);
select is(
  (select schedule from cron.job where jobname = 'llm-gateway-stale-requests'), '* * * * *',
  'stale requests end within a minute of their time'
);
select is_empty(
  $$ select from cron.job where jobname like 'llm-gateway-%' and schedule !~ '^[*](/([1-9]|10))? [*] [*] [*] [*]$' $$,
  'and nothing waits longer than ten minutes'
);
create function pg_temp.run_jobs() returns void language plpgsql as $$
declare
  v_command text;
begin
  for v_command in select command from cron.job loop
    execute v_command;
  end loop;
end;
$$;
select lives_ok('select pg_temp.run_jobs()', 'what is scheduled can be run');
select is(
  has_function_privilege('service_role', 'public.schedule_housekeeping()', 'execute'), false,
  'scheduling is the owner''s'
);

select * from finish();
rollback;
