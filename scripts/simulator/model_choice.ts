/** Which model serves a call, and in which tier. */
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { mayRun } from "./guardrails.ts";
import type { Key, Ledger } from "./ledger.ts";
import { usd } from "./money.ts";
import { findModel, type Model } from "./pricing.ts";
import { presetModel } from "./shared.ts";

/** What serves the calls that name no model: the account's default. */
const DEFAULT_MODEL = "openrouter/auto";

/**
 * The model that serves a call: the first of `model` and its fallbacks that may run; where it has a
 * variant for the `reasoning.mode` that is asked for, that one.
 *
 * @throws {ApiError} 400 with an empty model or an unknown one, 403 where the key's guardrail
 * allows none of them, 404 where it is dearer than `provider.max_price`
 */
export function modelOf({ body, ledger }: Call, key: Key): Model {
  const asked = namedIn(body);
  if (asked[0] === "") throw apiError(400, "No models provided");
  const found = asked.map((id) => {
    const model = typeof id === "string" ? meant(id, key, ledger) : undefined;
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

/** What a body names, in the order in which it is tried: ids, aliases and presets. */
function namedIn({ model, models, fallbacks, preset }: Record<string, unknown>): unknown[] {
  const others = [fallbacks].flat().map((fallback) => Object(fallback).model ?? fallback);
  const named = [model, models, others].flat().filter((id) => id !== undefined && id !== null);
  if (named.length > 0) return named;
  return [typeof preset === "string" ? `@preset/${preset}` : DEFAULT_MODEL];
}

/** `@preset/slug` is the preset's own model; in `author/slug@preset/slug` the preset sets the rest. */
function meant(id: string, key: Key, ledger: Ledger): Model | undefined {
  const [name = "", slug] = id.split("@preset/");
  return findModel(name === "" && slug !== undefined ? presetModel(slug, key, ledger) : name);
}

/** `provider.max_price` {prompt, completion}, in USD for a million tokens. */
function checkPrice(model: Model, provider: unknown): void {
  const most = Object(Object(provider).max_price) as Record<string, unknown>;
  for (const kind of ["prompt", "completion"] as const) {
    const limit = most[kind];
    if (limit === undefined || limit === null) continue;
    if (usd(model[kind]) * 1_000_000n <= priceOf(limit, `provider.max_price.${kind}`)) continue;
    throw apiError(404, `No endpoints found for ${model.id} within max_price`);
  }
}

function priceOf(value: unknown, name: string): bigint {
  try {
    return usd(String(value));
  } catch {
    throw apiError(400, `${name} must be a price`);
  }
}

/** By what the prices are multiplied: the faster tiers are twice as dear. */
export function tierOf({ model, service_tier, speed }: Record<string, unknown>): bigint {
  const isFaster = service_tier === "priority" || service_tier === "fast" || speed === "fast";
  return isFaster || /:nitro\b/.test(String(model)) ? 2n : 1n;
}
