-- Housekeeping for the totals, with the rest of it.

create or replace function public.maintain()
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_partitions jsonb := public.maintain_request_log_partitions();
begin
  if v_partitions -> 'created' <> '[]' or v_partitions -> 'dropped' <> '[]' then
    return jsonb_build_object('partitions', v_partitions);
  end if;
  return jsonb_build_object(
    'purged_messages', public.purge_accepted_messages(),
    'purged_idempotency_keys', public.purge_idempotency_keys(),
    'purged_requests', public.purge_request_logs(),
    'purged_hours', public.purge_usage_hourly(),
    'days_added_up', public.add_up_days(),
    'expired_requests', public.expire_stale_requests(),
    'partitions', v_partitions
  );
end;
$$;

-- Schedules all housekeeping by pg_cron, each job in transactions of its own, in place of what was
-- scheduled before. To be called again after pg_cron was enabled later. False: it is not enabled.
create or replace function public.schedule_housekeeping()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_job record;
begin
  if to_regnamespace('cron') is null then
    return false;
  end if;
  for v_job in execute $jobs$
    select jobname from cron.job where jobname = 'llm-gateway-maintain'
  $jobs$ loop
    execute 'select cron.unschedule($1)' using v_job.jobname;
  end loop;
  for v_job in
    select name, schedule, command from (values
      ('llm-gateway-stale-requests', '* * * * *', 'select public.expire_stale_requests()'),
      ('llm-gateway-purge-messages', '* * * * *', 'select public.purge_accepted_messages()'),
      ('llm-gateway-purge-idempotency-keys', '* * * * *', 'select public.purge_idempotency_keys()'),
      ('llm-gateway-purge-log', '* * * * *', 'select public.purge_request_logs()'),
      ('llm-gateway-purge-hours', '*/5 * * * *', 'select public.purge_usage_hourly()'),
      ('llm-gateway-add-up-days', '*/10 * * * *', 'select public.add_up_days()'),
      ('llm-gateway-partitions', '*/10 * * * *', 'select public.maintain_request_log_partitions()')
    ) as job (name, schedule, command)
  loop
    execute 'select cron.schedule($1, $2, $3)' using v_job.name, v_job.schedule, v_job.command;
  end loop;
  return true;
end;
$$;

select public.schedule_housekeeping();
