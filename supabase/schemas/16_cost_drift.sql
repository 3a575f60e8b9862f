-- Whether the books say what OpenRouter says: the sum of each DID's costs against what its keys have
-- spent, those that it had before included. All amounts are USD, but for key_usages, which keeps
-- OpenRouter's credits.
--
-- Maintenance fills these tables, DID by DID, under lock_costs_of (51_cost_comparison.sql), and looks for
-- the calls that are missing (52_lost_calls.sql).

create table public.key_usages (
  openrouter_key_hash text primary key,
  did text not null,
  usage numeric,
  byok_usage numeric,
  read_at timestamptz not null,
  gone_since timestamptz,
  is_final boolean not null default false
);
create index key_usages_did on public.key_usages (did);
comment on table public.key_usages is
  'What each key, current or retired, has spent since it was made, as OpenRouter said it last.';
comment on column public.key_usages.openrouter_key_hash is
  'OpenRouter''s identifier of the key: lower-case SHA-256 hex of it.';
comment on column public.key_usages.did is 'Whose it is.';
comment on column public.key_usages.usage is
  'OpenRouter''s credits; null: the key was gone before anybody asked.';
comment on column public.key_usages.byok_usage is
  'What the providers charged the owners of BYOK keys, in credits; no part of usage. Null: the key was gone before anybody asked.';
comment on column public.key_usages.read_at is 'Since when OpenRouter was being asked.';
comment on column public.key_usages.gone_since is
  'When OpenRouter was first heard not to have the key; what it had spent is then what was known, or what analytics say where that is more.';
comment on column public.key_usages.is_final is
  'Whether the key had been gone for an hour when it was asked for last: nothing more is to come.';

create table public.cost_checks (
  did text primary key,
  claimed_at timestamptz not null,
  is_equal boolean,
  equal_at timestamptz,
  surplus_usd numeric,
  surplus_byok_usd numeric,
  search_after timestamptz,
  searches smallint not null default 0,
  searched_to timestamptz
);
create index cost_checks_search_after on public.cost_checks (search_after)
  where search_after is not null;
comment on table public.cost_checks is 'Where maintenance stands with each DID: it resumes here.';
comment on column public.cost_checks.did is 'Whose it is.';
comment on column public.cost_checks.claimed_at is 'When a run set out to compare the DID''s sums.';
comment on column public.cost_checks.is_equal is 'Whether they were equal then; null: not known.';
comment on column public.cost_checks.equal_at is
  'The last instant for which they were equal: what is missing was called later.';
comment on column public.cost_checks.surplus_usd is
  'What OpenRouter has charged and the books lack, as far as it is known.';
comment on column public.cost_checks.surplus_byok_usd is 'The same of upstream costs.';
comment on column public.cost_checks.search_after is
  'When to look for calls that explain the surplus; null: there is none.';
comment on column public.cost_checks.searches is
  'How often that was done for this surplus: the waits double.';
comment on column public.cost_checks.searched_to is
  'Up to when the search that broke off has looked; null: it came to its end.';

create table public.cost_drift (
  did text not null,
  since timestamptz not null,
  checked_at timestamptz not null,
  openrouter_usd numeric not null,
  booked_usd numeric not null,
  drift_usd numeric not null,
  openrouter_byok_usd numeric,
  booked_byok_usd numeric not null,
  byok_drift_usd numeric,
  primary key (did, since)
);
create index cost_drift_checked_at on public.cost_drift (checked_at);
comment on table public.cost_drift is
  'OpenRouter''s sum of a DID minus the books'', each time that it became another one. Compared only while none of the DID''s requests is pending or about to be priced.';
comment on column public.cost_drift.did is 'Whose it is.';
comment on column public.cost_drift.since is 'When this difference was first seen.';
comment on column public.cost_drift.checked_at is 'When it was last seen.';
comment on column public.cost_drift.openrouter_usd is
  'What OpenRouter had charged the DID''s keys then.';
comment on column public.cost_drift.booked_usd is
  'The sum of total_cost over the DID''s usage_daily then.';
comment on column public.cost_drift.drift_usd is
  'Positive: OpenRouter has charged what the books lack. 0: equal, but for what floating-point sums lose.';
comment on column public.cost_drift.openrouter_byok_usd is
  'What OpenRouter says that the owners'' own provider keys were charged; null: not known.';
comment on column public.cost_drift.booked_byok_usd is
  'The sum of upstream_cost over the DID''s usage_daily.';
comment on column public.cost_drift.byok_drift_usd is 'As drift_usd; null: not known.';

create table public.found_generations (
  generation_id text primary key,
  did text not null,
  request_id uuid,
  found_at timestamptz not null default now()
);
create index found_generations_request_id on public.found_generations (request_id);
comment on table public.found_generations is
  'Generations of OpenRouter''s analytics that are no row''s own generation_id, and are booked all the same: no other row takes them.';
comment on column public.found_generations.generation_id is 'OpenRouter''s id of it.';
comment on column public.found_generations.did is 'Whose it is.';
comment on column public.found_generations.request_id is
  'The row of request_logs whose cost they are in; null: that of some row of the same request, whose answer told the sum, or there is no cost.';
comment on column public.found_generations.found_at is 'When it was found.';
