/** `GET /key`, `GET /credits`, `GET /models`. */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { jsonUsd } from "./money.ts";
import { MODELS } from "./pricing.ts";
import { amount, remaining, spent } from "./keys.ts";

const PURCHASED_CREDITS = 10_000;
const MODELS_ANSWER = json({
  data: MODELS.map((model) => ({
    id: model.id,
    name: model.id,
    context_length: model.contextLength,
    pricing: { prompt: model.prompt, completion: model.completion, request: "0" },
    top_provider: { max_completion_tokens: model.maxCompletionTokens },
  })),
});

/** `GET /key`: the calling key, ordinary or management; no hash. */
export function currentKey({ key, ledger }: Call): Answer {
  const total = jsonUsd(ledger.totalCost);
  const data = key === null
    ? {
      label: "sk-or-v1-man...ment",
      limit: null,
      limit_remaining: null,
      usage: total,
      usage_daily: total,
      usage_weekly: total,
      usage_monthly: total,
    }
    : {
      label: key.label,
      limit: amount(key.limit),
      limit_remaining: remaining(key, ledger),
      ...spent("usage", key.usage),
    };
  return json({ data: { ...data, is_free_tier: false, is_management_key: key === null } });
}

/** `GET /credits`. */
export function credits({ ledger }: Call): Answer {
  return json({
    data: { total_credits: PURCHASED_CREDITS, total_usage: jsonUsd(ledger.totalCost) },
  });
}

/** `GET /models`: what can be called, at which prices; public. */
export function models(): Answer {
  return MODELS_ANSWER;
}
