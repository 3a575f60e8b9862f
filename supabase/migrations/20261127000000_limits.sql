-- What an operator can set: who may call, which models, how much, how often. A DID's own value comes
-- first, then the default of gateway_settings; null means no limit.
--
-- A new gateway starts with limits that bound what strangers can cost to a few dollars a day. One that
-- has accounts already goes on as it was: without any, until its operator sets them.

alter table public.gateway_settings
  add column access_mode text not null default 'open'
    constraint gateway_settings_access_mode_is_known check (access_mode in ('open', 'allowlist')),
  add column daily_budget_usd numeric default 5
    constraint gateway_settings_daily_budget_makes_sense
    check (daily_budget_usd >= 0 and daily_budget_usd <= 1e9),
  add column monthly_budget_usd numeric default 50
    constraint gateway_settings_monthly_budget_makes_sense
    check (monthly_budget_usd >= 0 and monthly_budget_usd <= 1e9),
  add column requests_per_minute integer default 1000
    constraint gateway_settings_requests_per_minute_makes_sense
    check (requests_per_minute between 1 and 1000000),
  add column default_daily_budget_usd numeric default 2
    constraint gateway_settings_default_daily_budget_makes_sense
    check (default_daily_budget_usd >= 0 and default_daily_budget_usd <= 1e9),
  add column default_monthly_budget_usd numeric default 20
    constraint gateway_settings_default_monthly_budget_makes_sense
    check (default_monthly_budget_usd >= 0 and default_monthly_budget_usd <= 1e9),
  add column default_requests_per_minute integer default 60
    constraint gateway_settings_default_requests_per_minute_makes_sense
    check (default_requests_per_minute between 1 and 1000000),
  add column default_concurrent_requests integer default 10
    constraint gateway_settings_default_concurrent_requests_makes_sense
    check (default_concurrent_requests between 1 and 1000000),
  add column default_allowed_models text[],
  add column new_accounts_per_day integer default 100
    constraint gateway_settings_new_accounts_per_day_makes_sense
    check (new_accounts_per_day between 0 and 1000000),
  add column new_accounts_per_minute integer default 10
    constraint gateway_settings_new_accounts_per_minute_makes_sense
    check (new_accounts_per_minute between 1 and 1000000),
  add column default_reserved_output_tokens integer not null default 65536
    constraint gateway_settings_default_reserved_output_tokens_makes_sense
    check (default_reserved_output_tokens between 1 and 100000000),
  add column unknown_price_reserve_usd numeric not null default 1
    constraint gateway_settings_unknown_price_reserve_makes_sense
    check (unknown_price_reserve_usd >= 0 and unknown_price_reserve_usd <= 1e6),
  add column job_reserve_usd numeric not null default 5
    constraint gateway_settings_job_reserve_makes_sense
    check (job_reserve_usd >= 0 and job_reserve_usd <= 1e6),
  add column allowed_server_tools text[] not null default '{web_search, web_fetch, datetime}'
    constraint gateway_settings_allowed_server_tools_are_names check (
      array_to_string(allowed_server_tools, ',', '?') ~ '^([a-z0-9_:.-]+(,[a-z0-9_:.-]+)*)?$'
    ),
  add column free_models_per_minute integer default 20
    constraint gateway_settings_free_models_per_minute_makes_sense
    check (free_models_per_minute between 1 and 1000000),
  add column free_models_per_day integer default 50
    constraint gateway_settings_free_models_per_day_makes_sense
    check (free_models_per_day between 0 and 1000000),
  add column default_free_models_per_day integer default 10
    constraint gateway_settings_default_free_models_per_day_makes_sense
    check (default_free_models_per_day between 0 and 1000000),
  add column refused_requests_per_minute integer default 20
    constraint gateway_settings_refused_requests_per_minute_makes_sense
    check (refused_requests_per_minute between 1 and 1000000);

alter table public.did_policies
  add column access text
    constraint did_policies_access_is_known check (access in ('allowed', 'blocked')),
  add column daily_budget_usd numeric
    constraint did_policies_daily_budget_makes_sense
    check (daily_budget_usd >= 0 and daily_budget_usd <= 1e9),
  add column monthly_budget_usd numeric
    constraint did_policies_monthly_budget_makes_sense
    check (monthly_budget_usd >= 0 and monthly_budget_usd <= 1e9),
  add column requests_per_minute integer
    constraint did_policies_requests_per_minute_makes_sense
    check (requests_per_minute between 1 and 1000000),
  add column concurrent_requests integer
    constraint did_policies_concurrent_requests_makes_sense
    check (concurrent_requests between 1 and 1000000),
  add column free_models_per_day integer
    constraint did_policies_free_models_per_day_makes_sense
    check (free_models_per_day between 0 and 1000000),
  add column allowed_models text[];

-- A pattern of allowed models: `vendor/model`, with its variant where it has one, or `vendor/*`.
create function public.are_model_patterns(p_patterns text[])
returns boolean
language sql
immutable
set search_path = ''
as $$
  select coalesce(bool_and(
    coalesce(pattern ~ '^[A-Za-z0-9._-]+/([*]|[A-Za-z0-9._-]+(:[A-Za-z0-9._-]+)?)$', false)
  ), true)
  from unnest(p_patterns) as pattern;
$$;
comment on function public.are_model_patterns is 'Whether all of these are `vendor/model` or `vendor/*`.';

alter table public.gateway_settings add constraint gateway_settings_default_allowed_models_are_patterns
  check (public.are_model_patterns(default_allowed_models));
alter table public.did_policies add constraint did_policies_allowed_models_are_patterns
  check (public.are_model_patterns(allowed_models));

comment on table public.did_policies is 'What the operator has set for one DID, before or after its first call; what is missing falls back to gateway_settings. Set it by set_limits, block_did and allow_did.';
comment on column public.did_policies.access is '''blocked'': every call is refused; ''allowed'': passes where access_mode is ''allowlist''; null: as access_mode says.';
comment on column public.did_policies.daily_budget_usd is 'USD that the DID may spend in a UTC day; null: default_daily_budget_usd of gateway_settings.';
comment on column public.did_policies.monthly_budget_usd is 'USD that the DID may spend in a UTC month; null: default_monthly_budget_usd.';
comment on column public.did_policies.requests_per_minute is 'Calls that may cost: as many at once, and as many a minute; null: default_requests_per_minute.';
comment on column public.did_policies.concurrent_requests is 'Calls that may cost and are under way at the same time; null: default_concurrent_requests.';
comment on column public.did_policies.free_models_per_day is 'The DID''s share of the account''s free requests in a UTC day; null: default_free_models_per_day.';
comment on column public.did_policies.allowed_models is 'Models that the DID may name: `vendor/model` exactly, variant included, or `vendor/*`; null: default_allowed_models.';

comment on table public.gateway_settings is 'One row: what holds for the whole gateway, and for every DID that has nothing of its own. Set it by set_gateway_limits.';
comment on column public.gateway_settings.access_mode is '''open'': any DID may call that is not blocked; ''allowlist'': only those that allow_did was called for.';
comment on column public.gateway_settings.daily_budget_usd is 'USD that all DIDs together may spend in a UTC day; null: no limit.';
comment on column public.gateway_settings.monthly_budget_usd is 'USD that all DIDs together may spend in a UTC month; null: no limit.';
comment on column public.gateway_settings.requests_per_minute is 'Calls that may cost, of all DIDs together: as many at once, and as many a minute; null: no limit.';
comment on column public.gateway_settings.default_daily_budget_usd is 'USD a UTC day for a DID without a budget of its own; null: no limit.';
comment on column public.gateway_settings.default_monthly_budget_usd is 'USD a UTC month for a DID without a budget of its own; null: no limit.';
comment on column public.gateway_settings.default_requests_per_minute is 'Calls a minute for a DID without a rate of its own; null: no limit.';
comment on column public.gateway_settings.default_concurrent_requests is 'Calls at the same time for a DID without a limit of its own; null: no limit.';
comment on column public.gateway_settings.default_allowed_models is 'Models that a DID without a list of its own may name; null: all.';
comment on column public.gateway_settings.new_accounts_per_day is 'DIDs that may get their first OpenRouter key in a UTC day; null: no limit.';
comment on column public.gateway_settings.new_accounts_per_minute is 'How many of them in a minute, so that OpenRouter''s API of keys is not overrun; null: no limit.';
comment on column public.gateway_settings.default_reserved_output_tokens is 'Tokens of output that are reserved at most where a request says no bound; a model''s own bound counts where it is lower.';
comment on column public.gateway_settings.unknown_price_reserve_usd is 'USD that are reserved for a call whose price is not known before: routers, aliases, speech.';
comment on column public.gateway_settings.job_reserve_usd is 'USD that are reserved for a call that begins a job, whose price is not known before: a video.';
comment on column public.gateway_settings.allowed_server_tools is 'Tools and plugins that OpenRouter or a provider runs, and bills; a request that asks for another one is refused.';
comment on column public.gateway_settings.free_models_per_minute is 'OpenRouter''s limit on calls of :free models, of all keys of the account together; null: none is kept here.';
comment on column public.gateway_settings.free_models_per_day is 'The same for a UTC day: 50, or 1000 for an account that has bought credits; null: none is kept here.';
comment on column public.gateway_settings.default_free_models_per_day is 'One DID''s share of them; null: all.';
comment on column public.gateway_settings.refused_requests_per_minute is 'Calls of one DID that OpenRouter may refuse as mistakes in a minute, before the DID has to wait: each leaves a row; null: no limit.';
comment on column public.gateway_settings.updated_at is 'When set_gateway_limits last changed it.';

update public.gateway_settings
set daily_budget_usd = null,
  monthly_budget_usd = null,
  requests_per_minute = null,
  default_daily_budget_usd = null,
  default_monthly_budget_usd = null,
  default_requests_per_minute = null,
  default_concurrent_requests = null,
  new_accounts_per_day = null,
  new_accounts_per_minute = null,
  free_models_per_minute = null,
  free_models_per_day = null,
  default_free_models_per_day = null,
  refused_requests_per_minute = null
where exists (select from public.user_api_keys);

-- The limits on one DID, or on the gateway.
create type public.limits as (
  daily_budget_usd numeric,
  monthly_budget_usd numeric,
  requests_per_minute integer,
  concurrent_requests integer,
  free_models_per_minute integer,
  free_models_per_day integer,
  refused_requests_per_minute integer
);
comment on type public.limits is 'The limits on one DID, or on the gateway; null: none.';
revoke all on type public.limits from public;
grant usage on type public.limits to service_role;

-- The limits on a DID, given its policy, which may be null.
create function public.limits_of(p_policy public.did_policies, p_settings public.gateway_settings)
returns public.limits
language plpgsql
immutable
set search_path = ''
as $$
begin
  return row(
    coalesce(p_policy.daily_budget_usd, p_settings.default_daily_budget_usd),
    coalesce(p_policy.monthly_budget_usd, p_settings.default_monthly_budget_usd),
    coalesce(p_policy.requests_per_minute, p_settings.default_requests_per_minute),
    coalesce(p_policy.concurrent_requests, p_settings.default_concurrent_requests),
    null,
    coalesce(p_policy.free_models_per_day, p_settings.default_free_models_per_day),
    p_settings.refused_requests_per_minute
  )::public.limits;
end;
$$;
comment on function public.limits_of is 'The limits on a DID: its own, else the defaults.';

-- The limits on all DIDs together.
create function public.gateway_limits(p_settings public.gateway_settings)
returns public.limits
language plpgsql
immutable
set search_path = ''
as $$
begin
  return row(
    p_settings.daily_budget_usd,
    p_settings.monthly_budget_usd,
    p_settings.requests_per_minute,
    null,
    p_settings.free_models_per_minute,
    p_settings.free_models_per_day,
    null
  )::public.limits;
end;
$$;
comment on function public.gateway_limits is 'The limits on all DIDs together.';

revoke all on function public.are_model_patterns, public.limits_of, public.gateway_limits
  from public, anon, authenticated, service_role;
grant execute on function public.are_model_patterns, public.limits_of, public.gateway_limits
  to service_role;
