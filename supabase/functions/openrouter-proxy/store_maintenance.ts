/** The calls of Postgres that maintenance makes, and what it works on: see books/maintenance/. */
import type { StoreCall } from "./store.ts";
import type { KnownCost, KnownUsage } from "./store_settlement.ts";
import { costMembers, usageMembers } from "./store_settlement.ts";

/** An ended row with a generation or a job, and no cost. */
export interface UnpricedRequest {
  requestId: string;
  requestTime: string;
  did: string;
  endpoint: string;
  generationId: string;
}

/** What OpenRouter says that a key has spent, in credits: decimal strings; null: it does not say. */
export interface KeyReading {
  hash: string;
  usage: string | null;
  byokUsage: string | null;
  /** Whether OpenRouter no longer has the key; `usage` is then what analytics say. */
  isGone: boolean;
}

/** How a DID's booked costs and OpenRouter's sum compare. */
export type CostComparison = "equal" | "differs" | "busy" | "unknown";

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

/** A difference that somebody should look into; USD as decimal strings, positive: not booked. */
export interface StandingDrift {
  did: string;
  drift_usd: string;
  byok_drift_usd: string | null;
  stands_since: string;
}

/** A budget, or the day's new accounts, that have reached a threshold; see docs/protocol.md, "Alerts". */
export interface BudgetAlert {
  id: string;
  scope: "did" | "gateway";
  /** Null: the gateway's own. */
  did: string | null;
  kind: "day" | "month" | "new_accounts";
  /** The UTC day, or the first day of the UTC month. */
  period_start: string;
  /** Percent of the limit. */
  threshold: 50 | 80 | 100;
  /** USD, or accounts: decimal strings. */
  limit: string;
  reached: string;
  reached_at: string;
  /** How often it was claimed, this time included. */
  attempts: number;
}

/** What became of it: see adopt_generation. */
export type Adoption = "adopted" | "own_row" | "known" | "pending" | "exceeds" | "no_row";

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function maintenanceCalls(call: StoreCall) {
  return {
    /** Takes the lease under which one maintenance runs at a time. False: another one holds it. */
    async beginMaintenance(runId: string, leaseMs: number): Promise<boolean> {
      return await call("begin_maintenance", {
        p_run_id: runId,
        p_lease: milliseconds(leaseMs),
      }) as boolean;
    },

    async endMaintenance(runId: string): Promise<void> {
      await call("end_maintenance", { p_run_id: runId });
    },

    /** Ends rows that have been pending for longer than any request can last. @returns how many */
    async expireStaleRequests(): Promise<number> {
      return await call("expire_stale_requests", {}) as number;
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

    /** Books costs of rows that have ended without, once each. @returns how many of them */
    async bookCosts(known: KnownCost[]): Promise<number> {
      return await call("book_costs", { p_costs: known.map(costMembers) }) as number;
    },

    /** Claims DIDs whose costs this run compares with OpenRouter's sums, with the hashes of their keys. */
    async claimCostChecks(
      limit: number,
    ): Promise<{ checks: { did: string; keys: string[] }[]; left: number }> {
      return await call("claim_cost_checks", { p_limit: limit }) as {
        checks: { did: string; keys: string[] }[];
        left: number;
      };
    },

    /**
     * Compares a DID's booked costs with what OpenRouter says of its keys, and keeps the difference.
     *
     * @param keys what was just read; the DID's other keys count as they were read last
     * @param readForMs how long ago the reading began
     */
    async compareCosts(
      did: string,
      usdPerCredit: string,
      keys: KeyReading[],
      readForMs: number,
    ): Promise<CostComparison> {
      const { state } = await call("compare_costs", {
        p_did: did,
        p_usd_per_credit: usdPerCredit,
        p_keys: keys.map(({ hash, usage, byokUsage, isGone }) => ({
          hash,
          usage,
          byok_usage: byokUsage,
          is_gone: isGone,
        })),
        p_read_for: milliseconds(readForMs),
      }) as { state: CostComparison };
      return state;
    },

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

    /** The differences between OpenRouter's sums and the books that have stood for an hour. */
    async standingDrifts(): Promise<StandingDrift[]> {
      return await call("standing_cost_drifts", {}) as StandingDrift[];
    },

    /** Claims alerts to deliver. @returns also how many could be claimed besides */
    async claimBudgetAlerts(limit: number): Promise<{ alerts: BudgetAlert[]; left: number }> {
      return await call("claim_budget_alerts", { p_limit: limit }) as {
        alerts: BudgetAlert[];
        left: number;
      };
    },

    /** Notes that an alert was delivered. @returns false: there is no such alert, or it was before */
    async endBudgetAlert(id: string): Promise<boolean> {
      return await call("end_budget_alert", { p_id: id }) as boolean;
    },

    /**
     * Forgets what is no longer kept, some at a time: replay keys, idempotency keys, totals of hours,
     * alerts. Adds the totals of all DIDs up. @returns how much it forgot
     */
    async purge(): Promise<number> {
      const messages = await call("purge_accepted_messages", {}) as number;
      const keys = await call("purge_idempotency_keys", {}) as number;
      const hours = await call("purge_usage_hourly", {}) as number;
      await call("add_up_days", {});
      return messages + keys + hours + (await call("purge_budget_alerts", {}) as number);
    },
  };
}

/** An interval, as Postgres reads it. */
function milliseconds(ms: number): string {
  return `${Math.round(ms)} milliseconds`;
}
