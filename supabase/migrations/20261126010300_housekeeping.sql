-- Housekeeping that never stops traffic. Each job is a function of its own with a bound on what one call
-- does, one of a kind runs at a time, and none waits long for a lock: what is in use is left for the next
-- run. Jobs that lock rows take the locks in the order in which settlements do, or skip what is locked.
-- What changes tables is never in one transaction with what locks rows.

drop function public.purge_accepted_messages;
create function public.purge_accepted_messages(p_limit integer default 50000)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: purge_accepted_messages')) then
    return 0;
  end if;
  -- An hour's margin covers clocks that disagree.
  delete from public.accepted_messages
  where message_hash = any (array(
    select message_hash from public.accepted_messages
    where expires_at < now() - interval '1 hour'
    order by expires_at
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function public.purge_accepted_messages is
  'Forgets up to p_limit replay keys that no timestamp could revive. Returns how many.';

drop function public.purge_idempotency_keys;
create function public.purge_idempotency_keys(p_limit integer default 50000)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: purge_idempotency_keys')) then
    return 0;
  end if;
  -- A day is longer than any client retries.
  delete from public.idempotency_keys
  where request_id = any (array(
    select request_id from public.idempotency_keys
    where created_at < now() - interval '1 day'
    order by created_at
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function public.purge_idempotency_keys is
  'Forgets up to p_limit idempotency keys that are a day old. Returns how many.';

-- Before which instant the log is not kept; null: all of it is.
create function public.request_log_kept_since()
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select (
    date_trunc('month', now() at time zone 'utc')
      - make_interval(months => request_log_retention_months)
  ) at time zone 'utc'
  from public.gateway_settings;
$$;
comment on function public.request_log_kept_since is
  'Before which instant request_logs are not kept, by the retention of gateway_settings; null: all are.';

-- Deletes rows older than the retention from the default partition, which cannot be dropped. Pending
-- rows stay: they have not been counted yet.
create function public.purge_request_logs(p_limit integer default 10000)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: purge_request_logs')) then
    return 0;
  end if;
  delete from partitions.request_logs_default
  where ctid = any (array(
    select ctid from partitions.request_logs_default
    where request_time < public.request_log_kept_since() and status <> 'pending'
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function public.purge_request_logs is
  'Deletes up to p_limit ended rows older than the retention that are in no month''s partition. Returns how many.';

drop function public.maintain_request_log_partitions;

-- Makes the partitions of this month and the next ones; when there is none to make, drops those older
-- than the retention of gateway_settings that hold no pending row.
--
-- Attaching a partition locks the default one, dropping one locks the whole log, and whatever comes after
-- a waiting lock waits behind it: for half a second, then the step is postponed to the next run, with
-- those that would follow, so that the locks of what was done before are given back.
--
-- A month that has rows in the default partition stays there: moving them would hide them from
-- settlements that are under way.
--
-- Returns {"created": [name], "dropped": [name], "postponed": name or null}.
create function public.maintain_request_log_partitions(p_months_ahead integer default 3)
returns jsonb
language plpgsql
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_this_month timestamp := date_trunc('month', now() at time zone 'utc');
  v_start timestamptz;
  v_end timestamptz;
  v_name text;
  v_is_pending boolean;
  v_created text[] := '{}';
  v_dropped text[] := '{}';
  v_postponed text;
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: maintain_request_log_partitions')) then
    return jsonb_build_object('created', v_created, 'dropped', v_dropped, 'postponed', null);
  end if;

  for i in 0..p_months_ahead loop
    v_start := (v_this_month + make_interval(months => i)) at time zone 'utc';
    v_end := (v_this_month + make_interval(months => i + 1)) at time zone 'utc';
    v_name := 'request_logs_' || to_char(v_start at time zone 'utc', 'YYYY_MM');
    continue when to_regclass('partitions.' || v_name) is not null;
    continue when exists (
      select from partitions.request_logs_default
      where request_time >= v_start and request_time < v_end
    );
    begin
      execute format('create table partitions.%I (like public.request_logs including all)', v_name);
      execute format('alter table partitions.%I enable row level security', v_name);
      execute format(
        'alter table public.request_logs attach partition partitions.%I for values from (%L) to (%L)',
        v_name, v_start, v_end);
      v_created := v_created || v_name;
    exception
      when check_violation then
        -- The default partition got a row of that month since it was looked at: the month stays there.
        null;
      when lock_not_available or deadlock_detected then
        v_postponed := v_name;
        exit;
    end;
  end loop;

  if v_created = '{}' and v_postponed is null then
    for v_name in
      select c.relname
      from pg_catalog.pg_inherits as i
      join pg_catalog.pg_class as c on c.oid = i.inhrelid
      where i.inhparent = 'public.request_logs'::regclass
        and c.relname ~ '^request_logs_[0-9]{4}_[0-9]{2}$'
        and to_date(right(c.relname, 7), 'YYYY_MM')::timestamp at time zone 'utc'
          < public.request_log_kept_since()
      order by c.relname
    loop
      begin
        execute format('select exists (select from partitions.%I where status = %L)', v_name, 'pending')
        into v_is_pending;
        continue when v_is_pending;
        execute format('drop table partitions.%I', v_name);
        v_dropped := v_dropped || v_name;
      exception when lock_not_available or deadlock_detected then
        v_postponed := v_name;
        exit;
      end;
    end loop;
  end if;
  return jsonb_build_object(
    'created', v_created, 'dropped', v_dropped, 'postponed', v_postponed
  );
end;
$$;
comment on function public.maintain_request_log_partitions is
  'Makes the partitions of this month and the next ones, then drops those older than the retention of gateway_settings, waiting for no lock longer than half a second.';

-- All housekeeping in one call, for schedules of before, each call of which is one transaction: when a
-- partition was made or dropped, that is all, because it locks the log until the transaction ends.
-- Better are schedule_housekeeping and `deno task maintain`, which take a transaction for each job.
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
    'expired_requests', public.expire_stale_requests(),
    'partitions', v_partitions
  );
end;
$$;
comment on function public.maintain is
  'All housekeeping in one transaction, for schedules of before.';

-- Schedules all housekeeping by pg_cron, each job in transactions of its own, in place of what was
-- scheduled before. To be called again after pg_cron was enabled later. False: it is not enabled.
create function public.schedule_housekeeping()
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
      ('llm-gateway-partitions', '*/10 * * * *', 'select public.maintain_request_log_partitions()')
    ) as job (name, schedule, command)
  loop
    execute 'select cron.schedule($1, $2, $3)' using v_job.name, v_job.schedule, v_job.command;
  end loop;
  return true;
end;
$$;
comment on function public.schedule_housekeeping is
  'Schedules all housekeeping by pg_cron; false where that is not enabled.';

revoke all on function
  public.purge_accepted_messages, public.purge_idempotency_keys, public.request_log_kept_since,
  public.purge_request_logs, public.maintain_request_log_partitions, public.schedule_housekeeping
  from public, anon, authenticated, service_role;
grant execute on function
  public.purge_accepted_messages, public.purge_idempotency_keys
  to service_role;

-- Hosted projects have the extension, not enabled; other servers may have its files without having
-- loaded it, in which case another scheduler does the work.
do $$
begin
  if exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron') then
    begin
      create extension if not exists pg_cron;
    exception when others then
      raise notice 'pg_cron cannot be enabled: %', sqlerrm;
    end;
  end if;
  perform public.schedule_housekeeping();
end;
$$;
