-- The percentiles of a day are taken of its buckets at once, not of three copies of them: in half of the time.
create or replace view public.usage_latency with (security_invoker = true) as
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
