-- Which rows a Supabase user sees: those of the DID in the JWT's claim `did`, and nothing else. A table
-- without a policy shows nobody a row but service_role, which the policies do not bind.
--
-- usage_daily_of_all and usage_day_changes are granted to users without a policy: they see no row, so that
-- the views that read them add up the users' own rows of usage_daily.

alter table public.gateway_settings enable row level security;
alter table public.did_policies enable row level security;
alter table public.user_api_keys enable row level security;
alter table public.retired_api_keys enable row level security;
alter table public.key_provisioning enable row level security;
alter table public.request_logs enable row level security;
alter table partitions.request_logs_default enable row level security;
alter table public.usage_daily enable row level security;
alter table public.usage_hourly enable row level security;
alter table public.usage_daily_of_all enable row level security;
alter table public.usage_day_changes enable row level security;
alter table public.budgets enable row level security;
alter table public.budget_alerts enable row level security;
alter table public.accepted_messages enable row level security;
alter table public.idempotency_keys enable row level security;
alter table public.key_usages enable row level security;
alter table public.cost_checks enable row level security;
alter table public.cost_drift enable row level security;
alter table public.found_generations enable row level security;
alter table public.maintenance_runs enable row level security;

create policy own_account on public.user_api_keys for select to authenticated
  using (did = ((select auth.jwt()) ->> 'did'));
create policy own_requests on public.request_logs for select to authenticated
  using (did = ((select auth.jwt()) ->> 'did'));
create policy own_usage on public.usage_daily for select to authenticated
  using (did = ((select auth.jwt()) ->> 'did'));
create policy own_usage on public.usage_hourly for select to authenticated
  using (did = ((select auth.jwt()) ->> 'did'));
