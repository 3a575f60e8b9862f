-- The months of the log: made ahead, dropped after the retention. What changes tables is never in one
-- transaction with what locks rows, and waits for a lock no longer than half a second.

create function public.request_log_retained_since()
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
comment on function public.request_log_retained_since is
  'Before which instant request_logs are dropped, by the retention of gateway_settings; null: none are.';

create function public.request_log_kept_since()
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select greatest(public.request_log_retained_since(), request_log_dropped_before)
  from public.gateway_settings;
$$;
comment on function public.request_log_kept_since is
  'Before which instant request_logs are not whole: they are dropped, or were by an earlier retention; null: all are whole.';

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
-- p_months_ahead: up to ten years, because Postgres has not the room for many more, all at once.
--
-- Returns {"created": [name], "dropped": [name], "postponed": name or null}.
create function public.maintain_request_log_partitions(p_months_ahead integer default 3)
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
comment on function public.maintain_request_log_partitions is
  'Makes the partitions of this month and the next ones, then drops those older than the retention of gateway_settings, waiting for no lock longer than half a second.';

-- This month's partition and those of the next three, to begin with.
select public.maintain_request_log_partitions();
