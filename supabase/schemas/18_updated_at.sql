-- updated_at, kept by the database for whoever changes a row: no default and no constraint can do it.

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
comment on function public.set_updated_at is
  'The trigger of each table that has updated_at: when a row last changed.';

create trigger set_updated_at before update on public.user_api_keys
  for each row when (old.* is distinct from new.*) execute function public.set_updated_at();
create trigger set_updated_at before update on public.did_policies
  for each row when (old.* is distinct from new.*) execute function public.set_updated_at();
create trigger set_updated_at before update on public.gateway_settings
  for each row when (old.* is distinct from new.*) execute function public.set_updated_at();
