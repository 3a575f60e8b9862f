/** What clients must have got, and what the gateway must have been like meanwhile. */
import { type CallRecord, isAsExpected } from "./call_record.ts";
import type { Evidence, Findings } from "./evidence.ts";
import { growthOf } from "./memory_samples.ts";
import { isExcused } from "./outages.ts";

/** Each answer is one that its call may get, or an outage explains it. */
export function answersAreExpected({ calls, outages }: Evidence): Findings {
  const odd = calls.filter((call) => !isAsExpected(call));
  const unexcused = odd.filter((call) => !isExcused(call, outages));
  return {
    problems: unexcused.map(describe),
    summary: `${calls.length} calls, ${odd.length} of them in need of an outage that explains them`,
  };
}

/** The gateway has neither told a client nor written to its log what only a bug says. */
export function noBugs({ calls, bugs }: Evidence): Findings {
  const internal = calls.filter(({ type }) =>
    type === "internal_error" || type === "misconfigured"
  );
  return {
    problems: [...internal.map(describe), ...bugs],
    summary: "no internal error, and nothing of the kind in the log",
  };
}

/** Each 503 of the gateway's own has Retry-After, in whole seconds. */
export function retryAfter({ calls }: Evidence): Findings {
  const refused = calls.filter(({ status, type }) => status === 503 && type !== null);
  return {
    problems: refused.filter(({ retryAfter }) => !/^[1-9][0-9]*$/.test(retryAfter ?? ""))
      .map(describe),
    summary: `${refused.length} times 503, each with Retry-After`,
  };
}

/** The gateway was well after each outage, without anybody's help. */
export function serviceResumed({ outages }: Evidence): Findings {
  const longest = Math.max(0, ...outages.map(({ fromMs, toMs }) => (toMs ?? fromMs) - fromMs));
  return {
    problems: outages.filter(({ toMs }) => toMs === null).map(({ what }) => `not after: ${what}`),
    summary: `after ${outages.length} outages, the longest of ${(longest / 1000).toFixed(1)} s`,
  };
}

function describe({ what, status, type, isWhole, id, startedMs, endedMs }: CallRecord): string {
  const answer = status === null ? "no answer" : `${status}${type === null ? "" : ` ${type}`}`;
  const at = new Date(startedMs).toISOString().slice(11, 23);
  return `${what}: ${answer}${status !== null && !isWhole ? ", broken off" : ""} after ` +
    `${endedMs - startedMs} ms (${id} at ${at})`;
}

/**
 * What a collected heap, and all that a process holds, may differ by from one half of the samples to the
 * other: a process keeps for a while what it needed while Postgres stood still.
 */
const NOISE_MB = { live: 3, rss: 48 };

/** Neither the gateway's live heap nor its process grows. */
export function noGrowth({ memory }: Evidence): Findings {
  const live = growthOf(memory, ({ liveMb }) => liveMb);
  const rss = growthOf(memory, ({ rssMb }) => rssMb);
  if (live === null || rss === null) {
    return { problems: [], summary: "too short to tell: give it more minutes" };
  }
  const words = (what: string, { fromMb, toMb }: typeof live) =>
    `${what} ${fromMb.toFixed(1)} → ${toMb.toFixed(1)} MB`;
  const grew = [
    ...live.toMb - live.fromMb > NOISE_MB.live ? [words("live", live)] : [],
    ...rss.toMb - rss.fromMb > NOISE_MB.rss ? [words("RSS", rss)] : [],
  ];
  return { problems: grew, summary: `${words("live", live)}, ${words("RSS", rss)}` };
}
