-- Maintenance by pg_cron, pg_net and Vault: with stand-ins of what the test uses of them.
begin;
select plan(26);

select throws_ok(
  $$ select public.schedule_maintenance('https://ref.supabase.co/functions/v1/openrouter-proxy', 'sb_secret_0123456789abcdef') $$,
  'the project lacks the extension(s) pg_cron, pg_net, supabase_vault',
  'what is missing is named'
);
-- What somebody is advised who calls it wrongly.
create function pg_temp.hint(url text, key text) returns text language plpgsql as $$
declare
  v_hint text;
begin
  perform public.schedule_maintenance(url, key);
  return null;
exception when raise_exception then
  get stacked diagnostics v_hint = pg_exception_hint;
  return v_hint;
end;
$$;
select is(
  pg_temp.hint('https://ref.supabase.co/functions/v1/openrouter-proxy', 'sb_secret_0123456789abcdef'),
  'Enable them in the dashboard under Database, Extensions, and call this again; without them, let a scheduler of your own run `deno task maintain`.',
  'and where it is to be had'
);

create schema elsewhere;
create function elsewhere.http_post() returns void language sql as '';
create schema cron;
create table cron.job (jobname text primary key, schedule text, command text);
create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql as $$
  insert into cron.job values (job_name, schedule, command)
  on conflict (jobname) do update set schedule = excluded.schedule, command = excluded.command;
  select 1::bigint;
$$;
create function cron.unschedule(job_name text) returns boolean language sql as $$
  delete from cron.job where jobname = job_name; select true;
$$;
create schema vault;
create table vault.secrets (id uuid primary key default gen_random_uuid(), name text unique, secret text);
create view vault.decrypted_secrets as select *, secret as decrypted_secret from vault.secrets;
create function vault.create_secret(
  new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
) returns uuid language sql as $$
  insert into vault.secrets (name, secret) values (new_name, new_secret) returning id;
$$;
create function vault.update_secret(
  secret_id uuid, new_secret text default null, new_name text default null,
  new_description text default null, new_key_id uuid default null
) returns void language sql as $$
  update vault.secrets set secret = new_secret where id = secret_id;
$$;
select throws_ok(
  $$ select public.schedule_maintenance('https://ref.supabase.co/functions/v1/openrouter-proxy', 'sb_secret_0123456789abcdef') $$,
  'the project lacks the extension(s) pg_net',
  'and that alone'
);
create schema net;
create table net.requests (url text, body jsonb, headers jsonb, timeout_milliseconds integer);
create function net.http_post(
  url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000
) returns bigint language sql as $$
  insert into net.requests values (url, body, headers, timeout_milliseconds); select 1::bigint;
$$;

select is(
  pg_temp.hint('https://ref.supabase.co', 'sb_secret_0123456789abcdef'),
  'It looks like https://<ref>.supabase.co/functions/v1/openrouter-proxy.', 'an address that is wrong is told what it looks like'
);
select is(
  pg_temp.hint('https://ref.supabase.co/functions/v1/openrouter-proxy', key),
  'Take one from the dashboard, Project Settings, API Keys: it begins with sb_secret_.', 'and a key where it is'
) from unnest(array[null, '', 'sb_secret_012345678 ', ' sb_publishable_0123456789abcdef']) as key;
-- The claims of a legacy key, in each of the lengths that base64 pads.
create function pg_temp.legacy_key(claims text) returns text language sql as $$
  select 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.'
    || translate(rtrim(replace(encode(convert_to(claims, 'utf8'), 'base64'), E'\n', ''), '='), '+/', '-_') || '.c2lnbmF0dXJl';
$$;
select is(
  pg_temp.hint('https://ref.supabase.co/functions/v1/openrouter-proxy', key),
  'Take one from the dashboard, Project Settings, API Keys: it begins with sb_secret_.', 'nor is ' || key
) from unnest(array[
  pg_temp.legacy_key('{"iss":"supabase","ref":"abcdefghijklmnopqrst","role":"anon"}'), pg_temp.legacy_key('{"iss":"supabase"}'),
  pg_temp.legacy_key('no JSON'), 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.!.c2lnbmF0dXJl'
]) as key;
select throws_ok(
  $$ select public.schedule_maintenance(null, 'sb_secret_0123456789abcdef') $$, 'null is not the URL of an Edge Function',
  'nor is no URL one'
);
select throws_like(
  $$ select public.schedule_maintenance('https://ref.supabase.co', 'sb_secret_0123456789abcdef') $$,
  '%is not the URL of an Edge Function', 'the URL must be the function''s'
);
select throws_like(
  $$ select public.schedule_maintenance('https://ref.supabase.co/functions/v1/openrouter-proxy', '') $$,
  '%is no secret key%', 'there must be a key'
);
select is(
  public.schedule_maintenance(' https://ref.supabase.co/functions/v1/openrouter-proxy// ', ' sb_secret_0123456789abcdef '),
  'POST https://ref.supabase.co/functions/v1/openrouter-proxy/api/v1/maintenance is scheduled at */5 * * * *',
  'it says what it did'
);
select results_eq(
  $$ select schedule, command not like '%sb_secret%' from cron.job where jobname = 'llm-gateway-maintenance' $$,
  $$ values ('*/5 * * * *', true) $$,
  'the schedule does not hold the key'
);
select ok(
  exists (select from cron.job where jobname = 'llm-gateway-partitions'),
  'the housekeeping that is the owner''s is scheduled, too'
);
do $$
begin
  execute (select command from cron.job where jobname = 'llm-gateway-maintenance');
end;
$$;
select results_eq(
  $$ select url, headers, body, timeout_milliseconds from net.requests $$,
  $$
    values ('https://ref.supabase.co/functions/v1/openrouter-proxy/api/v1/maintenance',
      '{"content-type": "application/json", "apikey": "sb_secret_0123456789abcdef"}'::jsonb, '{}'::jsonb, 90000)
  $$,
  'what is scheduled is a request with the key, which waits half as long again as a run may take'
);
select public.schedule_maintenance('https://new.example/functions/v1/gateway', 'sb_secret_fedcba9876', '*/10 * * * *');
select results_eq(
  $$ select name, secret from vault.secrets order by name $$,
  $$
    values ('llm_gateway_secret_key', 'sb_secret_fedcba9876'),
      ('llm_gateway_url', 'https://new.example/functions/v1/gateway')
  $$,
  'called again, it takes the new values'
);
select results_eq(
  $$ select count(*), max(schedule) from cron.job where jobname = 'llm-gateway-maintenance' $$,
  $$ values (1::bigint, '*/10 * * * *') $$,
  'in place of the former ones'
);
select results_eq(
  $$ select has_function_privilege(role, 'public.schedule_maintenance(text, text, text)', 'execute')
     from unnest('{anon, authenticated, service_role}'::text[]) as role $$,
  $$ values (false), (false), (false) $$,
  'it is the owner''s alone'
);
select is((select count(*) from net.requests), 1::bigint, 'scheduling itself requests nothing');

select is(
  public.schedule_maintenance('https://ref.supabase.co/functions/v1/openrouter-proxy', pg_temp.legacy_key(claims)),
  'POST https://ref.supabase.co/functions/v1/openrouter-proxy/api/v1/maintenance is scheduled at */5 * * * *',
  'the legacy key of service_role is a secret one'
) from unnest(array[
  '{"iss":"supabase","role":"service_role"}', '{"iss":"supabase","role":"service_role","iat":1}', '{"name":"Zoë?>","role":"service_role"}'
]) as claims;

select * from finish();
rollback;
