/**
 * Calls whose generation nobody learnt are found in OpenRouter's analytics, for DIDs that OpenRouter has
 * charged more than is booked.
 */
import {
  type Analytics,
  type ListedGeneration,
  reachOfAnalytics,
  type Span,
} from "../../openrouter/analytics.ts";
import type { Store } from "../../store/store.ts";
import type { CostSearch } from "../../store/lost_calls.ts";
import type { Job } from "./job.ts";
import type { Adopt, Adoptions } from "./adoption.ts";
import { type Turn, TurnIsOver } from "./turn.ts";

export interface LostCallsDeps {
  store: Pick<Store, "claimCostSearches" | "endCostSearch" | "compareCosts">;
  analytics: Pick<Analytics, "generations">;
  adopt: Adopt;
  usdPerCredit: string;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Below this a span is not halved any more: what analytics leave out of it, they leave out. */
const SHORTEST_SPAN_MS = 1_000;

export function createLostCalls(deps: LostCallsDeps): Job {
  const { store, analytics, adopt, usdPerCredit, now } = deps;

  /**
   * What the keys made in a span of time; null: more than analytics list at once. A key of which
   * OpenRouter tells nothing is taken out: the others' calls are found all the same.
   */
  async function listed(did: string, keyHashes: Set<string>, span: Span, turn: Turn) {
    const all: ListedGeneration[] = [];
    for (const hash of keyHashes) {
      const answer = await turn.ask(() => analytics.generations(hash, span))
        .catch(turn.passOver({ did, key_hash: hash }));
      if (answer === null) keyHashes.delete(hash);
      else {
        const { listed, isWhole } = answer;
        if (!isWhole && span.toMs - span.fromMs > SHORTEST_SPAN_MS) return null;
        all.push(...listed);
      }
    }
    return all;
  }

  async function search({ did, keyHashes, fromMs }: CostSearch, turn: Turn, found: Adoptions) {
    const reach = reachOfAnalytics(now());
    const asked = new Set(keyHashes);
    /** What is still to be looked at, the earliest last. */
    const spans: Span[] = [{ ...reach, fromMs: Math.max(fromMs, reach.fromMs) }];
    for (let span = spans.pop(); span !== undefined; span = spans.pop()) {
      try {
        const generations = await listed(did, asked, span, turn);
        if (generations === null) spans.push(...halves(span));
        else await adopt(did, generations, turn, found);
      } catch (error) {
        if (error instanceof TurnIsOver) await store.endCostSearch(did, new Date(span.fromMs));
        throw error;
      }
    }
    await store.endCostSearch(did, null);
    await store.compareCosts(did, usdPerCredit, [], 0);
  }

  return async (turn) => {
    const found: Adoptions = { adopted: 0, ownRows: 0, later: 0 };
    const outcome = (left: number) => ({
      done: found.adopted + found.ownRows,
      left: left + found.later,
      details: { own_rows: found.ownRows },
    });
    while (true) {
      const { searches: [next], left } = await store.claimCostSearches(1);
      if (next === undefined) return outcome(left);
      const { did } = next;
      try {
        // The claim keeps one that is passed over from the other searches of this run.
        await search(next, turn, found).catch(turn.passOver({ did }));
      } catch (error) {
        if (error instanceof TurnIsOver) return outcome(left + 1);
        throw error;
      }
    }
  };
}

/** The later half first. */
function halves({ fromMs, toMs }: Span): Span[] {
  const middleMs = Math.floor((fromMs + toMs) / 2);
  return [{ fromMs: middleMs, toMs }, { fromMs, toMs: middleMs }];
}
