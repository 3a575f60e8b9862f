-- What an operator sets is refused where it cannot be meant: a tool by a name that no request asks for it by,
-- what DIDs share under allowed_server_tools, a list of lists, a value that is set and cleared at once.

-- Before there were rules, what could never match did nothing, and what DIDs share was opened: so it stays.
update public.gateway_settings
set shared_features = array(
    select distinct name from unnest(shared_features || allowed_server_tools) as name
    where name = any ('{openrouter:files, openrouter:shell, openrouter:bash, container, file, preset, vector_store}')
    order by name
  ),
  allowed_server_tools = array(
    select name from unnest(allowed_server_tools) with ordinality as allowed (name, place)
    where name !~ '^openrouter:' and name <> all ('{container, file, preset, vector_store}')
    order by place
  ),
  default_allowed_models = case when default_allowed_models is not null
    then array(select unnest(default_allowed_models)) end
where array_ndims(shared_features) > 1 or array_ndims(allowed_server_tools) > 1
  or array_ndims(default_allowed_models) > 1 or array_to_string(allowed_server_tools, ',') ~ '(^|,)openrouter:'
  or allowed_server_tools && '{container, file, preset, vector_store}';
update public.did_policies set allowed_models = array(select unnest(allowed_models))
where array_ndims(allowed_models) > 1
  -- A row that holds for nobody may not be written at all.
  and did ~ '^did:(key|jwk):|^did:pkh:eip155:[1-9][0-9]{0,31}:0x[0-9a-f]{40}$|^did:web:[a-z0-9.-]+(:[A-Za-z0-9._-]+)*$';

create or replace function public.are_model_patterns(p_patterns text[])
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

alter table public.gateway_settings
  add constraint gateway_settings_lists_are_plain check (
    coalesce(greatest(array_ndims(shared_features), array_ndims(allowed_server_tools)), 1) = 1
  ),
  add constraint gateway_settings_allowed_server_tools_are_not_shared check (
    not allowed_server_tools && '{container, file, preset, vector_store}'
    and array_to_string(allowed_server_tools, ',') !~ '(^|,)openrouter:'
  );
comment on constraint gateway_settings_lists_are_plain on public.gateway_settings is
  'A list of lists would be taken for its members, and told otherwise.';
comment on constraint gateway_settings_allowed_server_tools_are_not_shared on public.gateway_settings is
  'What all DIDs share is opened by shared_features alone.';

-- Raises names that are not in a list, and lists of lists, which nobody means.
create or replace function public.check_names(p_names text[], p_known text[], p_what text)
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

-- Raises what cannot be cleared, and what is set and cleared at once: one of the two is a mistake, and a
-- guess could take a limit away.
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
revoke all on function public.check_clear from public, anon, authenticated;
grant execute on function public.check_clear to service_role;

create or replace function public.set_limits(
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
      then coalesce(set_limits.allowed_models, policy.allowed_models) end,
    updated_at = now()
  where policy.did = v_did
  returning * into v_policy;
  return v_policy;
end;
$$;

create or replace function public.set_gateway_limits(
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
      then coalesce(set_gateway_limits.refused_requests_per_minute, settings.refused_requests_per_minute) end,
    updated_at = now()
  -- Supabase's Data API loads safeupdate, which refuses to change all rows without saying which.
  where settings.only_row
  returning * into v_settings;
  return v_settings;
end;
$$;
