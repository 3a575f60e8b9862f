-- What was said twice: updated_at, which triggers keep, so that a call that changes nothing no longer moves it;
-- a query for each of two ranges of hours; how often a cost was asked for, which nobody read from the claim.

create or replace function public.usage_from_totals(p_did text, p_pieces public.usage_pieces)
returns setof public.usage_part
language plpgsql
stable
set search_path = ''
-- From six partitions on, Postgres would choose to plan each look at the log anew.
set plan_cache_mode = force_generic_plan
as $$
declare
  v_start timestamptz;
  v_end timestamptz;
begin
  if p_pieces.days_start < p_pieces.days_end then
    return query
    select day, null::timestamptz, model, endpoint, null::text, null::text, requests, failed_requests,
      requests_without_cost, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost
    from public.usage_daily
    where did = p_did
      and day >= (p_pieces.days_start at time zone 'utc')::date
      and day < (p_pieces.days_end at time zone 'utc')::date;
  end if;

  for v_start, v_end in
    values (p_pieces.hours_start, p_pieces.days_start), (p_pieces.days_end, p_pieces.hours_end)
  loop
    continue when v_start >= v_end;
    return query
    select (hour at time zone 'utc')::date, hour, model, endpoint, null::text, null::text, requests,
      failed_requests, requests_without_cost, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, total_cost
    from public.usage_hourly
    where did = p_did and hour >= v_start and hour < v_end;
  end loop;

  for v_start, v_end in
    values (p_pieces.range_start, p_pieces.hours_start), (p_pieces.hours_end, p_pieces.range_end)
  loop
    continue when v_start >= v_end;
    return query
    select (hour at time zone 'utc')::date, hour, model, endpoint, null::text, null::text,
      count(*), count(*) filter (where status = 'failed'), count(*) filter (where total_cost is null),
      coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
      coalesce(sum(cached_tokens), 0)::bigint, coalesce(sum(reasoning_tokens), 0)::bigint,
      coalesce(sum(total_cost), 0)
    from public.ended_requests
    where did = p_did and request_time >= v_start and request_time < v_end
    group by hour, model, endpoint;
  end loop;
end;
$$;

create or replace function public.claim_unpriced_requests(p_limit integer default 100)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_requests jsonb;
  v_left bigint;
begin
  with never_claimed as materialized (
    select id, request_time from public.request_logs
    where total_cost is null and status <> 'pending' and generation_id is not null
      and cost_ask_after is null and response_time <= now() - interval '10 seconds'
    order by request_time
    limit p_limit
    for update skip locked
  ),
  due_again as materialized (
    select id, request_time from public.request_logs
    where total_cost is null and status <> 'pending' and generation_id is not null
      and cost_ask_after <= now()
    order by cost_ask_after
    limit p_limit - (select count(*) from never_claimed)
    for update skip locked
  ),
  claimed as (
    update public.request_logs as log
    set cost_asks = least(cost_asks + 1, 1000),
      cost_ask_after = now()
        + least(interval '1 day', interval '1 minute' * 2 ^ least(cost_asks, 11))
    from (table never_claimed union all table due_again) as due
    where log.id = due.id and log.request_time = due.request_time
    returning log.id, log.request_time, did, endpoint, generation_id
  )
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'request_id', id, 'request_time', request_time, 'did', did, 'endpoint', endpoint,
        'generation_id', generation_id
      )
      order by request_time, id
    ),
    '[]'
  )
  into v_requests
  from claimed;

  select count(*) into v_left from (
    select from public.request_logs
    where total_cost is null and status <> 'pending' and generation_id is not null
      and (cost_ask_after <= now()
        or (cost_ask_after is null and response_time <= now() - interval '10 seconds'))
    limit 100000
  ) as due;
  return jsonb_build_object('requests', v_requests, 'left', v_left);
end;
$$;

create or replace function public.complete_key_provisioning(
  p_did text,
  p_attempt_id uuid,
  p_openrouter_key_hash text,
  p_encrypted_api_key text,
  p_key_name text,
  p_credit_limit text default null,
  p_credit_limit_reset text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_old public.user_api_keys;
begin
  delete from public.key_provisioning where did = p_did and attempt_id = p_attempt_id;
  if not found then
    return exists (
      select from public.user_api_keys
      where did = p_did and openrouter_key_hash = p_openrouter_key_hash
    );
  end if;

  select * into v_old from public.user_api_keys where did = p_did for update;
  if v_old.status = 'disabled' then
    return false;
  end if;
  if found then
    insert into public.retired_api_keys (
      did, openrouter_key_hash, key_name, credit_limit, created_at
    )
    values (
      v_old.did, v_old.openrouter_key_hash, v_old.key_name, v_old.credit_limit, v_old.created_at
    );
    update public.user_api_keys
    set openrouter_key_hash = p_openrouter_key_hash,
      encrypted_api_key = p_encrypted_api_key,
      key_name = p_key_name,
      applied_credit_limit = p_credit_limit::numeric,
      applied_credit_limit_reset = p_credit_limit_reset,
      created_at = now()
    where did = p_did;
  else
    insert into public.user_api_keys (
      did, openrouter_key_hash, encrypted_api_key, key_name,
      credit_limit, credit_limit_reset, applied_credit_limit, applied_credit_limit_reset
    )
    select
      p_did, p_openrouter_key_hash, p_encrypted_api_key, p_key_name,
      default_credit_limit, default_credit_limit_reset, p_credit_limit::numeric, p_credit_limit_reset
    from public.gateway_settings;
  end if;
  return true;
end;
$$;

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
      then coalesce(set_limits.allowed_models, policy.allowed_models) end
  where policy.did = v_did
  returning * into v_policy;
  return v_policy;
end;
$$;

create or replace function public.block_did(did text)
returns public.did_policies
language sql
set search_path = ''
as $$
  insert into public.did_policies as policy (did, access)
  values (public.plain_did(block_did.did), 'blocked')
  on conflict (did) do update set access = 'blocked'
  returning *;
$$;

create or replace function public.allow_did(did text)
returns public.did_policies
language sql
set search_path = ''
as $$
  insert into public.did_policies as policy (did, access)
  values (public.plain_did(allow_did.did), 'allowed')
  on conflict (did) do update set access = 'allowed'
  returning *;
$$;

create or replace function public.revoke_tokens(did text, issued_before timestamptz default null)
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
      then coalesce(set_gateway_limits.refused_requests_per_minute, settings.refused_requests_per_minute) end
  -- Supabase's Data API loads safeupdate, which refuses to change all rows without saying which.
  where settings.only_row
  returning * into v_settings;
  return v_settings;
end;
$$;

comment on column public.user_api_keys.id is 'Names the row.';
comment on column public.retired_api_keys.id is 'Names the row.';
