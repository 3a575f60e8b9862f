/**
 * What the list of prices says that a model may cost at most.
 *
 * Source: docs/openrouter.md, "Prices".
 */
import type { PriceBound, PriceBounds } from "./bounds.ts";
import type { Charges } from "./calls.ts";
import { isFreeName } from "./model_names.ts";
import type { ListedModel, PriceName, PriceOverride } from "./price_list.ts";
import { MAX_USES } from "./server_tools.ts";

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

/** Models that search the web whatever is asked of them, once or, for a long report, as often as others may. */
const SEARCHES_UNASKED = /^perplexity\/|-search-preview\b|-deep-research\b/i;
const SEARCHES_OFTEN = /-deep-research\b/i;

/** What a model's own searches cost that nothing in the request asks for. */
export function searchedUnasked({ id, prices }: ListedModel): bigint {
  if (!SEARCHES_UNASKED.test(id)) return 0n;
  return (prices.web_search ?? 0n) * BigInt(SEARCHES_OFTEN.test(id) ? MAX_USES : 1);
}

/** Whether a prompt may be charged as written to a cache though nothing in the request asks for it. */
export function writesUnasked({ id }: ListedModel): boolean {
  return !WRITTEN_WHERE_MARKED.test(id);
}

/** Zero says nothing but of free models: some are priced elsewhere. */
export function isPriced({ prices, isRouter }: ListedModel, charges: Charges): boolean {
  if (isRouter) return false;
  const names = PRICED_BY[charges];
  for (let i = 0; i < names.length; i++) {
    if ((prices[names[i]!] ?? 0n) > 0n) return true;
  }
  return false;
}

/** A model of `:free`, or the router that chooses among those alone. */
export function isFreeOfCharge({ id, prices }: ListedModel): boolean {
  return isFreeName(id) && Object.values(prices).every((price) => price === 0n);
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
  let most = 0n;
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const bound = bounds[name as keyof PriceBounds];
    most = larger(most, bounded(prices[name] ?? 0n, bound));
    if (overrides.length > 0) most = larger(most, overriding(overrides, name, promptTokens));
  }
  return most;
}

function overriding(
  overrides: readonly PriceOverride[],
  name: PriceName,
  promptTokens: number,
): bigint {
  let most = 0n;
  for (const { fromTokens, prices } of overrides) {
    if (fromTokens <= promptTokens) most = larger(most, prices[name] ?? 0n);
  }
  return most;
}

function bounded(listed: bigint, bound: PriceBound | undefined): bigint {
  if (bound === undefined) return listed;
  return bound.isCertain ? bound.units : larger(bound.units, listed);
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
