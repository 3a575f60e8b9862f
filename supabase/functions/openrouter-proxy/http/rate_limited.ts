/** What answers say of a rate: the headers, and the refusal. */
import { GatewayError } from "../errors.ts";
import type { AnswerStep } from "./around_routes.ts";

/** A rate, as the answer to a request that counts tells it. */
export interface Rate {
  /** How many requests are taken at once, and within each minute. */
  limit: number;
  /** How many would be taken now. */
  remaining: number;
  /** Whole seconds until `limit` would be taken again. */
  resetSeconds: number;
}

/** As Postgres tells it. @param resetMs milliseconds until `limit` would be taken again */
export function inSeconds(
  { limit, remaining, resetMs }: { limit: number; remaining: number; resetMs: number },
): Rate {
  return { limit, remaining, resetSeconds: Math.ceil(resetMs / 1000) };
}

export interface RateRefusal extends Rate {
  /** Whose rate it is: the caller's, everybody's, or that of OpenRouter's free models. */
  scope: "did" | "gateway" | "free_models";
  /** Seconds after which one request passes; a part of one counts whole, and none as 1. */
  retryAfterSeconds: number;
  message: string;
}

/** The 429 `rate_limited` of docs/protocol.md, "Errors of the gateway itself". */
export function rateLimited(
  { scope, message, retryAfterSeconds, ...rate }: RateRefusal,
): GatewayError {
  const retryAfter = Math.max(1, Math.ceil(retryAfterSeconds));
  return new GatewayError("rate_limited", message, {
    details: { scope },
    headers: { ...headersOf(rate), "retry-after": String(retryAfter) },
  });
}

/**
 * Tells of the rate that a request counted in, unless its answer tells of another one, and of what is
 * left of the budgets.
 */
export const tellLimits: AnswerStep = (c) => {
  const { headers } = c.res;
  const remainingUsd = c.get("remainingUsd");
  if (remainingUsd !== undefined) headers.set("x-budget-remaining-usd", remainingUsd);
  const rate = c.get("rate");
  if (rate === undefined || headers.has("ratelimit-limit")) return;
  const told = headersOf(rate);
  for (const name in told) headers.set(name, told[name]!);
};

function headersOf({ limit, remaining, resetSeconds }: Rate): Record<string, string> {
  return {
    "ratelimit-limit": String(limit),
    "ratelimit-remaining": String(remaining),
    "ratelimit-reset": String(resetSeconds),
  };
}
