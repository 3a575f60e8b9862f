/** What is known of a request, with the names that the RPCs give its members. */
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
