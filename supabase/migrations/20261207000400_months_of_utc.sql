-- The first months of the log, where the role that made them had another style of dates and a zone whose
-- abbreviation is read as another zone's (CST is China's, and America's): their bounds were hours late, and
-- no month could be made after them, because it would have overlapped the last of them. They are now what
-- their names say. Where they are that already, nothing is locked.
do $$
declare
  v_zone text := current_setting('timezone');
  v_style text := current_setting('datestyle');
  v_names text[];
  v_name text;
  v_start timestamptz;
  v_end timestamptz;
begin
  -- In which bounds are told here.
  perform set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true);

  select array_agg(month.name order by month.name) into v_names
  from (
    select class.oid, class.relname as name, class.relpartbound,
      -- Postgres may look at the names of other tables first.
      case when class.relname ~ '^request_logs_[0-9]{4}_[0-9]{2}$'
        then to_date(right(class.relname, 7), 'YYYY_MM')::timestamptz end as start
    from pg_catalog.pg_inherits
    join pg_catalog.pg_class as class on class.oid = inhrelid
    where inhparent = 'public.request_logs'::regclass
  ) as month
  where month.start is not null
    and pg_get_expr(month.relpartbound, month.oid)
      <> format('FOR VALUES FROM (%L) TO (%L)', month.start, month.start + interval '1 month');

  if v_names is not null then
    lock table public.request_logs in access exclusive mode;
    create temporary table misplaced (like public.request_logs) on commit drop;
    foreach v_name in array v_names loop
      execute format('alter table public.request_logs detach partition partitions.%I', v_name);
    end loop;
    foreach v_name in array v_names loop
      v_start := to_date(right(v_name, 7), 'YYYY_MM');
      v_end := v_start + interval '1 month';
      execute format(
        'with moved as (
           delete from partitions.%I where request_time < %L or request_time >= %L returning *
         )
         insert into misplaced select * from moved', v_name, v_start, v_end);
      with moved as (
        delete from partitions.request_logs_default
        where request_time >= v_start and request_time < v_end
        returning *
      )
      insert into misplaced select * from moved;
      execute format(
        'alter table public.request_logs attach partition partitions.%I for values from (%L) to (%L)',
        v_name, v_start, v_end);
    end loop;
    insert into public.request_logs select * from misplaced;
  end if;

  perform set_config('timezone', v_zone, true), set_config('datestyle', v_style, true);
end;
$$;
