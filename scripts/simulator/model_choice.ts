/** Which model serves a call, and in which tier. */
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { mayRun } from "./guardrails.ts";
import type { Key } from "./ledger.ts";
import { usd } from "./money.ts";
import { findModel, type Model } from "./pricing.ts";

/**
 * The model that serves a call: the first of `model` and its fallbacks that may run; where it has a
 * variant for the `reasoning.mode` that is asked for, that one.
 *
 * @throws {ApiError} 400 without a model or with an unknown one, 403 where the key's guardrail
 * allows none of them, 404 where it is dearer than `provider.max_price`
 */
export function modelOf({ body, ledger }: Call, key: Key): Model {
  const asked = [body.model, body.models].flat().filter((id) => id !== undefined);
  if (asked.length === 0 || asked[0] === "") throw apiError(400, "No models provided");
  const found = asked.map((id) => {
    const model = typeof id === "string" ? findModel(id) : undefined;
    if (model === undefined) throw apiError(400, `${id} is not a valid model ID`);
    const { mode } = Object(body.reasoning);
    return typeof mode === "string" ? findModel(`${model.id}-${mode}`) ?? model : model;
  });
  const allowed = found.find(({ id }) => mayRun(id, key, ledger));
  if (allowed !== undefined) {
    checkPrice(allowed, body.provider);
    return allowed;
  }
  const message = `Model ${found[0]!.id} is not allowed by the guardrail of this API key`;
  throw apiError(403, message, { limit_source: "openrouter_guardrail_models" });
}

/** `provider.max_price` {prompt, completion}, in USD for a million tokens. */
function checkPrice(model: Model, provider: unknown): void {
  const most = Object(Object(provider).max_price) as Record<string, unknown>;
  for (const kind of ["prompt", "completion"] as const) {
    const limit = most[kind];
    if (limit === undefined || usd(model[kind]) * 1_000_000n <= usd(String(limit))) continue;
    throw apiError(404, `No endpoints found for ${model.id} within max_price`);
  }
}

/** By what the prices are multiplied: the faster tiers are twice as dear. */
export function tierOf({ service_tier, speed }: Record<string, unknown>): bigint {
  return service_tier === "priority" || service_tier === "fast" || speed === "fast" ? 2n : 1n;
}
