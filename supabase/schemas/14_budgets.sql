-- Budgets and rates as they stand: one row per DID that has called, and one for all together, '*'. What
-- is reserved and spent is changed by admission and settlement in their own transactions, so that no
-- number of requests at once exceeds a limit by a cent of what they have reserved.
--
-- A rate is kept as one instant, until when its bucket is used up (the generic cell rate algorithm): a
-- call moves it on by a minute divided by the rate, in whole microseconds, and passes where it is ahead by
-- no more than the rate times that.
--
-- The order of locks, for every function of the gateway: message hashes, idempotency keys, rows of the
-- log, DIDs' totals (lock_usage), their rows, DIDs' budgets (lock_budget), '*' last; within each kind, in
-- the order of the keys. A transaction that takes several DIDs' locks takes them in the order of the DIDs.

create table public.budgets (
  did text primary key,
  day date not null,
  day_spent_usd numeric not null default 0,
  day_reserved_usd numeric not null default 0,
  day_alerted smallint not null default 0,
  day_free_requests integer not null default 0,
  day_new_accounts integer not null default 0,
  new_accounts_alerted smallint not null default 0,
  month date not null,
  month_spent_usd numeric not null default 0,
  month_reserved_usd numeric not null default 0,
  month_alerted smallint not null default 0,
  requests_under_way integer not null default 0,
  requests_used_until timestamptz not null default '-infinity',
  free_requests_used_until timestamptz not null default '-infinity',
  refusals_used_until timestamptz not null default '-infinity',
  new_accounts_used_until timestamptz not null default '-infinity'
-- Every call changes its row: room for the next version on the same page.
) with (fillfactor = 50);
comment on table public.budgets is
  'What each DID, and ''*'' all together, has spent and reserved in the running UTC day and month, and its rates.';
comment on column public.budgets.did is 'A DID, or ''*'' for all of them together.';
comment on column public.budgets.day is
  'The UTC day that the columns day_… are of; an earlier day counts as nothing spent.';
comment on column public.budgets.day_spent_usd is
  'USD that requests of the day have cost, as far as is known.';
comment on column public.budgets.day_reserved_usd is
  'USD set aside for requests of the day whose cost is not known yet.';
comment on column public.budgets.day_alerted is
  'The highest threshold of the daily budget, in percent, that budget_alerts has for the day.';
comment on column public.budgets.day_free_requests is 'Calls of free models in the day.';
comment on column public.budgets.day_new_accounts is
  'Of ''*'': DIDs that got their first key in the day, or are getting it.';
comment on column public.budgets.new_accounts_alerted is
  'Of ''*'': the highest threshold of new_accounts_per_day that budget_alerts has for the day.';
comment on column public.budgets.month is
  'The first day of the UTC month that the columns month_… are of.';
comment on column public.budgets.month_spent_usd is
  'USD that requests of the month have cost, as far as is known.';
comment on column public.budgets.month_reserved_usd is
  'USD set aside for requests of the month whose cost is not known yet.';
comment on column public.budgets.month_alerted is
  'The highest threshold of the monthly budget that budget_alerts has for the month.';
comment on column public.budgets.requests_under_way is
  'Calls that have been admitted and have not ended; of a DID alone.';
comment on column public.budgets.requests_used_until is
  'requests_per_minute: passes while this is less than a minute ahead.';
comment on column public.budgets.free_requests_used_until is
  'free_models_per_minute, of ''*'': as requests_used_until.';
comment on column public.budgets.refusals_used_until is
  'refused_requests_per_minute, of a DID: as requests_used_until.';
comment on column public.budgets.new_accounts_used_until is
  'new_accounts_per_minute, of ''*'': as requests_used_until.';

create table public.budget_alerts (
  id uuid primary key default gen_random_uuid(),
  did text not null,
  kind text not null
    constraint budget_alerts_kind_is_known check (kind in ('day', 'month', 'new_accounts')),
  period_start date not null,
  threshold smallint not null
    constraint budget_alerts_threshold_is_known check (threshold in (50, 80, 100)),
  limit_value numeric not null,
  reached numeric not null,
  reached_at timestamptz not null default now(),
  attempts integer not null default 0,
  attempt_after timestamptz not null default '-infinity',
  delivered_at timestamptz,
  unique (did, kind, period_start, threshold)
);
create index budget_alerts_undelivered on public.budget_alerts (attempt_after)
  where delivered_at is null;
create index budget_alerts_reached_at on public.budget_alerts (reached_at);
comment on table public.budget_alerts is
  'Each threshold that a budget, or the new accounts of a day, has reached: one row a period, delivered to ALERT_WEBHOOK_URL at least once.';
comment on column public.budget_alerts.id is
  'Names the alert to the webhook, which may get it more than once.';
comment on column public.budget_alerts.did is 'A DID, or ''*'' for the whole gateway.';
comment on column public.budget_alerts.kind is
  '''day'' and ''month'' are budgets; ''new_accounts'' counts DIDs.';
comment on column public.budget_alerts.period_start is
  'The UTC day, or the first day of the UTC month.';
comment on column public.budget_alerts.threshold is 'Percent of the limit.';
comment on column public.budget_alerts.limit_value is 'The limit then: USD, or accounts.';
comment on column public.budget_alerts.reached is 'What was spent then: USD, or accounts.';
comment on column public.budget_alerts.reached_at is 'When the threshold was reached.';
comment on column public.budget_alerts.attempts is 'How often its delivery was tried.';
comment on column public.budget_alerts.attempt_after is 'When it may be tried again.';
comment on column public.budget_alerts.delivered_at is
  'When the webhook took it; null: not yet, or there is none.';
