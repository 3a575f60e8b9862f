/**
 * What a call cost, asked of OpenRouter afterwards.
 *
 * Source: openrouter.md, "GET /generation": it answers 404 for about ten seconds after a call, longer
 * after an interrupted stream; "Where usage sits, by endpoint" for the jobs of `/videos`.
 */
import { fewAtOnce } from "../concurrency/few_at_once.ts";
import { createManagementCall, ManagementError } from "../openrouter/management_call.ts";
import { readGeneration, readJob } from "../openrouter/told_costs.ts";

/** Waits between the attempts, in milliseconds. */
const RETRY_DELAYS_MS = [8_000, 8_000, 15_000, 30_000, 60_000];
/** A thousand streams may break at once; keys of new DIDs are asked for with the same management key. */
const MOST_AT_ONCE = 8;

export interface GenerationReader {
  /**
   * Asks with the management key, which reads what keys made that are replaced or deleted by now.
   *
   * @returns the member `data` of the answer, with exact money, or null when OpenRouter never knew it
   */
  read(generationId: string): Promise<Record<string, unknown> | null>;
  /**
   * @param apiKey a key of the job's account
   * @returns the answer of `GET /videos/{id}`, with exact money, or null when there is none now
   */
  readJob(jobId: string, apiKey: string): Promise<unknown>;
}

/**
 * @param openrouterUrl OpenRouter's API without a trailing slash
 * @param managementKey OpenRouter's
 */
export function createGenerationReader(
  openrouterUrl: string,
  managementKey: string,
  fetch: typeof globalThis.fetch,
  sleep: (ms: number) => Promise<void>,
): GenerationReader {
  const manage = createManagementCall(openrouterUrl, managementKey, fetch);
  const inTurn = fewAtOnce(MOST_AT_ONCE);
  return {
    async read(generationId) {
      let known: Record<string, unknown> | null = null;
      /** Whether OpenRouter knows the cost; before that it may know the rest. */
      async function isPriced(): Promise<boolean> {
        const data = await inTurn(() => orNull(readGeneration(manage, generationId)));
        known = data ?? known;
        return data !== null && data.total_cost !== null && data.total_cost !== undefined;
      }
      for (const delayMs of RETRY_DELAYS_MS) {
        if (await isPriced()) return known;
        await sleep(delayMs);
      }
      await isPriced();
      return known;
    },
    readJob: (jobId, apiKey) => orNull(readJob(openrouterUrl, apiKey, fetch, jobId)),
  };
}

/** Unreachable, too slow, refused, or no JSON: the next attempt may do better. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ManagementError) return null;
    throw error;
  }
}
