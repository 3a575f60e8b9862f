-- A token may be issued a minute ahead of Postgres's clock, so that those of the minute after a revocation are
-- refused as well. The comment said that new ones pass at once.

comment on function public.revoke_tokens is
  'Refuses the DID tokens and wallet sessions of a DID that were issued before an instant: without one, those of up to now and of the minute that follows, because a token may be issued a minute ahead. New ones pass from then on.';
