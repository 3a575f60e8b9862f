/** How long answered calls took, out of the log: a sample of each day. */
import { dayCount, pointOf } from "./range.ts";
import type { LatencyPoint, Percentiles } from "./report.ts";
import type { Scope } from "./scope.ts";

/** Calls of each day, of those DIDs that called most. */
const CALLS_OF_DID = 400;
const DIDS_OF_DAY = 25;
const LATENCY_DAYS = 124;

/** Reads a sample of each day. @param leftOut is told what the sample lacks */
export async function latencyOf(
  { sql, did, range, unit }: Scope,
  leftOut: string[],
  onProgress: (message: string) => void,
): Promise<LatencyPoint[]> {
  const days = dayCount(range);
  const begin = Math.max(0, days - LATENCY_DAYS);
  if (begin > 0) leftOut.push(`Latency: only the last ${LATENCY_DAYS} days are looked at.`);
  leftOut.push(
    `Latency: at most ${CALLS_OF_DID} answered calls a day are looked at of each DID` +
      (did === null ? `, of the ${DIDS_OF_DAY} DIDs that called most.` : "."),
  );
  const samples = new Map<string, { firstByte: number[]; whole: number[] }>();
  for (let index = begin; index < days; index++) {
    const day = new Date(Date.parse(range.from) + index * 86_400_000).toISOString().slice(0, 10);
    if ((index - begin) % 7 === 0) onProgress(`latency of ${day}, day ${index + 1} of ${days}`);
    const rows = await sql.unsafe(SAMPLE, [day, did]);
    const point = pointOf(day, unit);
    const sample = samples.get(point) ?? { firstByte: [], whole: [] };
    samples.set(point, sample);
    for (const { first_byte_ms, whole_ms } of rows) {
      if (first_byte_ms !== null) sample.firstByte.push(first_byte_ms);
      sample.whole.push(whole_ms);
    }
  }
  return [...samples].map(([at, { firstByte, whole }]) => ({
    at,
    calls: whole.length,
    firstByte: percentiles(firstByte),
    whole: percentiles(whole),
  }));
}

/** By the index of each DID's log. */
const SAMPLE = `
select call.first_byte_ms, call.whole_ms
from (
  select did from public.usage_daily
  where day = $1::text::date and ($2::text is null or did = $2)
  group by did order by sum(requests) desc, did limit ${DIDS_OF_DAY}
) as caller,
lateral (
  -- A first byte is timed from the receipt, which is before the admission: no end is before it.
  select first_byte_ms, greatest(
      first_byte_ms, extract(epoch from response_time - request_time) * 1000
    )::float8 as whole_ms
  from public.request_logs
  where did = caller.did and status = 'completed'
    and request_time >= $1::text::date::timestamp at time zone 'utc'
    and request_time < ($1::text::date + 1)::timestamp at time zone 'utc'
  order by request_time desc limit ${CALLS_OF_DID}
) as call`;

/** By nearest rank; null of nothing. */
function percentiles(values: number[]): Percentiles | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
