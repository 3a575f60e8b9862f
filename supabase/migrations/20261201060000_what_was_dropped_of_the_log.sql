-- What was dropped of the log stays known when the retention is raised or cleared: usage of those times that
-- only the log could tell is said to be partial. And a search of X is a tool that may be allowed.

alter table public.gateway_settings add column request_log_dropped_before timestamptz;
comment on column public.gateway_settings.request_log_dropped_before is
  'Before which instant rows of request_logs were dropped, whatever the retention is now; null: none were. Housekeeping sets it.';

-- By the retention of today: whether something was dropped by it is not known any more. Nobody has set it, so
-- that updated_at stays.
alter table public.gateway_settings disable trigger set_updated_at;
update public.gateway_settings set request_log_dropped_before = public.request_log_kept_since()
where request_log_retention_months is not null;
alter table public.gateway_settings enable trigger set_updated_at;

create or replace function public.request_log_kept_since()
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select greatest(
    (
      date_trunc('month', now() at time zone 'utc')
        - make_interval(months => request_log_retention_months)
    ) at time zone 'utc',
    request_log_dropped_before
  )
  from public.gateway_settings;
$$;
comment on function public.request_log_kept_since is
  'Before which instant request_logs are not kept, by the retention of gateway_settings or because they were dropped by an earlier one; null: all are.';

create or replace function public.maintain_request_log_partitions(p_months_ahead integer default 3)
returns jsonb
language plpgsql
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_this_month timestamp := date_trunc('month', now() at time zone 'utc');
  v_start timestamptz;
  v_end timestamptz;
  v_name text;
  v_is_pending boolean;
  v_created text[] := '{}';
  v_dropped text[] := '{}';
  v_postponed text;
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: maintain_request_log_partitions')) then
    return jsonb_build_object('created', v_created, 'dropped', v_dropped, 'postponed', null);
  end if;

  for i in 0..p_months_ahead loop
    v_start := (v_this_month + make_interval(months => i)) at time zone 'utc';
    v_end := (v_this_month + make_interval(months => i + 1)) at time zone 'utc';
    v_name := 'request_logs_' || to_char(v_start at time zone 'utc', 'YYYY_MM');
    continue when to_regclass('partitions.' || v_name) is not null;
    continue when exists (
      select from partitions.request_logs_default
      where request_time >= v_start and request_time < v_end
    );
    begin
      execute format('create table partitions.%I (like public.request_logs including all)', v_name);
      execute format('alter table partitions.%I enable row level security', v_name);
      execute format(
        'alter table public.request_logs attach partition partitions.%I for values from (%L) to (%L)',
        v_name, v_start, v_end);
      v_created := v_created || v_name;
    exception
      when check_violation then
        -- The default partition got a row of that month since it was looked at: the month stays there.
        null;
      when lock_not_available or deadlock_detected then
        v_postponed := v_name;
        exit;
    end;
  end loop;

  if v_created = '{}' and v_postponed is null then
    for v_name in
      select c.relname
      from pg_catalog.pg_inherits as i
      join pg_catalog.pg_class as c on c.oid = i.inhrelid
      where i.inhparent = 'public.request_logs'::regclass
        and c.relname ~ '^request_logs_[0-9]{4}_[0-9]{2}$'
        and to_date(right(c.relname, 7), 'YYYY_MM')::timestamp at time zone 'utc'
          < public.request_log_kept_since()
      order by c.relname
    loop
      begin
        execute format('select exists (select from partitions.%I where status = %L)', v_name, 'pending')
        into v_is_pending;
        continue when v_is_pending;
        execute format('drop table partitions.%I', v_name);
        v_dropped := v_dropped || v_name;
      exception when lock_not_available or deadlock_detected then
        v_postponed := v_name;
        exit;
      end;
    end loop;
    if v_dropped <> '{}' then
      update public.gateway_settings
      set request_log_dropped_before = public.request_log_kept_since()
      where request_log_dropped_before is distinct from public.request_log_kept_since();
    end if;
  end if;
  return jsonb_build_object(
    'created', v_created, 'dropped', v_dropped, 'postponed', v_postponed
  );
end;
$$;

create or replace function public.purge_request_logs(p_limit integer default 10000)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_count bigint;
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: purge_request_logs')) then
    return 0;
  end if;
  delete from partitions.request_logs_default
  where ctid = any (array(
    select ctid from partitions.request_logs_default
    where request_time < public.request_log_kept_since() and status <> 'pending'
    limit p_limit
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  if v_count > 0 then
    update public.gateway_settings
    set request_log_dropped_before = public.request_log_kept_since()
    where request_log_dropped_before is distinct from public.request_log_kept_since();
  end if;
  return v_count;
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
  perform public.check_names(v_clear, array[
    'daily_budget_usd', 'monthly_budget_usd', 'requests_per_minute', 'default_daily_budget_usd',
    'default_monthly_budget_usd', 'default_requests_per_minute', 'default_concurrent_requests',
    'default_allowed_models', 'new_accounts_per_day', 'new_accounts_per_minute',
    'free_models_per_minute', 'free_models_per_day', 'default_free_models_per_day',
    'refused_requests_per_minute'
  ], 'limit of the gateway that can be cleared');
  perform public.check_clear(jsonb_build_object(
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
  ), v_clear);
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
