/** The costs of rows that have ended without, and the rows that OpenRouter is asked about. */
import type { StoreCall } from "./rpc.ts";
import { costMembers, type KnownCost } from "./settlement.ts";

/** An ended row with a generation or a job, and no cost. */
export interface UnpricedRequest {
  requestId: string;
  requestTime: string;
  did: string;
  endpoint: string;
  generationId: string;
}

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function lateCostCalls(call: StoreCall) {
  return {
    /**
     * Books the cost of a row that has ended without, once, and fills in what else it lacks.
     *
     * @returns false: there is no such row, or its cost is known
     */
    async bookCost(known: KnownCost): Promise<boolean> {
      return await call("book_cost", { p_cost: costMembers(known) }) as boolean;
    },

    /** Books costs of rows that have ended without, once each. @returns how many of them */
    async bookCosts(known: KnownCost[]): Promise<number> {
      return await call("book_costs", { p_costs: known.map(costMembers) }) as number;
    },

    /** Claims rows to ask OpenRouter what they cost. @returns also how many could be claimed besides */
    async claimUnpriced(limit: number): Promise<{ requests: UnpricedRequest[]; left: number }> {
      const { requests, left } = await call("claim_unpriced_requests", { p_limit: limit }) as {
        requests: Record<string, string>[];
        left: number;
      };
      return {
        requests: requests.map((row) => ({
          requestId: row.request_id!,
          requestTime: row.request_time!,
          did: row.did!,
          endpoint: row.endpoint!,
          generationId: row.generation_id!,
        })),
        left,
      };
    },

    /** Gives claims back that were not used. */
    async giveBackUnpriced(requests: UnpricedRequest[]): Promise<void> {
      await call("give_back_unpriced_requests", {
        p_requests: requests.map(({ requestId, requestTime }) => ({
          request_id: requestId,
          request_time: requestTime,
        })),
      });
    },
  };
}
