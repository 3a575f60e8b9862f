/**
 * What a call cost, asked of OpenRouter afterwards.
 *
 * Source: openrouter.md, "GET /generation": it answers 404 for about ten seconds after a call, longer
 * after an interrupted stream; "Where usage sits, by endpoint" for the jobs of `/videos`.
 */
import { isObject } from "../bytes/encodings.ts";
import { parseWithExactMoney } from "../metering/told_values.ts";

/** Waits between the attempts, in milliseconds. */
const RETRY_DELAYS_MS = [8_000, 8_000, 15_000, 30_000, 60_000];
const ATTEMPT_TIMEOUT_MS = 10_000;

export interface GenerationReader {
  /**
   * Asks with the management key, which reads what keys made that are replaced or deleted by now.
   *
   * @returns the member `data` of the answer, with exact money, or null when OpenRouter never knew it
   */
  read(generationId: string): Promise<unknown>;
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
  async function attempt(url: string, apiKey: string): Promise<unknown> {
    try {
      const response = await fetch(url, {
        headers: { authorization: `Bearer ${apiKey}` },
        redirect: "error",
        signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
      });
      const text = await response.text();
      return response.ok ? parseWithExactMoney(text) : null;
    } catch {
      // Unreachable, too slow, or no JSON: the next attempt may do better.
      return null;
    }
  }

  return {
    async read(generationId) {
      const url = `${openrouterUrl}/generation?id=${encodeURIComponent(generationId)}`;
      let known: unknown = null;
      /** Whether OpenRouter knows the cost; before that it may know the rest. */
      async function isPriced(): Promise<boolean> {
        const answer = await attempt(url, managementKey);
        const data = isObject(answer) && isObject(answer.data) ? answer.data : null;
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
    readJob: (jobId, apiKey) =>
      attempt(`${openrouterUrl}/videos/${encodeURIComponent(jobId)}`, apiKey),
  };
}
