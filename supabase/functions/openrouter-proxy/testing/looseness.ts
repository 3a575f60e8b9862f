/** Where an estimate is no bound, for tests. */
import type { Asks } from "../policy/asks.ts";
import type { Catalogue } from "../policy/catalogue.ts";
import { appraise } from "../policy/estimate.ts";
import { listedUnder } from "../policy/variants.ts";

/** Why a call may cost more than its estimate. */
export type Looseness = "price_unknown" | "output_not_bounded" | "dearer_tier" | "server_tools";

/**
 * Empty: the call costs no more than the dearest estimate, at the listed prices, and where its text is
 * no denser than policy/tokens.ts supposes.
 */
export function loosenessOf(asks: Asks, catalogue: Pick<Catalogue, "find">): Looseness[] {
  const { models, estimate } = appraise(asks, catalogue);
  const listed = models.flatMap((name) => listedUnder(name, catalogue.find) ?? []);
  // What stays in the cache for longer is dearer, and the list need not say how much.
  const lacksCachePrice = asks.caching === "long" &&
    listed.some(({ model: { prices } }) =>
      prices.input_cache_write !== undefined && prices.input_cache_write_1h === undefined
    );
  const why: Record<Looseness, boolean> = {
    price_unknown: lacksCachePrice || estimate.some((amount) => "unknown" in amount),
    output_not_bounded: estimate.some((amount) => "usd_per_output_token" in amount),
    dearer_tier: listed.length > 0 && (asks.isPriority || asks.ignoresPrice) ||
      listed.some(({ isNitro, isExacto }) => isNitro || isExacto),
    server_tools: asks.serverTools.length > 0,
  };
  return (Object.keys(why) as Looseness[]).filter((name) => why[name]);
}
