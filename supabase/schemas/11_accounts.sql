-- Who has a key: each DID gets one OpenRouter key of its own, made at its first call that may cost.
--
-- The row of user_api_keys is made by key provisioning alone (42_key_provisioning.sql), whose lease is
-- key_provisioning; its status and limit are the operator's to set. A key that OpenRouter no longer takes
-- moves to retired_api_keys: what it has spent still counts when sums are compared
-- (51_cost_comparison.sql).

create table public.user_api_keys (
  id uuid primary key default gen_random_uuid(),
  did text not null unique check (did ~ '^did:' and length(did) <= 512),
  openrouter_key_hash text not null unique,
  encrypted_api_key text not null,
  key_name text not null,
  credit_limit numeric check (credit_limit >= 0),
  credit_limit_reset text check (credit_limit_reset in ('daily', 'weekly', 'monthly')),
  applied_credit_limit numeric,
  applied_credit_limit_reset text,
  status text not null default 'active' check (status in ('active', 'disabled')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
-- Not valid: rows that are older than the rule stay as they are until they are written anew.
alter table public.user_api_keys
  add constraint user_api_keys_credit_limit_is_finite check (credit_limit < 'Infinity') not valid;
comment on table public.user_api_keys is
  'One row per DID: its own OpenRouter key. Disable a DID by setting status.';
comment on column public.user_api_keys.id is 'Names the row.';
comment on column public.user_api_keys.did is 'Whose it is.';
comment on column public.user_api_keys.openrouter_key_hash is
  'OpenRouter''s identifier of the key: lower-case SHA-256 hex of it.';
comment on column public.user_api_keys.encrypted_api_key is
  'Envelope of AES-256-GCM, bound to the DID; readable by service_role alone.';
comment on column public.user_api_keys.key_name is 'What the key is called at OpenRouter.';
comment on column public.user_api_keys.credit_limit is
  'USD limit that the operator wants the key to have at OpenRouter, which it has before the DID''s next request; null: that of the DID''s tightest budget, as soon as OpenRouter takes it.';
comment on column public.user_api_keys.credit_limit_reset is
  'When OpenRouter resets credit_limit (midnight UTC); null: never.';
comment on column public.user_api_keys.applied_credit_limit is
  'The limit that OpenRouter was last told; with applied_credit_limit_reset the gateway''s own note.';
comment on column public.user_api_keys.applied_credit_limit_reset is
  'When OpenRouter resets applied_credit_limit, as it was last told.';
comment on column public.user_api_keys.status is
  '''active'', or ''disabled'': every call is refused.';
comment on column public.user_api_keys.created_at is 'When the key was made.';
comment on column public.user_api_keys.updated_at is 'When the row last changed, whoever changed it.';
comment on constraint user_api_keys_credit_limit_is_finite on public.user_api_keys is
  'OpenRouter takes neither NaN nor infinity for a limit; without one, it is null.';

create table public.retired_api_keys (
  id uuid primary key default gen_random_uuid(),
  did text not null,
  openrouter_key_hash text not null,
  key_name text not null,
  credit_limit numeric,
  created_at timestamptz not null,
  retired_at timestamptz not null default now()
);
create index retired_api_keys_did on public.retired_api_keys (did);
comment on table public.retired_api_keys is
  'Keys that a DID had before: OpenRouter no longer took them, and another one took their place.';
comment on column public.retired_api_keys.id is 'Names the row.';
comment on column public.retired_api_keys.did is 'Whose it is.';
comment on column public.retired_api_keys.openrouter_key_hash is
  'OpenRouter''s identifier of the key: lower-case SHA-256 hex of it.';
comment on column public.retired_api_keys.key_name is 'What the key is called at OpenRouter.';
comment on column public.retired_api_keys.credit_limit is 'The credit_limit of the account then.';
comment on column public.retired_api_keys.created_at is 'When the key was made.';
comment on column public.retired_api_keys.retired_at is 'When another one took its place.';

create table public.key_provisioning (
  did text primary key,
  attempt_id uuid not null,
  first_claimed_at timestamptz not null default now(),
  expires_at timestamptz not null,
  counted_on date
);
comment on table public.key_provisioning is 'The lease of who is creating a DID''s key right now.';
comment on column public.key_provisioning.did is 'Whose it is.';
comment on column public.key_provisioning.attempt_id is
  'Made up by the attempt that holds the lease.';
comment on column public.key_provisioning.first_claimed_at is
  'Since when attempts have been made: keys of that DID made at OpenRouter since then may be orphans.';
comment on column public.key_provisioning.expires_at is 'When another attempt may take it.';
comment on column public.key_provisioning.counted_on is
  'The UTC day among whose new accounts the attempt counts; null: the DID has an account, or there is no room for it.';
