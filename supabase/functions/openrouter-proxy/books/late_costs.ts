/**
 * Costs that are not known when an answer ends, found while the worker lives. The row has ended by
 * then: should the worker die, maintenance finds them.
 *
 * Source: docs/openrouter.md, "GET /generation".
 */
import { decimalNumber } from "../bytes/decimal.ts";
import { nothingObserved, observeGeneration } from "../metering/usage.ts";
import type { Store } from "../store/store.ts";
import type { UnpricedRequest } from "../store/late_costs.ts";
import type { KnownCost } from "../store/settlement.ts";
import type { Entries } from "./entries.ts";
import type { GenerationReader } from "./generation_reader.ts";
import { knownUsage } from "./known_usage.ts";

export interface LateCostsDeps {
  store: Pick<Store, "bookCost">;
  generations: GenerationReader;
  entries: Entries;
  /** US dollars in one of OpenRouter's credits, a decimal string. */
  usdPerCredit: string;
  log: (event: Record<string, unknown>) => void;
}

/** Makes the function that asks for a cost until OpenRouter knows it, and books it. */
export function createLateCosts(
  { store, generations, entries, usdPerCredit, log }: LateCostsDeps,
): (request: Omit<UnpricedRequest, "endpoint">) => Promise<void> {
  return async ({ requestId, requestTime, did, generationId }) => {
    const observed = nothingObserved();
    observeGeneration(observed, await generations.read(generationId));
    if (observed.cost === null) return;
    const known: KnownCost = {
      row: { requestId, requestTime },
      ...knownUsage(observed, usdPerCredit),
      cost: observed.cost,
      costSource: "generation",
    };
    const entered = await entries.enter(did, () => store.bookCost(known), known);
    if (!entered?.answer) return;
    log({
      level: "info",
      event: "cost_found",
      request_id: requestId,
      did,
      generation_id: generationId,
      cost: decimalNumber(observed.cost),
    });
  };
}
