-- Views of usage for people with SQL, one concern each.
--
-- usage_by_… has the columns that it is named by, and then the same sums as all of its kind. Those that
-- begin with did are for whoever looks at one DID: `where did = …` reads that DID's rows alone.
-- security_invoker: a Supabase user's JWT sees its own DID's rows, service_role sees all.

-- Each noted day once: a day can have tens of thousands of notes, and each row is compared with all.
create view public.usage_of_days with (security_invoker = true) as
select day, model, endpoint, requests, failed_requests, input_tokens, output_tokens, cached_tokens,
  reasoning_tokens, total_cost, upstream_cost, requests_without_cost
from public.usage_daily_of_all
where day <> all (array(select distinct day from public.usage_day_changes))
union all
select day, model, endpoint, requests, failed_requests, input_tokens, output_tokens, cached_tokens,
  reasoning_tokens, total_cost, upstream_cost, requests_without_cost
from public.usage_daily
where day > coalesce((select max(day) from public.usage_daily_of_all), '-infinity')
  or day = any (array(select distinct day from public.usage_day_changes));
comment on view public.usage_of_days is
  'Sums per UTC day, model and endpoint, to be added up further: several rows may be of the same. usage_by_day and usage_by_model do.';

create view public.usage_by_day with (security_invoker = true) as
select day,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost
from public.usage_of_days
group by day;
comment on view public.usage_by_day is 'Usage per UTC day. Of one DID: usage_by_did_day.';

create view public.usage_by_model with (security_invoker = true) as
select model,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost
from public.usage_of_days
group by model;
comment on view public.usage_by_model is 'Usage per model. Of one DID: usage_by_did_model.';

create view public.usage_by_hour with (security_invoker = true) as
select hour,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost
from public.usage_hourly
where hour >= date_trunc('hour', now(), 'utc') - interval '1488 hours'
group by hour;
comment on view public.usage_by_hour is
  'Usage per hour of the last 62 days. Of one DID: usage_by_did_hour.';

create view public.usage_by_did with (security_invoker = true) as
select did,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost,
  min(day) as first_day, max(day) as last_day
from public.usage_daily
group by did;
comment on view public.usage_by_did is
  'Usage per DID, and since and until when. Its status and limits: accounts.';
comment on column public.usage_by_did.first_day is 'The first UTC day with requests.';
comment on column public.usage_by_did.last_day is 'The last UTC day with requests.';

create view public.usage_by_did_day with (security_invoker = true) as
select did, day,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost
from public.usage_daily
group by did, day;
comment on view public.usage_by_did_day is 'Usage per DID and UTC day.';

create view public.usage_by_did_model with (security_invoker = true) as
select did, model,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost
from public.usage_daily
group by did, model;
comment on view public.usage_by_did_model is 'Usage per DID and model.';

create view public.usage_by_did_hour with (security_invoker = true) as
select did, hour,
  sum(requests)::bigint as requests,
  sum(failed_requests)::bigint as failed_requests,
  sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens,
  sum(cached_tokens)::bigint as cached_tokens,
  sum(reasoning_tokens)::bigint as reasoning_tokens,
  sum(total_cost) as total_cost,
  sum(upstream_cost) as upstream_cost,
  sum(requests_without_cost)::bigint as requests_without_cost
from public.usage_hourly
where hour >= date_trunc('hour', now(), 'utc') - interval '1488 hours'
group by did, hour;
comment on view public.usage_by_did_hour is 'Usage per DID and hour of the last 62 days.';

-- Sessions and labels stand in the log alone, which is read for 31 days.
create view public.usage_by_did_session with (security_invoker = true) as
select did, session,
  count(*) as requests,
  count(*) filter (where status = 'failed') as failed_requests,
  coalesce(sum(input_tokens), 0)::bigint as input_tokens,
  coalesce(sum(output_tokens), 0)::bigint as output_tokens,
  coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
  coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
  coalesce(sum(total_cost), 0) as total_cost,
  coalesce(sum(upstream_cost), 0) as upstream_cost,
  count(*) filter (where total_cost is null) as requests_without_cost,
  min(request_time) as first_request_at, max(request_time) as last_request_at
from public.ended_requests
where session is not null and request_time >= now() - interval '744 hours'
group by did, session;
comment on view public.usage_by_did_session is
  'Usage per DID and session, of the last 31 days: what did this coding session cost?';
comment on column public.usage_by_did_session.session is 'What the client calls the session.';

create view public.usage_by_did_label with (security_invoker = true) as
select did, label,
  count(*) as requests,
  count(*) filter (where status = 'failed') as failed_requests,
  coalesce(sum(input_tokens), 0)::bigint as input_tokens,
  coalesce(sum(output_tokens), 0)::bigint as output_tokens,
  coalesce(sum(cached_tokens), 0)::bigint as cached_tokens,
  coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens,
  coalesce(sum(total_cost), 0) as total_cost,
  coalesce(sum(upstream_cost), 0) as upstream_cost,
  count(*) filter (where total_cost is null) as requests_without_cost,
  min(request_time) as first_request_at, max(request_time) as last_request_at
from public.ended_requests
where label is not null and request_time >= now() - interval '744 hours'
group by did, label;
comment on view public.usage_by_did_label is
  'Usage per DID and label (x-label), of the last 31 days: what did this job, this customer cost?';
comment on column public.usage_by_did_label.label is 'What the client sent as x-label.';

-- How long answers took, in percentiles, from the histograms of usage_hourly: at most 1.42 times too high
-- or too low. Percentiles cannot be added up; other groups need the histograms.
create view public.usage_latency with (security_invoker = true) as
with buckets as (
  select total.did, (total.hour at time zone 'utc')::date as day, total.model, counts.bucket,
    sum(counts.first_byte)::double precision as first_byte,
    sum(counts.duration)::double precision as duration
  from public.usage_hourly as total,
    lateral unnest(total.first_byte_ms, total.duration_ms)
      with ordinality as counts (first_byte, duration, bucket)
  where total.hour >= date_trunc('hour', now(), 'utc') - interval '1488 hours'
    and (counts.first_byte > 0 or counts.duration > 0)
  group by 1, 2, 3, 4
),
running as (
  select did, day, model, bucket, first_byte, duration,
    sum(first_byte) over upwards as first_byte_up_to,
    sum(duration) over upwards as duration_up_to,
    sum(first_byte) over (partition by did, day, model) as requests
  from buckets
  window upwards as (partition by did, day, model order by bucket)
)
-- In the bucket that has the one that so many percent are no slower than: where in it that one is.
select did, day, model, max(requests)::bigint as requests,
  round(max(2 ^ ((bucket - (first_byte_up_to - requests * 50 / 100) / first_byte) / 2)) filter (
    where first_byte_up_to >= requests * 50 / 100 and first_byte_up_to - first_byte < requests * 50 / 100
  ))::bigint as first_byte_p50_ms,
  round(max(2 ^ ((bucket - (first_byte_up_to - requests * 95 / 100) / first_byte) / 2)) filter (
    where first_byte_up_to >= requests * 95 / 100 and first_byte_up_to - first_byte < requests * 95 / 100
  ))::bigint as first_byte_p95_ms,
  round(max(2 ^ ((bucket - (first_byte_up_to - requests * 99 / 100) / first_byte) / 2)) filter (
    where first_byte_up_to >= requests * 99 / 100 and first_byte_up_to - first_byte < requests * 99 / 100
  ))::bigint as first_byte_p99_ms,
  round(max(2 ^ ((bucket - (duration_up_to - requests * 50 / 100) / duration) / 2)) filter (
    where duration_up_to >= requests * 50 / 100 and duration_up_to - duration < requests * 50 / 100
  ))::bigint as duration_p50_ms,
  round(max(2 ^ ((bucket - (duration_up_to - requests * 95 / 100) / duration) / 2)) filter (
    where duration_up_to >= requests * 95 / 100 and duration_up_to - duration < requests * 95 / 100
  ))::bigint as duration_p95_ms,
  round(max(2 ^ ((bucket - (duration_up_to - requests * 99 / 100) / duration) / 2)) filter (
    where duration_up_to >= requests * 99 / 100 and duration_up_to - duration < requests * 99 / 100
  ))::bigint as duration_p99_ms
from running
group by did, day, model;
comment on view public.usage_latency is
  'How long completed answers took, per DID, UTC day and model, of the last 62 days: percentiles to the first byte, from the receipt, and to the end, from the admission, within a factor of 1.42. A body that comes slowly, and the key of a first call, are before the admission.';
comment on column public.usage_latency.requests is
  'Those that completed, and whose times are known.';
comment on column public.usage_latency.first_byte_p50_ms is
  'Half of them had their first byte within so many milliseconds of the gateway''s receipt.';
comment on column public.usage_latency.first_byte_p95_ms is '95 % of them had.';
comment on column public.usage_latency.first_byte_p99_ms is '99 % of them had.';
comment on column public.usage_latency.duration_p50_ms is
  'Half of them had ended within so many milliseconds of their admission.';
comment on column public.usage_latency.duration_p95_ms is '95 % of them had.';
comment on column public.usage_latency.duration_p99_ms is '99 % of them had.';

create view public.usage_recent_failures with (security_invoker = true) as
select request_time, id, did, endpoint, model, http_status, error_message, total_cost
from public.request_logs
where status = 'failed' and request_time > now() - interval '7 days'
order by request_time desc;
comment on view public.usage_recent_failures is
  'Requests that failed in the last seven days, the newest first.';

create view public.usage_unknown_costs with (security_invoker = true) as
select did, request_time, id, endpoint, model, status, http_status, generation_id, session, label,
  reserved_usd, cost_asks, cost_ask_after, error_message
from public.request_logs
where total_cost is null and status <> 'pending';
comment on view public.usage_unknown_costs is
  'Ended requests whose cost is not known: what sums of costs lack. Maintenance asks for it where there is a generation_id.';
comment on column public.usage_unknown_costs.status is '''completed'' or ''failed''.';
comment on column public.usage_unknown_costs.generation_id is
  'OpenRouter''s id of what it made, which tells the cost; null: none is known.';
comment on column public.usage_unknown_costs.session is
  'What the client calls the session; null: it did not say.';
comment on column public.usage_unknown_costs.label is
  'What the client sent as x-label; null: nothing.';
comment on column public.usage_unknown_costs.reserved_usd is 'USD that budgets hold for it.';
comment on column public.usage_unknown_costs.cost_asks is
  'How often maintenance has asked OpenRouter what it cost.';
comment on column public.usage_unknown_costs.cost_ask_after is
  'When it may ask again; null: it has not asked yet.';
