/** The search for calls that OpenRouter charged and no row says anything of. */
import type { StoreCall } from "./rpc.ts";
import { type KnownUsage, usageMembers } from "./settlement.ts";

/** A DID whose calls are to be looked for, because OpenRouter has charged more than is booked. */
export interface CostSearch {
  did: string;
  keyHashes: string[];
  /** Since when they may have been made, in milliseconds since the epoch. */
  fromMs: number;
}

/** A generation that is booked, and the span of time in which its request ran, a little widened. */
export interface RanGeneration {
  id: string;
  fromMs: number;
  toMs: number;
}

/** What OpenRouter made for one request that no row says anything of. */
export interface FoundCall extends KnownUsage {
  did: string;
  /** Costs in OpenRouter's credits, decimal strings. */
  generations: { id: string; cost: string; upstreamCost: string | null }[];
  createdAt: Date;
  /** Null: not known. */
  endpoint: string | null;
  streaming: boolean;
}

/** What became of it: see adopt_generation. */
export type Adoption = "adopted" | "own_row" | "known" | "pending" | "exceeds" | "no_row";

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function lostCallCalls(call: StoreCall) {
  return {
    /** Claims DIDs that OpenRouter has charged more than is booked. */
    async claimCostSearches(limit: number): Promise<{ searches: CostSearch[]; left: number }> {
      const { searches, left } = await call("claim_cost_searches", { p_limit: limit }) as {
        searches: { did: string; keys: string[]; from: string }[];
        left: number;
      };
      return {
        searches: searches.map(({ did, keys, from }) => ({
          did,
          keyHashes: keys,
          fromMs: Date.parse(from),
        })),
        left,
      };
    },

    /** Notes up to when a search has looked where it broke off; null: it has come to its end. */
    async endCostSearch(did: string, searchedTo: Date | null): Promise<void> {
      await call(
        "end_cost_search",
        { p_did: did, p_searched_to: searchedTo?.toISOString() ?? null } as never,
      );
    },

    /** Of these generations of a DID, those whose cost is not in the books. */
    async unbookedGenerations(did: string, ids: string[]): Promise<string[]> {
      return await call("unbooked_generations", {
        p_did: did,
        p_generation_ids: ids,
      }) as string[];
    },

    /** The generations of a DID's requests whose answers told the sum of their costs, and when they ran. */
    async generationsWithSums(did: string, from: Date, to: Date): Promise<RanGeneration[]> {
      const rows = await call("generations_with_sums", {
        p_did: did,
        p_from: from.toISOString(),
        p_to: to.toISOString(),
      }) as { generation_id: string; from: string; to: string }[];
      return rows.map(({ generation_id, from, to }) => ({
        id: generation_id,
        fromMs: Date.parse(from),
        toMs: Date.parse(to),
      }));
    },

    /** Notes generations whose cost is in the sum that the answer to their request told. */
    async noteParts(did: string, ids: string[]): Promise<void> {
      await call("note_parts", { p_did: did, p_generation_ids: ids });
    },

    /**
     * Books generations that no row has, once.
     *
     * @param anyRow whether a lost row of another model will do, and a new one, too
     */
    async adoptGeneration(found: FoundCall, anyRow: boolean): Promise<Adoption> {
      return await call("adopt_generation", {
        p_found: {
          did: found.did,
          generations: found.generations.map(({ id, cost, upstreamCost }) => ({
            id,
            cost,
            upstream_cost: upstreamCost,
          })),
          created_at: found.createdAt.toISOString(),
          endpoint: found.endpoint,
          streaming: found.streaming,
          ...usageMembers(found),
        },
        p_any_row: anyRow,
      }) as Adoption;
    },
  };
}
