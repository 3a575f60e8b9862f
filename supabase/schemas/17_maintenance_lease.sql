-- One maintenance at a time, over all isolates and processes: a lease that expires, so that a run that
-- died keeps the next one waiting for a minute or two and no longer.

create table public.maintenance_runs (
  only_row boolean primary key default true check (only_row),
  run_id uuid not null,
  started_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null
);
comment on table public.maintenance_runs is
  'One row: the run of POST /api/v1/maintenance that holds the lease, or held it last.';
comment on column public.maintenance_runs.only_row is 'There is one row.';
comment on column public.maintenance_runs.run_id is 'Made up by the run.';
comment on column public.maintenance_runs.started_at is
  'Since when it is at it: a DID whose costs were compared since then is not compared again in the same run.';
comment on column public.maintenance_runs.expires_at is
  'When another run may start; -infinity once this one has ended.';

create function public.begin_maintenance(p_run_id uuid, p_lease interval)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  insert into public.maintenance_runs as run (run_id, expires_at)
  values (p_run_id, clock_timestamp() + p_lease)
  on conflict (only_row) do update
  set run_id = excluded.run_id,
    started_at = excluded.started_at,
    expires_at = excluded.expires_at
  where run.expires_at < clock_timestamp();
  return found;
end;
$$;
comment on function public.begin_maintenance is
  'Takes the lease under which one maintenance runs at a time; false: another run holds it.';

create function public.end_maintenance(p_run_id uuid)
returns void
language sql
set search_path = ''
as $$
  update public.maintenance_runs set expires_at = '-infinity' where run_id = p_run_id;
$$;
comment on function public.end_maintenance is 'Gives the lease of begin_maintenance back.';
