/** Each DID's booked costs are compared with what OpenRouter says that its keys have spent. */
import { type Analytics, reachOfAnalytics } from "../../openrouter/analytics.ts";
import type { Management } from "../../openrouter/management.ts";
import type { Store } from "../../store/store.ts";
import type { CostComparison, KeyReading } from "../../store/cost_comparison.ts";
import { AT_A_TIME, type Job } from "./job.ts";
import { inParallel, type Turn } from "./turn.ts";

export interface ComparisonDeps {
  store: Pick<Store, "claimCostChecks" | "compareCosts">;
  management: Pick<Management, "keyUsage">;
  analytics: Pick<Analytics, "spent">;
  usdPerCredit: string;
  /** Milliseconds since the epoch. */
  now: () => number;
}

const CLAIMED_AT_A_TIME = 200;

export function createComparison(deps: ComparisonDeps): Job {
  const { store, management, analytics, usdPerCredit, now } = deps;

  async function read(hash: string, turn: Turn): Promise<KeyReading> {
    const key = await turn.ask(() => management.keyUsage(hash));
    if (key !== null) return { hash, ...key, isGone: false };
    const usage = await turn.ask(() => analytics.spent(hash, reachOfAnalytics(now())));
    return { hash, usage, byokUsage: null, isGone: true };
  }

  async function compare(did: string, keys: string[], turn: Turn): Promise<CostComparison> {
    const beganMs = now();
    const readings: KeyReading[] = [];
    for (const hash of keys) readings.push(await read(hash, turn));
    return await store.compareCosts(did, usdPerCredit, readings, now() - beganMs);
  }

  return async (turn) => {
    const states: Record<CostComparison, number> = { equal: 0, differs: 0, busy: 0, unknown: 0 };
    let done = 0;
    let claimed = 0;
    while (true) {
      const { checks, left } = await store.claimCostChecks(CLAIMED_AT_A_TIME);
      claimed += checks.length;
      await inParallel(checks, AT_A_TIME, turn, async ({ did, keys }) => {
        // A DID that is passed over is due again in the next run.
        const state = await compare(did, keys, turn).catch(turn.passOver({ did }));
        if (state === null) return;
        states[state]++;
        done++;
      });
      if (turn.stopped() !== null || checks.length < CLAIMED_AT_A_TIME) {
        return { done, left: left + claimed - done, details: states };
      }
    }
  };
}
