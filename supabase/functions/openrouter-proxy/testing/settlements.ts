/** Settlements, for tests. */
import type { Settlement } from "../store/settlement.ts";

/** The end of a chat that has cost nothing, with what a test is not about filled in. */
export function aSettlement(members: Partial<Settlement> = {}): Settlement {
  return {
    requestId: crypto.randomUUID(),
    requestTime: "2026-11-27T00:00:00+00:00",
    status: "completed",
    httpStatus: 200,
    errorMessage: null,
    givenUp: false,
    generationId: null,
    cost: "0",
    costSource: "response",
    firstByteMs: null,
    mayBeRepeated: false,
    model: null,
    provider: null,
    nativeFinishReason: null,
    inputTokens: null,
    outputTokens: null,
    cachedTokens: null,
    reasoningTokens: null,
    upstreamCost: null,
    usdPerCredit: "1",
    ...members,
  };
}
