-- updated_at is kept by the database: functions set it each for itself, and a row that somebody changed
-- by hand kept a time at which it was last something else. A trigger, because no constraint and no
-- default can do it.

create function public.set_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end;
$$;
comment on function public.set_updated_at is 'The trigger of each table that has updated_at: when a row last changed.';
revoke all on function public.set_updated_at from public, anon, authenticated, service_role;

create trigger set_updated_at before update on public.user_api_keys
  for each row when (old.* is distinct from new.*) execute function public.set_updated_at();
create trigger set_updated_at before update on public.did_policies
  for each row when (old.* is distinct from new.*) execute function public.set_updated_at();
create trigger set_updated_at before update on public.gateway_settings
  for each row when (old.* is distinct from new.*) execute function public.set_updated_at();

comment on column public.user_api_keys.updated_at is 'When the row last changed, whoever changed it.';
comment on column public.did_policies.updated_at is 'When the row last changed, whoever changed it.';
comment on column public.gateway_settings.updated_at is 'When the row last changed, whoever changed it.';
