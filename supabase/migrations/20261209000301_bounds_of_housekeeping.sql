-- By mistake: a hundred thousand months ahead kept Postgres busy until it had no room for locks any more, and
-- an age of less than nothing ended calls that were under way.

create or replace function public.maintain_request_log_partitions(p_months_ahead integer default 3)
returns jsonb
language plpgsql
set search_path = ''
set lock_timeout = '500ms'
-- Bounds are told as text: other styles name time zones by abbreviations, of which some mean several.
set datestyle = 'ISO'
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
  if (p_months_ahead between 0 and 120) is not true then
    raise exception 'p_months_ahead must be from 0 to 120, not %', coalesce(p_months_ahead::text, 'null')
      using errcode = '22023';
  end if;
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
          < public.request_log_retained_since()
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
    if v_dropped <> '{}' then
      update public.gateway_settings
      set request_log_dropped_before = public.request_log_kept_since()
      where request_log_dropped_before is distinct from public.request_log_kept_since();
    end if;
  end if;
  return jsonb_build_object(
    'created', v_created, 'dropped', v_dropped, 'postponed', v_postponed
  );
end;
$$;

create or replace function public.expire_stale_requests(p_older_than interval default '15 minutes')
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_row record;
  v_log public.request_logs;
  v_freed public.request_logs;
  v_entered public.entered;
  v_changes public.budget_change[] := '{}';
  v_count integer := 0;
begin
  if p_older_than < interval '0' then
    raise exception 'p_older_than must not be negative: % ends requests that are under way', p_older_than
      using errcode = '22023';
  end if;
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: expire_stale_requests')) then
    return 0;
  end if;
  for v_row in
    with stale as materialized (
      select id, request_time, did, counted_model, endpoint
      from public.request_logs as log, public.counted_model(log) as counted_model
      where status = 'pending' and request_time < now() - p_older_than
      order by request_time
      limit 1000
      for update of log skip locked
    )
    select id, request_time from stale
    -- In the order of the totals' keys, which it holds until it ends: settlements that hold several take
    -- them in this order, too.
    order by did, (request_time at time zone 'utc')::date, counted_model, endpoint
  loop
    v_entered := public.enter_settlement(jsonb_populate_record(null::public.settlement, jsonb_build_object(
      'request_id', v_row.id,
      'request_time', v_row.request_time,
      'status', 'failed',
      'error_message', 'worker_lost: the gateway ended before it could book this request',
      'given_up', true
    )));
    v_changes := v_changes || (v_entered).change;
    v_count := v_count + 1;
  end loop;

  for v_log in
    select * from public.request_logs
    where reserved_usd <> 0 and status <> 'pending'
      and request_time < now() - p_older_than
      and (given_up or request_time < now() - interval '1 day')
    order by request_time
    limit 1000
    for update skip locked
  loop
    update public.request_logs set reserved_usd = 0
    where id = v_log.id and request_time = v_log.request_time
    returning * into v_freed;
    v_changes := v_changes || public.budget_change_of(v_log, v_freed);
  end loop;
  if cardinality(v_changes) > 0 then
    perform public.change_budgets(v_changes);
  end if;
  return v_count;
end;
$$;
