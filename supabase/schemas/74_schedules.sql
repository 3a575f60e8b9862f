-- What puts the jobs on pg_cron. Housekeeping is SQL; maintenance needs OpenRouter, so that pg_net calls
-- the function, whose secret key Vault keeps. Where there is no pg_cron, another scheduler calls
-- `deno task maintain`.

-- Each job in transactions of its own, in place of what was scheduled before. To be called again after
-- pg_cron was enabled later.
create function public.schedule_housekeeping()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_job record;
begin
  if to_regnamespace('cron') is null then
    return false;
  end if;
  for v_job in execute $jobs$
    select jobname from cron.job where jobname = 'llm-gateway-maintain'
  $jobs$ loop
    execute 'select cron.unschedule($1)' using v_job.jobname;
  end loop;
  for v_job in
    select name, schedule, command from (values
      ('llm-gateway-stale-requests', '* * * * *', 'select public.expire_stale_requests()'),
      ('llm-gateway-purge-messages', '* * * * *', 'select public.purge_accepted_messages()'),
      ('llm-gateway-purge-idempotency-keys', '* * * * *', 'select public.purge_idempotency_keys()'),
      ('llm-gateway-purge-log', '* * * * *', 'select public.purge_request_logs()'),
      ('llm-gateway-purge-hours', '*/5 * * * *', 'select public.purge_usage_hourly()'),
      ('llm-gateway-add-up-days', '*/10 * * * *', 'select public.add_up_days()'),
      ('llm-gateway-partitions', '*/10 * * * *', 'select public.maintain_request_log_partitions()')
    ) as job (name, schedule, command)
  loop
    execute 'select cron.schedule($1, $2, $3)' using v_job.name, v_job.schedule, v_job.command;
  end loop;
  return true;
end;
$$;
comment on function public.schedule_housekeeping is
  'Schedules all housekeeping by pg_cron; false where that is not enabled.';

-- Schedules POST /api/v1/maintenance. The operator calls it once, as the role postgres, and again after
-- either value has changed.
--
-- p_url: the function, e.g. https://<ref>.supabase.co/functions/v1/openrouter-proxy. p_secret_key: one
-- of the project's secret keys, or its service role key; Vault keeps it, and the schedule names it only.
-- p_schedule: as pg_cron takes it.
--
-- Returns what was scheduled, in words.
create function public.schedule_maintenance(
  p_url text,
  p_secret_key text,
  p_schedule text default '*/5 * * * *'
)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_url text := regexp_replace(trim(p_url), '/+$', '');
  v_key text := trim(p_secret_key);
  v_claims text := translate(split_part(v_key, '.', 2), '-_', '+/');
  v_is_secret boolean := length(v_key) >= 20 and v_key not like 'sb\_publishable\_%';
  v_missing text;
  v_name text;
  v_value text;
  v_secret_id uuid;
begin
  select string_agg(needed.extension, ', ' order by needed.extension) into v_missing
  from (
    values ('pg_cron', 'cron', 'schedule'), ('pg_net', 'net', 'http_post'),
      ('supabase_vault', 'vault', 'create_secret')
  ) as needed (extension, schema, function)
  where not exists (
    select from pg_catalog.pg_proc
    where proname = needed.function
      and pronamespace = (select oid from pg_catalog.pg_namespace where nspname = needed.schema)
  );
  if v_missing is not null then
    raise exception 'the project lacks the extension(s) %', v_missing
      using hint = 'Enable them in the dashboard under Database, Extensions, and call this again; without them, let a scheduler of your own run `deno task maintain`.';
  end if;
  if (v_url ~ '^https?://[^\s?#]+/functions/v1/[^/\s?#]+$') is not true then
    raise exception '% is not the URL of an Edge Function', coalesce(v_url, 'null')
      using hint = 'It looks like https://<ref>.supabase.co/functions/v1/openrouter-proxy.';
  end if;
  if v_key like 'eyJ%' then
    -- A legacy key is a JWT, which tells its role: that of anon stands beside the secret one.
    begin
      v_is_secret := convert_from(
        decode(rpad(v_claims, (length(v_claims) + 3) / 4 * 4, '='), 'base64'), 'utf8'
      )::jsonb ->> 'role' = 'service_role';
    exception when data_exception then
      v_is_secret := false;
    end;
  end if;
  if v_is_secret is not true then
    raise exception 'p_secret_key is no secret key of a Supabase project'
      using hint = 'Take one from the dashboard, Project Settings, API Keys: it begins with sb_secret_.';
  end if;

  for v_name, v_value in
    values ('llm_gateway_url', v_url), ('llm_gateway_secret_key', v_key)
  loop
    execute 'select id from vault.secrets where name = $1' into v_secret_id using v_name;
    if v_secret_id is null then
      execute 'select vault.create_secret($1, $2)' using v_value, v_name;
    else
      execute 'select vault.update_secret($1, $2)' using v_secret_id, v_value;
    end if;
  end loop;

  -- The same name again replaces the schedule. The answer comes within the minute that a run may take.
  execute 'select cron.schedule($1, $2, $3)' using 'llm-gateway-maintenance', p_schedule, $command$
    select net.http_post(
      url := (select decrypted_secret from vault.decrypted_secrets where name = 'llm_gateway_url')
        || '/api/v1/maintenance',
      headers := jsonb_build_object(
        'content-type', 'application/json',
        'apikey', (
          select decrypted_secret from vault.decrypted_secrets where name = 'llm_gateway_secret_key'
        )
      ),
      body := '{}'::jsonb,
      timeout_milliseconds := 90000
    )
  $command$;
  -- pg_cron may have been enabled after the migrations ran.
  perform public.schedule_housekeeping();
  return format('POST %s/api/v1/maintenance is scheduled at %s', v_url, p_schedule);
end;
$$;
comment on function public.schedule_maintenance is
  'Lets pg_cron and pg_net call POST /api/v1/maintenance, with its URL and secret key in Vault.';
