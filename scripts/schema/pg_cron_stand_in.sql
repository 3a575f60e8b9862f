-- pg_cron, which the embedded PostgreSQL lacks, as far as the migrations see it: what they schedule stands
-- in cron.job.
create schema cron;
create table cron.job (
  jobname text primary key,
  schedule text not null,
  command text not null,
  active boolean not null default true
);
create function cron.schedule(job_name text, schedule text, command text) returns bigint
language sql as $$
  insert into cron.job values (job_name, schedule, command)
  on conflict (jobname) do update set schedule = excluded.schedule, command = excluded.command
  returning 1::bigint;
$$;
create function cron.unschedule(job_name text) returns boolean
language sql as $$
  delete from cron.job where jobname = job_name returning true;
$$;
