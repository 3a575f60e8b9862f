/** What was observed of a request, as the store takes it. */
import type { Observed } from "../metering/usage.ts";
import type { KnownUsage } from "../store/settlement.ts";

/** @param usdPerCredit US dollars in one of OpenRouter's credits, a decimal string */
export function knownUsage(observed: Observed, usdPerCredit: string): KnownUsage {
  const { inputTokens, outputTokens } = observed;
  return {
    model: observed.model,
    provider: observed.provider,
    nativeFinishReason: observed.nativeFinishReason,
    inputTokens,
    outputTokens,
    cachedTokens: partOf(inputTokens, observed.cachedTokens),
    reasoningTokens: partOf(outputTokens, observed.reasoningTokens),
    upstreamCost: observed.upstreamCost,
    usdPerCredit,
  };
}

/** A part is never above its whole, whatever a provider says. */
function partOf(whole: number | null, part: number | null): number | null {
  return whole === null || part === null ? part : Math.min(part, whole);
}
