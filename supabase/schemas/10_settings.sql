-- What an operator sets: for the whole gateway in gateway_settings, for one DID in did_policies. A value
-- that a DID lacks falls back to gateway_settings; a limit that is null there as well is none.
--
-- Both are read by every admission (40_admission.sql) and written through the functions of
-- 70_operator_calls.sql. The values that a new gateway starts with bound what strangers can cost to a few
-- dollars a day.

-- Patterns of allowed models: `vendor/model`, with its variant where it has one, or `vendor/*`. One list of
-- them.
create function public.are_model_patterns(p_patterns text[])
returns boolean
language sql
immutable
set search_path = ''
as $$
  select coalesce(array_ndims(p_patterns), 1) = 1 and coalesce(bool_and(
    coalesce(pattern ~ '^[A-Za-z0-9._-]+/([*]|[A-Za-z0-9._-]+(:[A-Za-z0-9._-]+)?)$', false)
  ), true)
  from unnest(p_patterns) as pattern;
$$;
comment on function public.are_model_patterns is
  'Whether all of these are `vendor/model` or `vendor/*`.';

-- A DID as accounts have it: an Ethereum address in lower case. A policy for a DID in a spelling, or of a
-- method, that the gateway refuses would hold for nobody: who blocks one shall hear that.
create function public.plain_did(p_did text)
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
comment on function public.plain_did is 'A DID as accounts have it; raises what is none.';

create table public.gateway_settings (
  only_row boolean primary key default true check (only_row),
  default_credit_limit numeric check (default_credit_limit >= 0),
  default_credit_limit_reset text
    check (default_credit_limit_reset in ('daily', 'weekly', 'monthly')),
  request_log_retention_months integer check (request_log_retention_months > 0),
  updated_at timestamptz not null default now(),
  shared_features text[] not null default '{}'
    constraint gateway_settings_shared_features_are_known check (
      shared_features <@ '{openrouter:files, openrouter:shell, openrouter:bash, container, file, preset, vector_store}'::text[]
    ),
  access_mode text not null default 'open'
    constraint gateway_settings_access_mode_is_known check (access_mode in ('open', 'allowlist')),
  daily_budget_usd numeric default 5
    constraint gateway_settings_daily_budget_makes_sense
    check (daily_budget_usd >= 0 and daily_budget_usd <= 1e9),
  monthly_budget_usd numeric default 50
    constraint gateway_settings_monthly_budget_makes_sense
    check (monthly_budget_usd >= 0 and monthly_budget_usd <= 1e9),
  requests_per_minute integer default 1000
    constraint gateway_settings_requests_per_minute_makes_sense
    check (requests_per_minute between 1 and 1000000),
  default_daily_budget_usd numeric default 2
    constraint gateway_settings_default_daily_budget_makes_sense
    check (default_daily_budget_usd >= 0 and default_daily_budget_usd <= 1e9),
  default_monthly_budget_usd numeric default 20
    constraint gateway_settings_default_monthly_budget_makes_sense
    check (default_monthly_budget_usd >= 0 and default_monthly_budget_usd <= 1e9),
  default_requests_per_minute integer default 60
    constraint gateway_settings_default_requests_per_minute_makes_sense
    check (default_requests_per_minute between 1 and 1000000),
  default_concurrent_requests integer default 10
    constraint gateway_settings_default_concurrent_requests_makes_sense
    check (default_concurrent_requests between 1 and 1000000),
  default_allowed_models text[]
    constraint gateway_settings_default_allowed_models_are_patterns
    check (public.are_model_patterns(default_allowed_models)),
  new_accounts_per_day integer default 100
    constraint gateway_settings_new_accounts_per_day_makes_sense
    check (new_accounts_per_day between 0 and 1000000),
  new_accounts_per_minute integer default 10
    constraint gateway_settings_new_accounts_per_minute_makes_sense
    check (new_accounts_per_minute between 1 and 1000000),
  default_reserved_output_tokens integer not null default 65536
    constraint gateway_settings_default_reserved_output_tokens_makes_sense
    check (default_reserved_output_tokens between 1 and 100000000),
  unknown_price_reserve_usd numeric not null default 1
    constraint gateway_settings_unknown_price_reserve_makes_sense
    check (unknown_price_reserve_usd >= 0 and unknown_price_reserve_usd <= 1e6),
  job_reserve_usd numeric not null default 5
    constraint gateway_settings_job_reserve_makes_sense
    check (job_reserve_usd >= 0 and job_reserve_usd <= 1e6),
  allowed_server_tools text[] not null default '{web_search, web_fetch, datetime}'
    constraint gateway_settings_allowed_server_tools_are_names check (
      array_to_string(allowed_server_tools, ',', '?') ~ '^([a-z0-9_:.-]+(,[a-z0-9_:.-]+)*)?$'
    ),
  free_models_per_minute integer default 20
    constraint gateway_settings_free_models_per_minute_makes_sense
    check (free_models_per_minute between 1 and 1000000),
  free_models_per_day integer default 50
    constraint gateway_settings_free_models_per_day_makes_sense
    check (free_models_per_day between 0 and 1000000),
  default_free_models_per_day integer default 10
    constraint gateway_settings_default_free_models_per_day_makes_sense
    check (default_free_models_per_day between 0 and 1000000),
  refused_requests_per_minute integer default 20
    constraint gateway_settings_refused_requests_per_minute_makes_sense
    check (refused_requests_per_minute between 1 and 1000000),
  request_log_dropped_before timestamptz
);
-- Not valid: a row that is older than the rule stays as it is until it is written anew.
alter table public.gateway_settings
  add constraint gateway_settings_credit_limit_is_finite
    check (default_credit_limit < 'Infinity') not valid,
  add constraint gateway_settings_retention_makes_sense
    check (request_log_retention_months <= 1200) not valid;
alter table public.gateway_settings
  add constraint gateway_settings_lists_are_plain check (
    coalesce(greatest(array_ndims(shared_features), array_ndims(allowed_server_tools)), 1) = 1
  ),
  add constraint gateway_settings_allowed_server_tools_are_not_shared check (
    not allowed_server_tools && '{container, file, preset, vector_store}'
    and array_to_string(allowed_server_tools, ',') !~ '(^|,)openrouter:'
  );
comment on table public.gateway_settings is
  'One row: what holds for the whole gateway, and for every DID that has nothing of its own. Set it by set_gateway_limits.';
comment on column public.gateway_settings.only_row is 'There is one row.';
comment on column public.gateway_settings.default_credit_limit is
  'USD, the credit_limit of a new account; null: its key''s limit is that of the DID''s tightest budget.';
comment on column public.gateway_settings.default_credit_limit_reset is
  'When OpenRouter resets a new key''s limit (midnight UTC); null: never.';
comment on column public.gateway_settings.request_log_retention_months is
  'Full months of request_logs to keep besides the current one; null: all. usage_daily is kept.';
comment on column public.gateway_settings.request_log_dropped_before is
  'Before which instant rows of request_logs were dropped, whatever the retention is now; null: none were. Housekeeping sets it.';
comment on column public.gateway_settings.updated_at is 'When the row last changed, whoever changed it.';
comment on column public.gateway_settings.shared_features is
  'What requests may use although all DIDs share it, because their keys belong to one OpenRouter account: openrouter:files, openrouter:shell, openrouter:bash (server tools), container, file, preset, vector_store (references to what exists). Empty: nothing.';
comment on column public.gateway_settings.access_mode is
  '''open'': any DID may call that is not blocked; ''allowlist'': only those that allow_did was called for.';
comment on column public.gateway_settings.daily_budget_usd is
  'USD that all DIDs together may spend in a UTC day; null: no limit.';
comment on column public.gateway_settings.monthly_budget_usd is
  'USD that all DIDs together may spend in a UTC month; null: no limit.';
comment on column public.gateway_settings.requests_per_minute is
  'Calls that may cost, of all DIDs together: as many at once, and as many a minute; null: no limit.';
comment on column public.gateway_settings.default_daily_budget_usd is
  'USD a UTC day for a DID without a budget of its own; null: no limit.';
comment on column public.gateway_settings.default_monthly_budget_usd is
  'USD a UTC month for a DID without a budget of its own; null: no limit.';
comment on column public.gateway_settings.default_requests_per_minute is
  'Calls a minute for a DID without a rate of its own; null: no limit.';
comment on column public.gateway_settings.default_concurrent_requests is
  'Calls at the same time for a DID without a limit of its own; null: no limit.';
comment on column public.gateway_settings.default_allowed_models is
  'Models that a DID without a list of its own may name; null: all.';
comment on column public.gateway_settings.new_accounts_per_day is
  'DIDs that may get their first OpenRouter key in a UTC day; null: no limit.';
comment on column public.gateway_settings.new_accounts_per_minute is
  'How many of them in a minute, so that OpenRouter''s API of keys is not overrun; null: no limit.';
comment on column public.gateway_settings.default_reserved_output_tokens is
  'Tokens of output that are reserved at most where a request says no bound; a model''s own bound counts where it is lower.';
comment on column public.gateway_settings.unknown_price_reserve_usd is
  'USD that are reserved for a call whose price is not known before: routers, aliases, speech.';
comment on column public.gateway_settings.job_reserve_usd is
  'USD that are reserved for a call that begins a job, whose price is not known before: a video.';
comment on column public.gateway_settings.allowed_server_tools is
  'Tools and plugins that OpenRouter or a provider runs, and bills; a request that asks for another one is refused.';
comment on column public.gateway_settings.free_models_per_minute is
  'OpenRouter''s limit on calls of :free models, of all keys of the account together; null: none is kept here.';
comment on column public.gateway_settings.free_models_per_day is
  'The same for a UTC day: 50, or 1000 for an account that has bought credits; null: none is kept here.';
comment on column public.gateway_settings.default_free_models_per_day is
  'One DID''s share of them; null: all.';
comment on column public.gateway_settings.refused_requests_per_minute is
  'Calls of one DID that OpenRouter may refuse as mistakes in a minute, before the DID has to wait: each leaves a row; null: no limit.';
comment on constraint gateway_settings_lists_are_plain on public.gateway_settings is
  'A list of lists would be taken for its members, and told otherwise.';
comment on constraint gateway_settings_allowed_server_tools_are_not_shared on public.gateway_settings is
  'What all DIDs share is opened by shared_features alone.';
comment on constraint gateway_settings_credit_limit_is_finite on public.gateway_settings is
  'OpenRouter takes neither NaN nor infinity for a limit; without one, it is null.';
comment on constraint gateway_settings_retention_makes_sense on public.gateway_settings is
  'A hundred years: no calendar has what many more would lead to. To keep all, it is null.';
insert into public.gateway_settings default values;

create table public.did_policies (
  did text primary key check (did ~ '^did:' and length(did) <= 512),
  tokens_valid_after timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  access text
    constraint did_policies_access_is_known check (access in ('allowed', 'blocked')),
  daily_budget_usd numeric
    constraint did_policies_daily_budget_makes_sense
    check (daily_budget_usd >= 0 and daily_budget_usd <= 1e9),
  monthly_budget_usd numeric
    constraint did_policies_monthly_budget_makes_sense
    check (monthly_budget_usd >= 0 and monthly_budget_usd <= 1e9),
  requests_per_minute integer
    constraint did_policies_requests_per_minute_makes_sense
    check (requests_per_minute between 1 and 1000000),
  concurrent_requests integer
    constraint did_policies_concurrent_requests_makes_sense
    check (concurrent_requests between 1 and 1000000),
  free_models_per_day integer
    constraint did_policies_free_models_per_day_makes_sense
    check (free_models_per_day between 0 and 1000000),
  allowed_models text[]
    constraint did_policies_allowed_models_are_patterns
    check (public.are_model_patterns(allowed_models))
);
-- Not valid: rows that are older than the rule stay as they are until they are written anew.
alter table public.did_policies
  add constraint did_policies_did_is_of_an_account check (did = public.plain_did(did)) not valid;
comment on table public.did_policies is
  'What the operator has set for one DID, before or after its first call; what is missing falls back to gateway_settings. Set it by set_limits, block_did, allow_did and revoke_tokens.';
comment on constraint did_policies_did_is_of_an_account on public.did_policies is
  'In another spelling it would hold for nobody.';
comment on column public.did_policies.did is 'Whose it is.';
comment on column public.did_policies.tokens_valid_after is
  'DID tokens issued before this instant are refused; null: none are.';
comment on column public.did_policies.created_at is 'When the row was made.';
comment on column public.did_policies.updated_at is 'When the row last changed, whoever changed it.';
comment on column public.did_policies.access is
  '''blocked'': every call is refused; ''allowed'': passes where access_mode is ''allowlist''; null: as access_mode says.';
comment on column public.did_policies.daily_budget_usd is
  'USD that the DID may spend in a UTC day; null: default_daily_budget_usd of gateway_settings.';
comment on column public.did_policies.monthly_budget_usd is
  'USD that the DID may spend in a UTC month; null: default_monthly_budget_usd.';
comment on column public.did_policies.requests_per_minute is
  'Calls that may cost: as many at once, and as many a minute; null: default_requests_per_minute.';
comment on column public.did_policies.concurrent_requests is
  'Calls that may cost and are under way at the same time; null: default_concurrent_requests.';
comment on column public.did_policies.free_models_per_day is
  'The DID''s share of the account''s free requests in a UTC day; null: default_free_models_per_day.';
comment on column public.did_policies.allowed_models is
  'Models that the DID may name: `vendor/model` exactly, variant included, or `vendor/*`; null: default_allowed_models.';
