-- Idempotency keys are kept for a day.
begin;
select plan(5);

insert into public.idempotency_keys (did, idempotency_key, body_hash, request_id, created_at)
values
  ('did:key:alice', 'new', '\x01', gen_random_uuid(), now()),
  ('did:key:alice', 'yesterday', '\x01', gen_random_uuid(), now() - interval '24 hours'),
  ('did:key:alice', 'old', '\x01', gen_random_uuid(), now() - interval '24 hours 1 second'),
  ('did:key:alice', 'older', '\x01', gen_random_uuid(), now() - interval '25 hours');

set local role service_role;
select is(public.purge_idempotency_keys(1), 1::bigint, 'what is older than a day is forgotten, so many at a time');
select is_empty($$ select from public.idempotency_keys where idempotency_key = 'older' $$, 'the oldest first');
select is(public.purge_idempotency_keys(), 1::bigint, 'and then the rest');
select set_eq(
  'select idempotency_key from public.idempotency_keys', array['new', 'yesterday'],
  'what is younger is not'
);
select is(public.purge_idempotency_keys(), 0::bigint, 'a second time there is nothing to do');

select * from finish();
rollback;
