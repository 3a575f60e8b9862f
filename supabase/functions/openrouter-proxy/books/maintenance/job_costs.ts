/**
 * What a job of `/videos` cost. It is asked for with the DID's own key: a job belongs to the keys of a
 * workspace, and the management key, which makes no calls, does not read it.
 *
 * Source: openrouter.md, "Where usage sits, by endpoint".
 */
import { VaultError } from "../../accounts/key_vault.ts";
import { isObject } from "../../bytes/encodings.ts";
import {
  costOfJob,
  nothingObserved,
  observe,
  type Observed,
  observeGeneration,
} from "../../metering/usage.ts";
import type { Management } from "../../openrouter/management.ts";
import { ManagementError } from "../../openrouter/management_call.ts";
import { readJob } from "../../openrouter/told_costs.ts";
import type { Store } from "../../store/store.ts";
import type { UnpricedRequest } from "../../store/late_costs.ts";
import type { Turn } from "./turn.ts";

export interface JobCostsDeps {
  store: Pick<Store, "encryptedKeyOf">;
  management: Pick<Management, "generation">;
  vault: { open(did: string, envelope: string): Promise<string> };
  /** OpenRouter's API without a trailing slash. */
  openrouterUrl: string;
  fetch: typeof globalThis.fetch;
}

/**
 * Resolves to what is known of a job; null, or a null cost: it is not charged yet, or nobody knows.
 *
 * @throws {TurnIsOver}
 */
export type JobCosts = (row: UnpricedRequest, turn: Turn) => Promise<Observed | null>;

export function createJobCosts(deps: JobCostsDeps): JobCosts {
  const { store, management, vault, openrouterUrl, fetch } = deps;

  return async ({ did, generationId }, turn) => {
    const envelope = await store.encryptedKeyOf(did);
    if (envelope === null) return null;
    let job: unknown;
    try {
      const apiKey = await vault.open(did, envelope);
      job = await turn.ask(() => readJob(openrouterUrl, apiKey, fetch, generationId));
    } catch (error) {
      // A key that OpenRouter no longer takes is replaced by the DID's next call; one that cannot be
      // opened keeps nobody else's job waiting.
      if (error instanceof ManagementError || error instanceof VaultError) return null;
      throw error;
    }
    const observed = nothingObserved();
    observe(observed, job);
    observed.cost = costOfJob(observed);
    if (!isObject(job) || observed.cost !== null) return observed;
    // Done, and silent about its usage: its generation is not.
    if (job.status === "completed" && typeof job.generation_id === "string") {
      const { generation_id: id } = job;
      observeGeneration(observed, await turn.ask(() => management.generation(id)));
    }
    return observed;
  };
}
