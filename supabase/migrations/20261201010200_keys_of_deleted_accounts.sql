-- What the key of an account that somebody deletes has spent stays part of its DID's sum: the calls are in
-- the books, and a difference would be told for good.
create function public.retire_deleted_key()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  insert into public.retired_api_keys (did, openrouter_key_hash, key_name, credit_limit, created_at)
  values (old.did, old.openrouter_key_hash, old.key_name, old.credit_limit, old.created_at);
  return null;
end;
$$;
comment on function public.retire_deleted_key is
  'The trigger of user_api_keys: the key of an account that is deleted counts among those that its DID had.';

revoke all on function public.retire_deleted_key from public, anon, authenticated, service_role;

create trigger retire_deleted_key after delete on public.user_api_keys
  for each row execute function public.retire_deleted_key();
