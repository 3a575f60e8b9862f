-- Replay keys are kept for as long as their message could be accepted.
begin;
select plan(6);

insert into public.accepted_messages (message_hash, expires_at)
values
  ('\x01', now() + interval '1 minute'), ('\x02', now() - interval '59 minutes'),
  ('\x03', now() - interval '1 hour'), ('\x04', now() - interval '61 minutes'),
  ('\x05', '2020-01-01 00:00:00+00');

set local role service_role;
set local timezone = 'America/New_York';
select is(public.purge_accepted_messages(1), 1::bigint, 'what expired over an hour ago is forgotten, so many at a time');
select is_empty(
  $$ select from public.accepted_messages where message_hash = '\x05' $$, 'the oldest first'
);
select is(public.purge_accepted_messages(), 1::bigint, 'and then the rest');
select set_eq(
  'select message_hash from public.accepted_messages', $$ values ('\x01'::bytea), ('\x02'), ('\x03') $$,
  'what could be replayed by a slow clock is not'
);
select is(public.purge_accepted_messages(), 0::bigint, 'a second time there is nothing to do');

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
values ('did:key:alice', 'hash', 'sealed', 'alice');
select is(
  public.admit_request(jsonb_build_object(
    'request_id', gen_random_uuid(), 'did', 'did:key:alice', 'method', 'POST', 'endpoint', '/x',
    'metered', true, 'message_hash', '02', 'message_expires_at', now()
  )) ->> 'decision',
  'replayed', 'what is remembered is still refused'
);

select * from finish();
rollback;
