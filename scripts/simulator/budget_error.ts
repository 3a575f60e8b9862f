/**
 * What OpenRouter answers where a budget is used up: 402 of the account, 403 of a key or guardrail.
 *
 * Source: openrouter.md, "Errors".
 */
import { ApiError, apiError } from "./errors.ts";

/** The fault `budget`, where no guardrail says what was spent. */
const SOME_BUDGET = {
  scope: "api_key",
  limit_usd: 5,
  spend_usd: 5.0021,
  resets_at: "2030-01-01T00:00:00.000Z",
};

/** 403 `Budget limit exceeded`; a budget as `GET /key` shows it. */
export function budgetExceeded(budget: Record<string, unknown> = SOME_BUDGET): ApiError {
  const { scope, limit_usd, spend_usd, resets_at } = budget;
  const limit_source = "openrouter_guardrail_budget";
  return apiError(403, "Budget limit exceeded", {
    limit_source,
    scope,
    limit_usd,
    spend_usd,
    resets_at,
  });
}

const CREDITS_URL = "https://openrouter.ai/settings/credits";

/** 402: the fault `credits`, by its argument. */
export function insufficientCredits(source: string): ApiError {
  switch (source) {
    case "key":
      return apiError(402, undefined, {
        limit_source: "openrouter_key_limit",
        remedy_hint: "Raise the key's limit at https://openrouter.ai/settings/keys",
      });
    case "in-flight":
      return apiError(402, "Insufficient credits for the requests in flight. Retry shortly", {
        limit_source: "openrouter_in_flight_budget",
        remedy_hint: "Wait until other requests of the account have ended",
      }, { "Retry-After": "1" });
    default:
      return apiError(402, `Insufficient credits. Add more using ${CREDITS_URL}`, {
        limit_source: "openrouter_credits",
        remedy_hint: `Add credits at ${CREDITS_URL}`,
      });
  }
}
