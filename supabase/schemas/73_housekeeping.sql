-- Housekeeping that never stops traffic. Each job is a function of its own with a bound on what one call
-- does, one of a kind runs at a time, and none waits long for a lock: what is in use is left for the next
-- run. Jobs that lock rows take the locks in the order in which settlements do, or skip what is locked.

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
    where request_time < public.request_log_retained_since() and status <> 'pending'
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  if v_count > 0 then
    update public.gateway_settings
    set request_log_dropped_before = public.request_log_kept_since()
    where request_log_dropped_before is distinct from public.request_log_kept_since();
  end if;
  return v_count;
end;
$$;
comment on function public.purge_request_logs is
  'Deletes up to p_limit ended rows older than the retention that are in no month''s partition. Returns how many.';

-- Forgets hours that are no longer kept; an hour more is left for what reads them now.
create function public.purge_usage_hourly(p_limit integer default 20000)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: purge_usage_hourly')) then
    return 0;
  end if;
  delete from public.usage_hourly
  where ctid = any (array(
    select ctid from public.usage_hourly
    where hour < public.usage_hourly_kept_since() - interval '1 hour'
    order by hour
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function public.purge_usage_hourly is
  'Forgets up to p_limit totals of hours that are over 62 days old. Returns how many.';

create function public.purge_budget_alerts(p_limit integer default 10000)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
begin
  delete from public.budget_alerts
  where id = any (array(
    select id from public.budget_alerts
    where reached_at < now() - interval '90 days'
    order by reached_at
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function public.purge_budget_alerts is
  'Forgets up to p_limit alerts that are a quarter old. Returns how many.';
