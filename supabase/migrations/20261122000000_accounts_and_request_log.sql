-- The tables: who has a key, what was requested, what it added up to.
--
-- A fresh Supabase project grants everything in `public` to anon and authenticated by default
-- privileges, so each table starts by revoking that and then says what each role may do.
-- Money is unconstrained `numeric` in US dollars: OpenRouter charges down to 1e-10 and below.

create table public.gateway_settings (
  only_row boolean primary key default true check (only_row),
  default_credit_limit numeric check (default_credit_limit >= 0),
  default_credit_limit_reset text
    check (default_credit_limit_reset in ('daily', 'weekly', 'monthly')),
  request_log_retention_months integer check (request_log_retention_months > 0),
  updated_at timestamptz not null default now()
);
comment on table public.gateway_settings is 'One row: what holds for every DID that has nothing of its own.';
comment on column public.gateway_settings.default_credit_limit is 'USD limit of a new OpenRouter key; null: no limit.';
comment on column public.gateway_settings.default_credit_limit_reset is 'When OpenRouter resets a new key''s limit (midnight UTC); null: never.';
comment on column public.gateway_settings.request_log_retention_months is 'Full months of request_logs to keep besides the current one; null: all. usage_daily is kept.';
insert into public.gateway_settings default values;

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
comment on table public.user_api_keys is 'One row per DID: its own OpenRouter key. Disable a DID by setting status.';
comment on column public.user_api_keys.encrypted_api_key is 'Envelope of AES-256-GCM, bound to the DID; readable by service_role alone.';
comment on column public.user_api_keys.openrouter_key_hash is 'OpenRouter''s identifier of the key: lower-case SHA-256 hex of it.';
comment on column public.user_api_keys.credit_limit is 'USD limit that the key shall have at OpenRouter; null: none. A change reaches OpenRouter before the DID''s next request.';
comment on column public.user_api_keys.credit_limit_reset is 'When OpenRouter resets the limit (midnight UTC); null: never.';
comment on column public.user_api_keys.applied_credit_limit is 'The limit that OpenRouter was last told; with applied_credit_limit_reset the gateway''s own note.';

create table public.retired_api_keys (
  id uuid primary key default gen_random_uuid(),
  did text not null,
  openrouter_key_hash text not null,
  key_name text not null,
  credit_limit numeric,
  created_at timestamptz not null,
  retired_at timestamptz not null default now()
);
comment on table public.retired_api_keys is 'Keys that a DID had before: OpenRouter no longer took them, and another one took their place.';
create index retired_api_keys_did on public.retired_api_keys (did);

create table public.did_policies (
  did text primary key check (did ~ '^did:' and length(did) <= 512),
  tokens_valid_after timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.did_policies is 'What the operator has set for one DID; what is missing falls back to gateway_settings.';
comment on column public.did_policies.tokens_valid_after is 'DID tokens issued before this instant are refused; null: none are.';

-- Partitions live outside the schemas that the Data API exposes.
create schema partitions;
revoke all on schema partitions from public;

create table public.request_logs (
  id uuid not null,
  did text not null,
  model text,
  input_tokens bigint,
  output_tokens bigint,
  total_cost numeric,
  request_time timestamptz not null default now(),
  response_time timestamptz,
  status text not null default 'pending' check (status in ('pending', 'completed', 'failed')),
  error_message text,
  created_at timestamptz not null default now(),
  method text not null,
  endpoint text not null,
  streaming boolean not null default false,
  http_status smallint,
  generation_id text,
  provider text,
  cached_tokens bigint,
  reasoning_tokens bigint,
  upstream_cost numeric,
  cost_source text check (cost_source in ('response', 'generation', 'reconciliation')),
  reserved_usd numeric not null default 0,
  first_byte_ms integer,
  primary key (id, request_time),
  -- No NaN, which sorts above everything, and no infinity: one of them would spoil every sum.
  constraint request_logs_costs_are_numbers check (
    total_cost > '-Infinity' and total_cost < 'Infinity'
    and upstream_cost > '-Infinity' and upstream_cost < 'Infinity'
  ),
  constraint request_logs_ended_has_response_time
    check ((status = 'pending') = (response_time is null))
) partition by range (request_time);
comment on table public.request_logs is 'One row per metered request: pending before a byte is forwarded, then completed or failed exactly once.';
comment on column public.request_logs.id is 'The x-request-id of the answer.';
comment on column public.request_logs.total_cost is 'USD that OpenRouter charged; null: not known.';
comment on column public.request_logs.upstream_cost is 'USD that the provider charged the owner of a BYOK key; not part of total_cost.';
comment on column public.request_logs.cached_tokens is 'Part of input_tokens.';
comment on column public.request_logs.reasoning_tokens is 'Part of output_tokens.';
comment on column public.request_logs.cost_source is 'Where total_cost was read: the answer, GET /generation, or the reconciler.';
comment on column public.request_logs.first_byte_ms is 'Milliseconds from the gateway''s receipt to the first byte of OpenRouter''s answer body.';

create index request_logs_did_request_time on public.request_logs (did, request_time desc);
create index request_logs_did_generation on public.request_logs (did, generation_id)
  where generation_id is not null;
create index request_logs_pending on public.request_logs (request_time) where status = 'pending';
create index request_logs_failed on public.request_logs (request_time desc) where status = 'failed';

-- Catches rows of a month whose partition nobody made, so that no request is lost to it.
create table partitions.request_logs_default partition of public.request_logs default;
alter table partitions.request_logs_default enable row level security;

create function public.maintain_request_log_partitions(p_months_ahead integer default 3)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_this_month timestamp := date_trunc('month', now() at time zone 'utc');
  v_retention integer := (select request_log_retention_months from public.gateway_settings);
  v_start timestamptz;
  v_end timestamptz;
  v_name text;
begin
  for i in 0..p_months_ahead loop
    v_start := (v_this_month + make_interval(months => i)) at time zone 'utc';
    v_end := (v_this_month + make_interval(months => i + 1)) at time zone 'utc';
    v_name := 'request_logs_' || to_char(v_start at time zone 'utc', 'YYYY_MM');
    if to_regclass('partitions.' || v_name) is not null then
      continue;
    end if;
    -- A partition cannot be attached while the default one holds its rows: move them.
    execute format('create table partitions.%I (like public.request_logs including all)', v_name);
    execute format('alter table partitions.%I enable row level security', v_name);
    execute format(
      'with moved as (
         delete from partitions.request_logs_default
         where request_time >= %L and request_time < %L returning *
       )
       insert into partitions.%I select * from moved', v_start, v_end, v_name);
    execute format(
      'alter table public.request_logs attach partition partitions.%I for values from (%L) to (%L)',
      v_name, v_start, v_end);
  end loop;

  for v_name in
    select c.relname
    from pg_catalog.pg_inherits as i
    join pg_catalog.pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'public.request_logs'::regclass
      and c.relname ~ '^request_logs_[0-9]{4}_[0-9]{2}$'
      and to_date(right(c.relname, 7), 'YYYY_MM')::timestamp
        < v_this_month - make_interval(months => v_retention)
  loop
    execute format('drop table partitions.%I', v_name);
  end loop;
  -- Rows of months for which nobody made a partition.
  delete from partitions.request_logs_default
  where request_time < (v_this_month - make_interval(months => v_retention)) at time zone 'utc';
end;
$$;
comment on function public.maintain_request_log_partitions is 'Makes the partitions of this month and the next ones; drops those older than the retention of gateway_settings.';

create table public.usage_daily (
  did text not null,
  day date not null,
  model text not null,
  endpoint text not null,
  requests bigint not null default 0,
  failed_requests bigint not null default 0,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cached_tokens bigint not null default 0,
  reasoning_tokens bigint not null default 0,
  total_cost numeric not null default 0,
  upstream_cost numeric not null default 0,
  primary key (did, day, model, endpoint)
);
comment on table public.usage_daily is 'Exact running totals of ended requests per UTC day of request_time, kept by settle_request in the same transaction.';
comment on column public.usage_daily.model is 'The model that answered, else the one asked for, else ''unknown''.';

create table public.accepted_messages (
  message_hash bytea primary key,
  expires_at timestamptz not null
);
comment on table public.accepted_messages is 'SHA-256 of signed messages that were accepted; kept until their timestamp is refused anyway.';
create index accepted_messages_expires_at on public.accepted_messages (expires_at);

create table public.idempotency_keys (
  did text not null,
  idempotency_key text not null,
  body_hash bytea not null,
  request_id uuid not null unique,
  created_at timestamptz not null default now(),
  primary key (did, idempotency_key, body_hash)
);
comment on table public.idempotency_keys is 'Metered requests that carried an Idempotency-Key, for a day: the same key and body are not billed twice.';
create index idempotency_keys_created_at on public.idempotency_keys (created_at);

create table public.key_provisioning (
  did text primary key,
  attempt_id uuid not null,
  first_claimed_at timestamptz not null default now(),
  expires_at timestamptz not null
);
comment on table public.key_provisioning is 'The lease of who is creating a DID''s key right now.';
comment on column public.key_provisioning.first_claimed_at is 'Since when attempts have been made: keys of that DID made at OpenRouter since then may be orphans.';

-- Rows of a Supabase user: those of the DID in the JWT's claim `did`, and nothing else.
alter table public.gateway_settings enable row level security;
alter table public.user_api_keys enable row level security;
alter table public.did_policies enable row level security;
alter table public.request_logs enable row level security;
alter table public.usage_daily enable row level security;
alter table public.accepted_messages enable row level security;
alter table public.idempotency_keys enable row level security;
alter table public.retired_api_keys enable row level security;
alter table public.key_provisioning enable row level security;

create policy own_account on public.user_api_keys for select to authenticated
  using (did = ((select auth.jwt()) ->> 'did'));
create policy own_requests on public.request_logs for select to authenticated
  using (did = ((select auth.jwt()) ->> 'did'));
create policy own_usage on public.usage_daily for select to authenticated
  using (did = ((select auth.jwt()) ->> 'did'));

revoke all on table
  public.gateway_settings, public.user_api_keys, public.did_policies, public.request_logs,
  public.usage_daily, public.accepted_messages, public.key_provisioning,
  public.idempotency_keys, public.retired_api_keys
  from public, anon, authenticated, service_role;
grant select, insert, update, delete on table
  public.gateway_settings, public.user_api_keys, public.did_policies, public.request_logs,
  public.usage_daily, public.accepted_messages, public.key_provisioning,
  public.idempotency_keys, public.retired_api_keys
  to service_role;
grant select (did, status, credit_limit, credit_limit_reset, created_at, updated_at) on public.user_api_keys
  to authenticated;
grant select on table public.request_logs, public.usage_daily to authenticated;

-- DDL on the owner's tables: the owner's alone.
revoke all on function public.maintain_request_log_partitions
  from public, anon, authenticated, service_role;

select public.maintain_request_log_partitions();
