/** Booked costs beside what OpenRouter says of a DID's keys. */
import { milliseconds, type StoreCall } from "./rpc.ts";

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

/** A difference that somebody should look into; USD as decimal strings, positive: not booked. */
export interface StandingDrift {
  did: string;
  drift_usd: string;
  byok_drift_usd: string | null;
  stands_since: string;
}

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function costComparisonCalls(call: StoreCall) {
  return {
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

    /** The differences between OpenRouter's sums and the books that have stood for an hour. */
    async standingDrifts(): Promise<StandingDrift[]> {
      return await call("standing_cost_drifts", {}) as StandingDrift[];
    },
  };
}
