/** The state of a rate, as several RPCs return it. */

/** The state of a rate of so many a minute. */
export interface RateState {
  limit: number;
  /** How many more pass now. */
  remaining: number;
  /** Until as many pass as the limit says. */
  resetMs: number;
  /** Until the next one passes; 0: now. */
  retryAfterMs: number;
}

/** A rate, as RPCs return it: rate_state. */
export interface RateRow {
  limit: number;
  remaining: number;
  reset_ms: number;
  retry_after_ms: number;
}

export function rateOf(row: RateRow): RateState {
  return {
    limit: row.limit,
    remaining: row.remaining,
    resetMs: row.reset_ms,
    retryAfterMs: row.retry_after_ms,
  };
}
