/** What settle_request and book_cost are told of a request, and what became of it. */
import { type StoreCall, unusableAnswer } from "./rpc.ts";

/** What an answer, or OpenRouter's account of it, tells of a request; null: not known. */
export interface KnownUsage {
  model: string | null;
  provider: string | null;
  nativeFinishReason: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cachedTokens: number | null;
  reasoningTokens: number | null;
  /** In OpenRouter's credits, a decimal string. */
  upstreamCost: string | null;
  /** US dollars in one credit, a decimal string. */
  usdPerCredit: string;
}

/** How a metered request ended. */
export interface Settlement extends KnownUsage {
  requestId: string;
  /** As admit_request returned it. */
  requestTime: string;
  status: "completed" | "failed";
  httpStatus: number | null;
  errorMessage: string | null;
  /** Whether it ends the row before the request's end is known: that may be settled in its place. */
  givenUp: boolean;
  generationId: string | null;
  /** In OpenRouter's credits, a decimal string; "0": nothing was billed; null: not known yet. */
  cost: string | null;
  costSource: "response" | "generation" | null;
  firstByteMs: number | null;
  /** Whether its Idempotency-Key may be used again: docs/protocol.md, "Idempotency". */
  mayBeRepeated: boolean;
}

/** The cost of a request whose row has ended without. */
export interface KnownCost extends KnownUsage {
  /** The row: by its id and the time that admit_request returned, or by a generation or job of a DID. */
  row: { requestId: string; requestTime: string } | { did: string; generationId: string };
  /** In OpenRouter's credits, a decimal string. */
  cost: string;
  costSource: "response" | "generation" | "reconciliation";
}

/** What became of a settlement. */
export interface Settled {
  /** Whether the row took it. */
  settled: boolean;
  /** What the row costs now, in USD, a decimal string; null: not known. */
  totalCostUsd: string | null;
  /** The names of what Postgres refused and was left out, for operators; null: nothing. */
  leftOut: string | null;
  /** Whether a budget has reached a threshold by it, so that there is an alert to deliver. */
  isAlerted: boolean;
}

/** What settle_request takes: the members of the composite type `settlement`. */
export function settlementMembers(settlement: Settlement) {
  return {
    request_id: settlement.requestId,
    request_time: settlement.requestTime,
    status: settlement.status,
    http_status: settlement.httpStatus,
    error_message: settlement.errorMessage,
    given_up: settlement.givenUp,
    generation_id: settlement.generationId,
    cost: settlement.cost,
    cost_source: settlement.costSource,
    first_byte_ms: settlement.firstByteMs,
    may_be_repeated: settlement.mayBeRepeated,
    ...usageMembers(settlement),
  };
}

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

/**
 * @param told what settle_request returned
 * @throws {StoreUnavailable} for what it does not return
 */
export function settledOf(told: unknown): Settled {
  const answer = (told ?? {}) as {
    settled: boolean;
    total_cost: string | null;
    left_out: string | null;
    alerted?: boolean;
  };
  if (typeof answer.settled !== "boolean") throw unusableAnswer("settle_request");
  return {
    settled: answer.settled,
    totalCostUsd: answer.total_cost,
    leftOut: answer.left_out,
    isAlerted: answer.alerted === true,
  };
}

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function settlementCalls(call: StoreCall) {
  return {
    /**
     * Ends the row of a request whose admission was not heard of.
     *
     * @returns whether there is such a row; false may only mean that its admission is still under way
     */
    async withdraw(requestId: string): Promise<boolean> {
      return await call("withdraw_request", { p_request_id: requestId }) as boolean;
    },

    /**
     * Deletes the pending row of a call on a path that OpenRouter does not have, with its Idempotency-Key.
     *
     * @param requestTime as admit_request returned it
     * @returns whether there was one; a row that has ended stays as it is
     */
    async discard(requestId: string, requestTime: string): Promise<boolean> {
      return await call("discard_request", {
        p_request_id: requestId,
        p_request_time: requestTime,
      }) as boolean;
    },
  };
}
