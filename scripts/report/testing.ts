/** Reports that tests make pages of. */
import { pointsOf } from "./range.ts";
import { type Counts, NOTHING, OTHER, type Report } from "./report.ts";

const MADE_AT = new Date("2026-11-27T10:00:00Z");

/** A range in which nothing was called. */
export function emptyReport(changes: Partial<Report> = {}): Report {
  return {
    did: null,
    from: "2026-11-01",
    to: "2026-11-27",
    madeAt: MADE_AT,
    unit: "day",
    totals: NOTHING,
    models: [],
    series: [],
    failures: [],
    latency: [],
    dids: [],
    sessions: [],
    labels: [],
    budgets: [],
    drifts: [],
    leftOut: [],
    ...changes,
  };
}

const ONE: Counts = {
  requests: 1,
  failed: 0,
  withoutCost: 0,
  inputTokens: 12,
  outputTokens: 3,
  costUsd: "0.000007765",
};

/** One call. */
export function oneCall(): Report {
  const model = "openai/gpt-4o-mini";
  const percentiles = { p50: 420, p95: 420, p99: 420 };
  return emptyReport({
    did: "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
    from: "2026-11-27",
    totals: ONE,
    models: [{ model, ...ONE }],
    series: [{ at: "2026-11-27", model, ...ONE }],
    latency: [{ at: "2026-11-27", calls: 1, firstByte: percentiles, whole: percentiles }],
    dids: null,
    drifts: null,
  });
}

/** Names as clients may choose them. */
export const HOSTILE =
  `</td><script src="https://evil.example/x.js"></script>"'&<img src=x onerror=1>`;

/** Two months of everything, large figures and long names included. */
export function fullReport(): Report {
  const range = { from: "2026-09-29", to: "2026-11-27" };
  const points = pointsOf(range, "day");
  const names = [
    "anthropic/claude-sonnet-4.5",
    HOSTILE,
    "mistralai/mistral-small-3.2-24b-instruct-with-a-name-that-does-not-end:extended",
    "m".repeat(128),
    "openai/gpt-5",
    "google/gemini-2.5-flash",
    "deepseek/deepseek-chat-v3.1",
  ];
  const counts = (size: number): Counts => ({
    requests: 1_234_567 * size,
    failed: 12_345 * size,
    withoutCost: 1_234 * size,
    inputTokens: 98_765_432_109 * size,
    outputTokens: 8_765_432_109 * size,
    costUsd: `${1_234_567 * size}.123456789`,
  });
  const did = (name: string) => `did:web:${"a-host-of-many-letters.".repeat(6)}example:${name}`;
  return emptyReport({
    ...range,
    totals: counts(9),
    models: names.map((model, index) => ({ model, ...counts(names.length - index) })),
    series: points.flatMap((at, day) =>
      [...names, OTHER].map((model, index) => ({ at, model, ...counts((day * index) % 5) }))
    ),
    failures: points.flatMap((at, day) =>
      Array.from(
        { length: 9 },
        (_, kind) => ({ at, kind: `status ${400 + kind}`, count: day % (kind + 2) }),
      )
    ),
    latency: points.map((at, day) => {
      const percentiles = { p50: 400 + day, p95: 1900 + 20 * day, p99: 145_000 - 900 * day };
      return { at, calls: 400, firstByte: day % 9 === 0 ? null : percentiles, whole: percentiles };
    }),
    dids: ["a", "b", "c"].map((name, index) => ({ did: did(name), ...counts(3 - index) })),
    sessions: [{ session: HOSTILE, ...counts(1) }],
    labels: [{ label: "l".repeat(128), ...counts(1) }],
    budgets: [
      {
        did: null,
        period: "month",
        limitUsd: "1000000",
        spentUsd: "999999.99",
        reservedUsd: "12.5",
      },
      { did: did("a"), period: "day", limitUsd: "0", spentUsd: "0", reservedUsd: "0" },
      { did: did("b"), period: "day", limitUsd: "2", spentUsd: "0.5", reservedUsd: "0.25" },
    ],
    drifts: [
      { did: did("a"), driftUsd: "-1234567.123456", since: MADE_AT, counts: true },
      { did: did("b"), driftUsd: "0.0031", since: MADE_AT, counts: false },
    ],
    leftOut: ["Latency: at most 400 answered calls a day are looked at."],
  });
}
