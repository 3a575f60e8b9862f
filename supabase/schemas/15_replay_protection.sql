-- What must not happen twice: a signed message is accepted once, and a request that is sent again with its
-- Idempotency-Key is billed once.
--
-- Admission takes both locks first, the message hash before the idempotency key. Housekeeping forgets the
-- rows in time (73_housekeeping.sql).

create table public.accepted_messages (
  message_hash bytea primary key,
  expires_at timestamptz not null
);
create index accepted_messages_expires_at on public.accepted_messages (expires_at);
comment on table public.accepted_messages is
  'SHA-256 of signed messages that were accepted; kept until their timestamp is refused anyway.';
comment on column public.accepted_messages.message_hash is 'SHA-256 of the signed message.';
comment on column public.accepted_messages.expires_at is 'When its timestamp is refused anyway.';

create table public.idempotency_keys (
  did text not null,
  idempotency_key text not null,
  body_hash bytea not null,
  request_id uuid not null unique,
  created_at timestamptz not null default now(),
  primary key (did, idempotency_key, body_hash)
);
create index idempotency_keys_created_at on public.idempotency_keys (created_at);
comment on table public.idempotency_keys is
  'Metered requests that carried an Idempotency-Key, for a day: the same key and body are not billed twice.';
comment on column public.idempotency_keys.did is 'Whose it is.';
comment on column public.idempotency_keys.idempotency_key is 'As the client sent it.';
comment on column public.idempotency_keys.body_hash is 'SHA-256 of the path and the body.';
comment on column public.idempotency_keys.request_id is 'The request that had them first.';
comment on column public.idempotency_keys.created_at is 'When the row was made.';
