-- What an operator calls. A value that is not given stays as it is; `clear` takes values away. All can be
-- called again with the same effect, and hold from the next request on.

-- Nobody means a list of lists.
create function public.check_names(p_names text[], p_known text[], p_what text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_name text;
begin
  if array_ndims(p_names) > 1 then
    raise exception '% is a list of lists', quote_literal(p_names::text)
      using hint = format('Each is one %s: array[''…'', ''…''].', p_what);
  end if;
  foreach v_name in array coalesce(p_names, '{}') loop
    if v_name is null or not v_name = any (p_known) then
      raise exception '% is no %', coalesce(quote_literal(v_name), 'null'), p_what
        using hint = 'There are: ' || array_to_string(p_known, ', ');
    end if;
  end loop;
end;
$$;
comment on function public.check_names is
  'Raises names that are not in a list, and lists of lists.';

-- What is set and cleared at once is a mistake, and a guess could take a limit away.
--
-- p_given: what can be cleared, by name, as it is set; null: it is not. p_what: what a name of that is.
create function public.check_clear(p_given json, p_clear text[], p_what text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_name text;
begin
  perform public.check_names(p_clear, array(select json_object_keys(p_given)), p_what);
  foreach v_name in array p_clear loop
    if json_typeof(p_given -> v_name) <> 'null' then
      raise exception '% is both set and cleared', quote_literal(v_name)
        using hint = 'Give a value, or the name in clear.';
    end if;
  end loop;
end;
$$;
comment on function public.check_clear is
  'Raises what cannot be cleared, and what is set and cleared at once.';

create function public.set_limits(
  did text,
  daily_budget_usd numeric default null,
  monthly_budget_usd numeric default null,
  requests_per_minute integer default null,
  concurrent_requests integer default null,
  free_models_per_day integer default null,
  allowed_models text[] default null,
  clear text[] default '{}'
)
returns public.did_policies
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_did text := public.plain_did(set_limits.did);
  v_clear text[] := coalesce(set_limits.clear, '{}');
  v_policy public.did_policies;
begin
  perform public.check_clear(json_build_object(
    'daily_budget_usd', set_limits.daily_budget_usd,
    'monthly_budget_usd', set_limits.monthly_budget_usd,
    'requests_per_minute', set_limits.requests_per_minute,
    'concurrent_requests', set_limits.concurrent_requests,
    'free_models_per_day', set_limits.free_models_per_day,
    'allowed_models', set_limits.allowed_models
  ), v_clear, 'limit of a DID');
  insert into public.did_policies (did) values (v_did) on conflict do nothing;
  update public.did_policies as policy
  set daily_budget_usd = case when not 'daily_budget_usd' = any (v_clear)
      then coalesce(set_limits.daily_budget_usd, policy.daily_budget_usd) end,
    monthly_budget_usd = case when not 'monthly_budget_usd' = any (v_clear)
      then coalesce(set_limits.monthly_budget_usd, policy.monthly_budget_usd) end,
    requests_per_minute = case when not 'requests_per_minute' = any (v_clear)
      then coalesce(set_limits.requests_per_minute, policy.requests_per_minute) end,
    concurrent_requests = case when not 'concurrent_requests' = any (v_clear)
      then coalesce(set_limits.concurrent_requests, policy.concurrent_requests) end,
    free_models_per_day = case when not 'free_models_per_day' = any (v_clear)
      then coalesce(set_limits.free_models_per_day, policy.free_models_per_day) end,
    allowed_models = case when not 'allowed_models' = any (v_clear)
      then coalesce(set_limits.allowed_models, policy.allowed_models) end
  where policy.did = v_did
  returning * into v_policy;
  return v_policy;
end;
$$;
comment on function public.set_limits is
  'Sets limits of one DID, before or after its first call: USD a UTC day and month, calls a minute and at a time, free calls a day, models (`vendor/model` or `vendor/*`). What is not given stays; clear => array[''daily_budget_usd''] falls back to the default. Returns the DID''s policy.';

create function public.block_did(did text)
returns public.did_policies
language sql
set search_path = ''
as $$
  insert into public.did_policies as policy (did, access)
  values (public.plain_did(block_did.did), 'blocked')
  on conflict (did) do update set access = 'blocked'
  returning *;
$$;
comment on function public.block_did is
  'Refuses all calls of a DID, known or not, from the next one on. allow_did ends it.';

create function public.allow_did(did text)
returns public.did_policies
language sql
set search_path = ''
as $$
  insert into public.did_policies as policy (did, access)
  values (public.plain_did(allow_did.did), 'allowed')
  on conflict (did) do update set access = 'allowed'
  returning *;
$$;
comment on function public.allow_did is
  'Lets a DID call, where access_mode is allowlist or it was blocked.';

create function public.revoke_tokens(did text, issued_before timestamptz default null)
returns public.did_policies
language sql
set search_path = ''
as $$
  -- A token may be issued a minute ahead of this clock.
  insert into public.did_policies as policy (did, tokens_valid_after)
  values (
    public.plain_did(revoke_tokens.did),
    coalesce(revoke_tokens.issued_before, now() + interval '1 minute')
  )
  on conflict (did) do update set tokens_valid_after = excluded.tokens_valid_after
  returning *;
$$;
comment on function public.revoke_tokens is
  'Refuses the DID tokens and wallet sessions of a DID that were issued before an instant: without one, those of up to now and of the minute that follows, because a token may be issued a minute ahead. New ones pass from then on.';

create function public.set_gateway_limits(
  access_mode text default null,
  daily_budget_usd numeric default null,
  monthly_budget_usd numeric default null,
  requests_per_minute integer default null,
  default_daily_budget_usd numeric default null,
  default_monthly_budget_usd numeric default null,
  default_requests_per_minute integer default null,
  default_concurrent_requests integer default null,
  default_allowed_models text[] default null,
  new_accounts_per_day integer default null,
  new_accounts_per_minute integer default null,
  default_reserved_output_tokens integer default null,
  unknown_price_reserve_usd numeric default null,
  job_reserve_usd numeric default null,
  allowed_server_tools text[] default null,
  shared_features text[] default null,
  free_models_per_minute integer default null,
  free_models_per_day integer default null,
  default_free_models_per_day integer default null,
  refused_requests_per_minute integer default null,
  clear text[] default '{}'
)
returns public.gateway_settings
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_clear text[] := coalesce(set_gateway_limits.clear, '{}');
  v_settings public.gateway_settings;
begin
  perform public.check_clear(json_build_object(
    'daily_budget_usd', set_gateway_limits.daily_budget_usd,
    'monthly_budget_usd', set_gateway_limits.monthly_budget_usd,
    'requests_per_minute', set_gateway_limits.requests_per_minute,
    'default_daily_budget_usd', set_gateway_limits.default_daily_budget_usd,
    'default_monthly_budget_usd', set_gateway_limits.default_monthly_budget_usd,
    'default_requests_per_minute', set_gateway_limits.default_requests_per_minute,
    'default_concurrent_requests', set_gateway_limits.default_concurrent_requests,
    'default_allowed_models', set_gateway_limits.default_allowed_models,
    'new_accounts_per_day', set_gateway_limits.new_accounts_per_day,
    'new_accounts_per_minute', set_gateway_limits.new_accounts_per_minute,
    'free_models_per_minute', set_gateway_limits.free_models_per_minute,
    'free_models_per_day', set_gateway_limits.free_models_per_day,
    'default_free_models_per_day', set_gateway_limits.default_free_models_per_day,
    'refused_requests_per_minute', set_gateway_limits.refused_requests_per_minute
  ), v_clear, 'limit of the gateway that can be cleared');
  perform public.check_names(
    array_remove(array[set_gateway_limits.access_mode], null), array['open', 'allowlist'], 'access mode'
  );
  perform public.check_names(set_gateway_limits.shared_features, array[
    'openrouter:files', 'openrouter:shell', 'openrouter:bash', 'container', 'file', 'preset', 'vector_store'
  ], 'shared feature');
  -- By the names that the gateway gives them (policy/server_tools.ts). A tool that is newer than this list
  -- is set in the table; shared_features opens those that DIDs share.
  perform public.check_names(set_gateway_limits.allowed_server_tools, array[
    'web_search', 'web_fetch', 'x_search', 'datetime', 'code_execution', 'image_generation', 'mcp',
    'fusion', 'advisor', 'subagent', 'apply_patch', 'file-parser'
  ], 'server tool');
  update public.gateway_settings as settings
  set access_mode = coalesce(set_gateway_limits.access_mode, settings.access_mode),
    daily_budget_usd = case when not 'daily_budget_usd' = any (v_clear)
      then coalesce(set_gateway_limits.daily_budget_usd, settings.daily_budget_usd) end,
    monthly_budget_usd = case when not 'monthly_budget_usd' = any (v_clear)
      then coalesce(set_gateway_limits.monthly_budget_usd, settings.monthly_budget_usd) end,
    requests_per_minute = case when not 'requests_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.requests_per_minute, settings.requests_per_minute) end,
    default_daily_budget_usd = case when not 'default_daily_budget_usd' = any (v_clear)
      then coalesce(set_gateway_limits.default_daily_budget_usd, settings.default_daily_budget_usd) end,
    default_monthly_budget_usd = case when not 'default_monthly_budget_usd' = any (v_clear)
      then coalesce(set_gateway_limits.default_monthly_budget_usd, settings.default_monthly_budget_usd) end,
    default_requests_per_minute = case when not 'default_requests_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.default_requests_per_minute, settings.default_requests_per_minute) end,
    default_concurrent_requests = case when not 'default_concurrent_requests' = any (v_clear)
      then coalesce(set_gateway_limits.default_concurrent_requests, settings.default_concurrent_requests) end,
    default_allowed_models = case when not 'default_allowed_models' = any (v_clear)
      then coalesce(set_gateway_limits.default_allowed_models, settings.default_allowed_models) end,
    new_accounts_per_day = case when not 'new_accounts_per_day' = any (v_clear)
      then coalesce(set_gateway_limits.new_accounts_per_day, settings.new_accounts_per_day) end,
    new_accounts_per_minute = case when not 'new_accounts_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.new_accounts_per_minute, settings.new_accounts_per_minute) end,
    default_reserved_output_tokens =
      coalesce(set_gateway_limits.default_reserved_output_tokens, settings.default_reserved_output_tokens),
    unknown_price_reserve_usd =
      coalesce(set_gateway_limits.unknown_price_reserve_usd, settings.unknown_price_reserve_usd),
    job_reserve_usd = coalesce(set_gateway_limits.job_reserve_usd, settings.job_reserve_usd),
    allowed_server_tools =
      coalesce(set_gateway_limits.allowed_server_tools, settings.allowed_server_tools),
    shared_features = coalesce(set_gateway_limits.shared_features, settings.shared_features),
    free_models_per_minute = case when not 'free_models_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.free_models_per_minute, settings.free_models_per_minute) end,
    free_models_per_day = case when not 'free_models_per_day' = any (v_clear)
      then coalesce(set_gateway_limits.free_models_per_day, settings.free_models_per_day) end,
    default_free_models_per_day = case when not 'default_free_models_per_day' = any (v_clear)
      then coalesce(set_gateway_limits.default_free_models_per_day, settings.default_free_models_per_day) end,
    refused_requests_per_minute = case when not 'refused_requests_per_minute' = any (v_clear)
      then coalesce(set_gateway_limits.refused_requests_per_minute, settings.refused_requests_per_minute) end
  -- Supabase's Data API loads safeupdate, which refuses to change all rows without saying which.
  where settings.only_row
  returning * into v_settings;
  return v_settings;
end;
$$;
comment on function public.set_gateway_limits is
  'Sets the limits of the whole gateway (daily_budget_usd …) and what a DID without limits of its own has (default_…). What is not given stays; clear => array[''daily_budget_usd''] means no limit. Returns all settings.';
