-- Exact running totals of ended requests, so that no statistic costs more as the log grows: usage_daily
-- for ever, usage_hourly for 62 days, usage_daily_of_all for the days that are over.
--
-- A row of the log counts in usage_daily and usage_hourly in the transaction that changes it, under the
-- lock of its DID's totals (lock_usage), through the functions of 43_usage_counting.sql alone.

create table public.usage_daily (
  did text not null,
  day date not null,
  model text not null,
  endpoint text not null,
  requests bigint not null default 0,
  failed_requests bigint not null default 0,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cached_tokens bigint not null default 0,
  reasoning_tokens bigint not null default 0,
  total_cost numeric not null default 0,
  upstream_cost numeric not null default 0,
  requests_without_cost bigint not null default 0,
  primary key (did, day, model, endpoint)
);
-- Which days there are, and the rows of a day.
create index usage_daily_day on public.usage_daily (day);
comment on table public.usage_daily is
  'Exact running totals of ended requests per UTC day of request_time, kept by settle_request in the same transaction.';
comment on column public.usage_daily.did is 'Whose it is.';
comment on column public.usage_daily.day is 'The UTC day of request_time.';
comment on column public.usage_daily.model is
  'The model that answered, else the one asked for; ''unknown'' where neither is known, or OpenRouter refused the call as a mistake.';
comment on column public.usage_daily.endpoint is 'OpenRouter''s path.';
comment on column public.usage_daily.requests is 'Requests that have ended.';
comment on column public.usage_daily.failed_requests is 'Those of them that failed.';
comment on column public.usage_daily.input_tokens is 'Tokens that went in.';
comment on column public.usage_daily.output_tokens is 'Tokens that came out.';
comment on column public.usage_daily.cached_tokens is 'Part of input_tokens.';
comment on column public.usage_daily.reasoning_tokens is 'Part of output_tokens.';
comment on column public.usage_daily.total_cost is 'USD, exactly.';
comment on column public.usage_daily.upstream_cost is
  'USD that providers charged the owners of BYOK keys; not part of total_cost.';
comment on column public.usage_daily.requests_without_cost is
  'Ended requests whose cost is not known; total_cost lacks them.';

-- How long answers took stands here as histograms, which add up as sums do.
create table public.usage_hourly (
  did text not null,
  hour timestamptz not null,
  model text not null,
  endpoint text not null,
  requests bigint not null default 0,
  failed_requests bigint not null default 0,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cached_tokens bigint not null default 0,
  reasoning_tokens bigint not null default 0,
  total_cost numeric not null default 0,
  upstream_cost numeric not null default 0,
  requests_without_cost bigint not null default 0,
  first_byte_ms integer[] not null default array_fill(0, array[40]),
  duration_ms integer[] not null default array_fill(0, array[40]),
  primary key (did, hour, model, endpoint)
) with (fillfactor = 80);
-- Old hours are looked for by their age alone.
create index usage_hourly_hour on public.usage_hourly (hour);
comment on table public.usage_hourly is
  'usage_daily by the hour, of the last 62 days, with histograms of how long answers took.';
comment on column public.usage_hourly.did is 'Whose requests.';
comment on column public.usage_hourly.hour is 'When the hour of request_time begins.';
comment on column public.usage_hourly.model is 'As in usage_daily.';
comment on column public.usage_hourly.endpoint is 'OpenRouter''s path, as in request_logs.';
comment on column public.usage_hourly.requests is 'Requests that have ended.';
comment on column public.usage_hourly.failed_requests is 'Those of them that failed.';
comment on column public.usage_hourly.input_tokens is 'Tokens that went in.';
comment on column public.usage_hourly.output_tokens is 'Tokens that came out.';
comment on column public.usage_hourly.cached_tokens is 'Part of input_tokens.';
comment on column public.usage_hourly.reasoning_tokens is 'Part of output_tokens.';
comment on column public.usage_hourly.total_cost is 'USD, exactly.';
comment on column public.usage_hourly.upstream_cost is
  'USD that providers charged the owners of BYOK keys; not part of total_cost.';
comment on column public.usage_hourly.requests_without_cost is
  'Ended requests whose cost is not known; total_cost lacks them.';
comment on column public.usage_hourly.first_byte_ms is
  'How many completed requests had their first byte how long after the gateway''s receipt: the i-th number counts those from 2^((i-1)/2) ms to below 2^(i/2) ms, the first also shorter ones, the last longer ones.';
comment on column public.usage_hourly.duration_ms is
  'The same of the time from their admission to their end; of the same requests.';

-- The totals of all DIDs together, of days that hardly change any more: with many DIDs, adding up the
-- whole gateway's history from usage_daily anew takes seconds.
--
-- Settlements do not touch these totals, because all DIDs would wait for one another. What changes a day
-- that is over, such as a cost that comes late, leaves a note in usage_day_changes instead, and the day is
-- added up from usage_daily until housekeeping has done so anew: usage_of_days is exact at any time.
create table public.usage_daily_of_all (
  day date not null,
  model text not null,
  endpoint text not null,
  requests bigint not null,
  failed_requests bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_tokens bigint not null,
  reasoning_tokens bigint not null,
  total_cost numeric not null,
  upstream_cost numeric not null,
  requests_without_cost bigint not null,
  primary key (day, model, endpoint)
);
comment on table public.usage_daily_of_all is
  'usage_daily of all DIDs together, of days that are over; nobody but service_role sees rows. Read usage_of_days, which has all days.';
comment on column public.usage_daily_of_all.day is 'The UTC day of request_time.';
comment on column public.usage_daily_of_all.model is 'As in usage_daily.';
comment on column public.usage_daily_of_all.endpoint is 'OpenRouter''s path, as in request_logs.';
comment on column public.usage_daily_of_all.requests is 'Requests that have ended.';
comment on column public.usage_daily_of_all.failed_requests is 'Those of them that failed.';
comment on column public.usage_daily_of_all.input_tokens is 'Tokens that went in.';
comment on column public.usage_daily_of_all.output_tokens is 'Tokens that came out.';
comment on column public.usage_daily_of_all.cached_tokens is 'Part of input_tokens.';
comment on column public.usage_daily_of_all.reasoning_tokens is 'Part of output_tokens.';
comment on column public.usage_daily_of_all.total_cost is 'USD, exactly.';
comment on column public.usage_daily_of_all.upstream_cost is
  'USD that providers charged the owners of BYOK keys; not part of total_cost.';
comment on column public.usage_daily_of_all.requests_without_cost is
  'Ended requests whose cost is not known; total_cost lacks them.';

create table public.usage_day_changes (day date not null);
comment on table public.usage_day_changes is
  'Days of which usage_daily has changed since usage_daily_of_all may have been made: a row for each change, so that none waits for another.';
comment on column public.usage_day_changes.day is 'The UTC day.';
