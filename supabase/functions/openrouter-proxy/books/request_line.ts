/** The line that a booked request has in the log. */
import { decimalNumber } from "../bytes/decimal.ts";
import { describeError } from "../errors.ts";
import type { Settlement } from "../store/settlement.ts";

/** A request whose booking has ended. */
export interface EndedRequest {
  did: string;
  /** The path that was asked for, below the function's name. */
  route: string;
  /** The model that was asked for. */
  model: string | null;
  /** Milliseconds between the request's arrival and its end. */
  ms: number;
}

/** A settled request. */
export interface SettledRequest extends EndedRequest {
  settlement: Settlement;
  /** USD, a decimal string; null: not known. */
  totalCostUsd: string | null;
  /** Why the call broke off; null where nothing did. */
  error: Error | null;
}

/** A request whose row was discarded: OpenRouter does not have its path. */
export interface DiscardedRequest extends EndedRequest {
  requestId: string;
  httpStatus: number | null;
}

export function requestLine(request: SettledRequest): Record<string, unknown> {
  const { settlement, totalCostUsd, error } = request;
  return {
    level: settlement.status === "completed" ? "info" : "warn",
    event: "request",
    request_id: settlement.requestId,
    did: request.did,
    method: "POST",
    route: request.route,
    model: settlement.model ?? request.model,
    status: settlement.httpStatus,
    outcome: settlement.status,
    ...(settlement.errorMessage !== null && { error: settlement.errorMessage }),
    ...(error && { cause: describeError(error, true).cause }),
    input_tokens: settlement.inputTokens,
    output_tokens: settlement.outputTokens,
    cost_usd: totalCostUsd ? decimalNumber(totalCostUsd) : null,
    ms: request.ms,
  };
}

export function discardedLine(request: DiscardedRequest): Record<string, unknown> {
  return {
    level: "info",
    event: "request",
    request_id: request.requestId,
    did: request.did,
    method: "POST",
    route: request.route,
    model: request.model,
    status: request.httpStatus,
    outcome: "discarded",
    input_tokens: null,
    output_tokens: null,
    cost_usd: 0,
    ms: request.ms,
  };
}
