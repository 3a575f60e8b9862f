-- What an operator sets for a DID holds for that DID, or is refused: in a spelling that no account has it
-- would hold for nobody. revoke_tokens is for what had to be written into did_policies by hand, where a
-- wallet's spelling of its address was taken and revoked nothing.

create or replace function public.plain_did(p_did text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_did text := trim(p_did);
  v_hint text;
begin
  if v_did ~ '^did:pkh:eip155:[1-9][0-9]{0,31}:0[xX][0-9a-fA-F]{40}$' then
    return lower(v_did);
  end if;
  if (v_did ~ '^did:[a-z0-9]+:[A-Za-z0-9._:%-]+$' and length(v_did) <= 512) is not true then
    raise exception '% is no DID', coalesce(quote_literal(p_did), 'null')
      using hint = 'A DID looks like did:key:z6Mk… or did:web:example.com, without a fragment.';
  end if;
  v_hint := case
    when v_did like 'did:key:%' or v_did like 'did:jwk:%' then null
    when v_did like 'did:pkh:%' then 'A did:pkh is did:pkh:eip155:<chain id>:0x<40 hex digits>.'
    when v_did not like 'did:web:%' then 'Accounts are of did:key, did:jwk, did:pkh and did:web.'
    when v_did ~ '^did:web:[^:]*[A-Z]' and v_did !~ '%' then 'The host of a did:web is in lower case.'
    when v_did !~ '^did:web:[a-z0-9.-]+(:[A-Za-z0-9._-]+)*$'
      then 'A did:web is a host in lower case, without a port, and segments of A-Z a-z 0-9 . _ -.'
  end;
  if v_hint is not null then
    raise exception '% is no DID of an account', quote_literal(p_did) using hint = v_hint;
  end if;
  return v_did;
end;
$$;

alter table public.did_policies
  add constraint did_policies_did_is_of_an_account check (did = public.plain_did(did)) not valid;
comment on constraint did_policies_did_is_of_an_account on public.did_policies is
  'In another spelling it would hold for nobody.';
comment on table public.did_policies is
  'What the operator has set for one DID, before or after its first call; what is missing falls back to gateway_settings. Set it by set_limits, block_did, allow_did and revoke_tokens.';

create function public.revoke_tokens(did text, issued_before timestamptz default null)
returns public.did_policies
language sql
set search_path = ''
as $$
  -- A token may be issued a minute ahead of this clock.
  insert into public.did_policies as policy (did, tokens_valid_after)
  values (
    public.plain_did(revoke_tokens.did),
    coalesce(revoke_tokens.issued_before, now() + interval '1 minute')
  )
  on conflict (did) do update set tokens_valid_after = excluded.tokens_valid_after, updated_at = now()
  returning *;
$$;
comment on function public.revoke_tokens is
  'Refuses the DID tokens and wallet sessions of a DID that were issued before an instant: without one, those of up to now. New ones pass from then on.';

revoke all on function public.revoke_tokens(text, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function public.revoke_tokens(text, timestamptz) to service_role;
