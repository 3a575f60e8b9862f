/** What a report holds, whether Postgres or the gateway told it. Amounts are decimal strings in US dollars. */

export interface Report {
  /** Whose; null: all DIDs together. */
  did: string | null;
  /** The first and the last day, `YYYY-MM-DD` in UTC. */
  from: string;
  to: string;
  /** When it was made. */
  madeAt: Date;
  /** What one point of time is; longer ranges have longer ones. */
  unit: Unit;
  totals: Counts;
  /** By model, dearest first. */
  models: ({ model: string } & Counts)[];
  /** By model and point of time; a model among the least of them counts as OTHER. */
  series: ({ at: string; model: string } & Counts)[];
  /** Ended calls that failed, by point of time and kind. */
  failures: { at: string; kind: string; count: number }[];
  /** Milliseconds; null: this source does not tell. */
  latency: LatencyPoint[] | null;
  /** Who spent most; null: it is about one DID. */
  dids: ({ did: string } & Counts)[] | null;
  /** What sessions and labels cost; empty where none were given. */
  sessions: ({ session: string } & Counts)[];
  labels: ({ label: string } & Counts)[];
  /** As they stand now. */
  budgets: Budget[];
  /** Where OpenRouter's sums differ from the books, now; null: this source does not tell. */
  drifts: Drift[] | null;
  /** What it lacks, a sentence each. */
  leftOut: string[];
}

export type Unit = "day" | "week" | "month";

export interface Counts {
  requests: number;
  failed: number;
  /** Requests whose cost is not known, or not yet: costUsd lacks them. */
  withoutCost: number;
  inputTokens: number;
  outputTokens: number;
  costUsd: string;
}

export interface LatencyPoint {
  at: string;
  /** How many calls were looked at. */
  calls: number;
  /** To the first byte of the answer, and to its end. */
  firstByte: Percentiles | null;
  whole: Percentiles | null;
}

export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

export interface Budget {
  /** Whose; null: the whole gateway's. */
  did: string | null;
  period: "day" | "month";
  limitUsd: string;
  spentUsd: string;
  reservedUsd: string;
}

export interface Drift {
  did: string;
  /** Positive: OpenRouter has charged what the books lack. */
  driftUsd: string;
  /** Since when they have differed at each look. */
  since: Date;
  /** Whether that is long enough to look into it. */
  counts: boolean;
}

/** The models that are not among the dearest. */
export const OTHER = "other models";
/** How many models have a name of their own in charts. */
export const NAMED_MODELS = 7;

export const NOTHING: Counts = {
  requests: 0,
  failed: 0,
  withoutCost: 0,
  inputTokens: 0,
  outputTokens: 0,
  costUsd: "0",
};
