/** What was spent, in total and in the current UTC calendar periods. */

export const PERIODS = ["daily", "weekly", "monthly"] as const;
export type Period = typeof PERIODS[number];

/** When the period that contains `nowMs` began: midnight UTC, of Monday, of the 1st. */
function periodStart(period: Period, nowMs: number): number {
  const now = new Date(nowMs);
  const day = now.getUTCDate();
  const first = {
    daily: day,
    weekly: day - (now.getUTCDay() + 6) % 7,
    monthly: 1,
  }[period];
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), first);
}

/** When the period that contains `nowMs` ends, as an ISO 8601 instant. */
export function periodEnd(period: Period, nowMs: number): string {
  const start = new Date(periodStart(period, nowMs));
  if (period === "monthly") start.setUTCMonth(start.getUTCMonth() + 1);
  else start.setUTCDate(start.getUTCDate() + (period === "weekly" ? 7 : 1));
  return start.toISOString();
}

/** Amounts in units of 1e-18 USD. */
export class Spend {
  total = 0n;
  readonly #periods = new Map<Period, { start: number; amount: bigint }>();

  add(amount: bigint, nowMs: number): void {
    this.total += amount;
    for (const period of PERIODS) {
      this.#periods.set(period, {
        start: periodStart(period, nowMs),
        amount: this.in(period, nowMs) + amount,
      });
    }
  }

  /** What was spent in the period that contains `nowMs`. */
  in(period: Period, nowMs: number): bigint {
    const current = this.#periods.get(period);
    return current?.start === periodStart(period, nowMs) ? current.amount : 0n;
  }
}
