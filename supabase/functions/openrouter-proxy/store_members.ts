/** Values that several RPCs take or return, with the names that these give their members. */
import type { KnownCost, KnownUsage } from "./store.ts";

/** What book_cost takes. */
export function costMembers(known: KnownCost) {
  const { row } = known;
  return {
    ...("did" in row
      ? { did: row.did, generation_id: row.generationId }
      : { request_id: row.requestId, request_time: row.requestTime }),
    cost: known.cost,
    cost_source: known.costSource,
    ...usageMembers(known),
  };
}

/** Members of the composite type `settlement`. */
export function usageMembers(known: KnownUsage) {
  return {
    model: known.model,
    provider: known.provider,
    native_finish_reason: known.nativeFinishReason,
    input_tokens: known.inputTokens,
    output_tokens: known.outputTokens,
    cached_tokens: known.cachedTokens,
    reasoning_tokens: known.reasoningTokens,
    upstream_cost: known.upstreamCost,
    usd_per_credit: known.usdPerCredit,
  };
}

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
