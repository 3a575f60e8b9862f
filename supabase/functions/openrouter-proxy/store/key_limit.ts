/** What a DID's key may spend at OpenRouter, as several RPCs take and return it. */

/** What a key may spend at OpenRouter. */
export interface KeyLimit {
  /** USD, a decimal string; null: no limit. */
  creditLimit: string | null;
  /** When what was spent is forgotten, at midnight UTC; null: never. */
  creditLimitReset: "daily" | "weekly" | "monthly" | null;
}

/** A limit of a key, as RPCs return it. */
export interface LimitRow {
  credit_limit: string | null;
  credit_limit_reset: string | null;
}

export function limitOf(row: LimitRow): KeyLimit {
  return {
    creditLimit: row.credit_limit,
    creditLimitReset: row.credit_limit_reset as KeyLimit["creditLimitReset"],
  };
}
