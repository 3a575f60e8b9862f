/**
 * What limits decide, said once more and as simply as can be: budgets, rates, calls at a time and free models
 * of DIDs and of all together. Amounts are whole millionths of a dollar, times microseconds.
 *
 * Source: docs/protocol.md, "Limits"; docs/operators.md, "Limits".
 */

export interface ModelLimits {
  daily: bigint | null;
  monthly: bigint | null;
  perMinute: bigint | null;
  concurrent: number | null;
  freePerDay: number | null;
}

interface Bucket {
  day: string;
  month: string;
  daySpent: bigint;
  dayReserved: bigint;
  monthSpent: bigint;
  monthReserved: bigint;
  freeToday: number;
  underWay: number;
  usedUntil: bigint;
}

export interface ModelCall {
  did: string;
  usd: bigint;
  day: string;
  hasEnded: boolean;
  costIsKnown: boolean;
}

const MINUTE = 60_000_000n;
const monthOf = (day: string) => day.slice(0, 7);
/** The UTC day of an instant. */
export const dayOf = (micros: bigint) =>
  new Date(Number(micros / 1000n)).toISOString().slice(0, 10);

export class LimitsModel {
  readonly #buckets = new Map<string, Bucket>();
  readonly limits = new Map<string, ModelLimits>();

  /** The bucket of a DID, or of all (`*`), as it stands on a day. */
  at(did: string, day: string): Bucket {
    const found = this.#buckets.get(did) ?? {
      day,
      month: monthOf(day),
      daySpent: 0n,
      dayReserved: 0n,
      monthSpent: 0n,
      monthReserved: 0n,
      freeToday: 0,
      underWay: 0,
      usedUntil: 0n,
    };
    if (found.day < day) {
      Object.assign(found, { day, daySpent: 0n, dayReserved: 0n, freeToday: 0 });
    }
    if (found.month < monthOf(day)) {
      Object.assign(found, { month: monthOf(day), monthSpent: 0n, monthReserved: 0n });
    }
    this.#buckets.set(did, found);
    return found;
  }

  /** What stands against a call: `decision what` and for whom; null: nothing. */
  #refusal(who: string, usd: bigint, isFree: boolean, now: bigint): string | null {
    const { daily, monthly, perMinute, concurrent, freePerDay } = this.limits.get(who)!;
    const bucket = this.at(who, dayOf(now));
    const scope = who === "*" ? "gateway" : "did";
    if (perMinute !== null) {
      const one = MINUTE / perMinute;
      const from = bucket.usedUntil > now ? bucket.usedUntil : now;
      if (from + one > now + one * perMinute) return `rate_limited requests ${scope}`;
    }
    if (concurrent !== null && bucket.underWay >= concurrent) {
      return `rate_limited concurrent ${scope}`;
    }
    if (isFree && freePerDay !== null && bucket.freeToday >= freePerDay) {
      return "rate_limited free_requests free_models";
    }
    if (usd === 0n) return null;
    if (daily !== null && bucket.daySpent + bucket.dayReserved + usd > daily) {
      return `budget_exceeded day ${scope}`;
    }
    if (monthly !== null && bucket.monthSpent + bucket.monthReserved + usd > monthly) {
      return `budget_exceeded month ${scope}`;
    }
    return null;
  }

  /** @returns the call, where it is admitted; else what refuses it */
  admit(did: string, usd: bigint, isFree: boolean, now: bigint): ModelCall | string {
    const refusal = this.#refusal(did, usd, isFree, now) ?? this.#refusal("*", usd, isFree, now);
    if (refusal !== null) return refusal;
    const day = dayOf(now);
    for (const who of [did, "*"]) {
      const bucket = this.at(who, day);
      const { perMinute } = this.limits.get(who)!;
      bucket.dayReserved += usd;
      bucket.monthReserved += usd;
      if (who !== "*") bucket.underWay++;
      if (isFree) bucket.freeToday++;
      if (perMinute !== null) {
        const from = bucket.usedUntil > now ? bucket.usedUntil : now;
        bucket.usedUntil = from + MINUTE / perMinute;
      }
    }
    return { did, usd, day, hasEnded: false, costIsKnown: false };
  }

  /** Ends a call, or enters its cost later. @param cost null: not known yet */
  settle(call: ModelCall, cost: bigint | null): void {
    const isLate = call.hasEnded;
    if (isLate && (cost === null || call.costIsKnown)) return;
    for (const who of [call.did, "*"]) {
      const bucket = this.at(who, call.day);
      if (!isLate && who !== "*") bucket.underWay--;
      if (cost === null) continue;
      if (bucket.day === call.day) {
        bucket.daySpent += cost;
        bucket.dayReserved -= call.usd;
      }
      if (bucket.month === monthOf(call.day)) {
        bucket.monthSpent += cost;
        bucket.monthReserved -= call.usd;
      }
    }
    call.hasEnded = true;
    call.costIsKnown ||= cost !== null;
  }
}
