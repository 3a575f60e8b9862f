/**
 * What the list of prices says that a model may cost at most.
 *
 * Source: docs/openrouter.md, "Prices".
 */
import type { PriceBound, PriceBounds } from "./bounds.ts";
import type { Charges } from "./calls.ts";
import type { ListedModel, PriceName } from "./price_list.ts";

/** Those of which one at least is more than zero where a model is priced at all. */
const PRICED_BY: Record<Charges, readonly PriceName[]> = {
  tokens: ["prompt", "completion", "request"],
  prompt: ["prompt"],
  images: ["prompt", "completion", "image_output"],
  job: [],
  other: [],
};

/**
 * Authors whose models' caches are written only where a request marks what is to be cached. Those of
 * others are written by themselves, and some charge for it: OpenAI's since GPT-5.6.
 */
const WRITTEN_WHERE_MARKED = /^(?:anthropic|google|qwen)\//i;

/** Whether a prompt may be charged as written to a cache though nothing in the request asks for it. */
export function writesUnasked({ id }: ListedModel): boolean {
  return !WRITTEN_WHERE_MARKED.test(id);
}

/** Zero says nothing but of free models: some are priced elsewhere. */
export function isPriced({ prices, isRouter }: ListedModel, charges: Charges): boolean {
  return !isRouter && PRICED_BY[charges].some((name) => (prices[name] ?? 0n) > 0n);
}

export function isFreeOfCharge({ id, prices }: ListedModel): boolean {
  return id.toLowerCase().endsWith(":free") && Object.values(prices).every((price) => price === 0n);
}

/**
 * The dearest of some prices, in units of 1e-18 USD: the ordinary ones and whatever takes their place
 * for a prompt of this length, at whatever hour.
 *
 * @param bounds what the request allows takes the place of what is listed: a provider may charge up to
 *   it, and none charges more
 */
export function dearest(
  { prices, overrides }: ListedModel,
  names: readonly PriceName[],
  promptTokens: number,
  bounds: PriceBounds,
): bigint {
  const reached = overrides.filter(({ fromTokens }) => fromTokens <= promptTokens);
  const candidates = names.flatMap((name) => [
    bounded(prices[name] ?? 0n, bounds[name as keyof PriceBounds]),
    ...reached.map((override) => override.prices[name] ?? 0n),
  ]);
  return candidates.reduce(larger, 0n);
}

function bounded(listed: bigint, bound: PriceBound | undefined): bigint {
  if (bound === undefined) return listed;
  return bound.isCertain ? bound.units : larger(bound.units, listed);
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
