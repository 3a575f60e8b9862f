/**
 * Ended rows whose generation is known and whose cost is not are priced by what OpenRouter says.
 *
 * The management key reads every generation of the account, those of keys that were replaced or deleted
 * since, too (openrouter.md, "GET /generation").
 */
import { nothingObserved, observeGeneration } from "../../metering/usage.ts";
import type { Management } from "../../openrouter/management.ts";
import type { Store } from "../../store/store.ts";
import type { KnownCost } from "../../store/settlement.ts";
import type { UnpricedRequest } from "../../store/late_costs.ts";
import { knownUsage } from "../known_usage.ts";
import { AT_A_TIME, type Job } from "./job.ts";
import type { JobCosts } from "./job_costs.ts";
import { inParallel, type Turn } from "./turn.ts";

export interface UnpricedRowsDeps {
  store: Pick<Store, "claimUnpriced" | "giveBackUnpriced" | "bookCosts">;
  management: Pick<Management, "generation">;
  jobCosts: JobCosts;
  /** US dollars in one of OpenRouter's credits, a decimal string. */
  usdPerCredit: string;
}

/** Few enough that little is claimed in vain when OpenRouter is down. */
const CLAIMED_AT_A_TIME = 64;

export function createUnpricedRows(deps: UnpricedRowsDeps): Job {
  const { store, management, jobCosts, usdPerCredit } = deps;

  async function priceOf(row: UnpricedRequest, turn: Turn) {
    if (row.endpoint === "/videos") {
      return { costSource: "response" as const, observed: await jobCosts(row, turn) };
    }
    const generation = await turn.ask(() => management.generation(row.generationId));
    const observed = nothingObserved();
    observeGeneration(observed, generation);
    return { costSource: "generation" as const, observed };
  }

  return async (turn) => {
    let done = 0;
    let unknown = 0;
    while (true) {
      const { requests, left } = await store.claimUnpriced(CLAIMED_AT_A_TIME);
      const known: KnownCost[] = [];
      const notAsked = new Set(requests);
      try {
        await inParallel(requests, AT_A_TIME, turn, async (row) => {
          const { requestId, requestTime } = row;
          const price = await priceOf(row, turn).catch(turn.passOver({ request_id: requestId }));
          // One that is passed over waits as long as one whose cost is not known yet.
          notAsked.delete(row);
          if (price === null) return;
          const { observed, costSource } = price;
          if (observed === null || observed.cost === null) unknown++;
          else {
            known.push({
              ...knownUsage(observed, usdPerCredit),
              row: { requestId, requestTime },
              cost: observed.cost,
              costSource,
            });
          }
        });
      } finally {
        // Where the job fails, too: what was learnt is learnt, and what was not asked need not wait.
        if (known.length > 0) done += await store.bookCosts(known);
        if (notAsked.size > 0) await store.giveBackUnpriced([...notAsked]);
      }
      if (turn.stopped() !== null || requests.length === 0) {
        return { done, left: left + notAsked.size, details: { unknown } };
      }
    }
  };
}
