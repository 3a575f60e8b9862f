-- A policy for a did:web in a spelling that the gateway refuses would hold for nobody: who blocks one
-- shall hear that.

create or replace function public.plain_did(p_did text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_did text := trim(p_did);
begin
  if v_did ~ '^did:pkh:eip155:[0-9]+:0[xX][0-9a-fA-F]{40}$' then
    return lower(v_did);
  end if;
  if (v_did ~ '^did:[a-z0-9]+:[A-Za-z0-9._:%-]+$' and length(v_did) <= 512) is not true then
    raise exception '% is no DID', coalesce(quote_literal(p_did), 'null')
      using hint = 'A DID looks like did:key:z6Mk… or did:web:example.com, without a fragment.';
  end if;
  if regexp_replace(v_did, '%[0-9A-Fa-f]{2}', '', 'g') ~ '^did:web:[^:]*[A-Z]' then
    raise exception '% is no DID of an account', quote_literal(p_did)
      using hint = 'The host of a did:web is in lower case.';
  end if;
  return v_did;
end;
$$;
