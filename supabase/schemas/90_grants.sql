-- Who may do what. Nothing relies on default privileges: a fresh Supabase project of before May 2026
-- grants everything in `public` to anon and authenticated, a newer one nothing. So all is revoked first.
--
-- anon may do nothing at all. authenticated reads what row level security shows it. service_role is the
-- gateway. The owner, postgres, runs what changes tables or schedules jobs.

revoke all on schema partitions from public;
revoke all on all tables in schema public from public, anon, authenticated, service_role;
revoke all on all functions in schema public from public, anon, authenticated, service_role;

-- Tables.
grant select, insert, update, delete on table
  public.gateway_settings, public.did_policies, public.user_api_keys, public.retired_api_keys,
  public.key_provisioning, public.request_logs, public.usage_daily, public.usage_hourly,
  public.usage_daily_of_all, public.usage_day_changes, public.budgets, public.budget_alerts,
  public.accepted_messages, public.idempotency_keys, public.key_usages, public.cost_checks,
  public.cost_drift, public.found_generations, public.maintenance_runs
  to service_role;
grant select on table
  public.request_logs, public.usage_daily, public.usage_hourly, public.usage_daily_of_all,
  public.usage_day_changes
  to authenticated;
-- All but the key, encrypted or hashed, and the gateway's own notes.
grant select (did, status, credit_limit, credit_limit_reset, created_at, updated_at)
  on public.user_api_keys to authenticated;

-- Views.
grant select on table
  public.ended_requests, public.usage_of_days, public.usage_by_day, public.usage_by_model, public.usage_by_hour,
  public.usage_by_did, public.usage_by_did_day, public.usage_by_did_model, public.usage_by_did_hour,
  public.usage_by_did_session, public.usage_by_did_label, public.usage_latency,
  public.usage_recent_failures, public.usage_unknown_costs
  to authenticated, service_role;
grant select on table
  public.usage_against_budgets, public.accounts, public.new_dids, public.cost_drift_latest
  to service_role;

-- Functions: the gateway calls all of them, but those that change tables or schedules, which are the
-- owner's, and run by pg_cron or `deno task maintain`; a trigger's nobody calls.
grant execute on all functions in schema public to service_role;
revoke execute on function
  public.maintain, public.maintain_request_log_partitions, public.purge_request_logs,
  public.retire_deleted_key, public.schedule_housekeeping, public.schedule_maintenance,
  public.set_updated_at
  from service_role;

-- Types of arguments and results.
revoke all on type
  public.limits, public.key_limit, public.budget_change, public.admission, public.plain_admission,
  public.settlement, public.entered, public.usage_part, public.usage_pieces
  from public;
grant usage on type
  public.limits, public.key_limit, public.budget_change, public.admission, public.plain_admission,
  public.settlement, public.entered, public.usage_part, public.usage_pieces
  to service_role;
