/** A fetch that waits out OpenRouter's bad moments. */
import { oneLine } from "../command.ts";
import { retryAfterMs } from "../../supabase/functions/openrouter-proxy/http/retry_after.ts";

/** How long one attempt may take. */
const ATTEMPT_TIMEOUT_MS = 20_000;
/** Waits before another attempt where OpenRouter does not say how long. */
const RETRY_DELAYS_MS = [1_000, 2_000, 4_000, 8_000, 16_000];
/** The longest Retry-After that is obeyed; a longer one is a refusal. */
const LONGEST_WAIT_MS = 120_000;

export interface PatientFetchDeps {
  fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Told before each wait, e.g. `OpenRouter answered 429; waiting 7 s`. */
  onWait: (message: string) => void;
}

/**
 * Repeats a request after 429, 5xx or no answer, a bounded number of times; then its last answer, or
 * error, is the result. For requests that may be repeated: reading, changing and deleting keys, not
 * making them.
 */
export function patientFetch(
  { fetch, now, sleep, onWait }: PatientFetchDeps,
): typeof globalThis.fetch {
  return async (input, init) => {
    for (const delayMs of RETRY_DELAYS_MS) {
      let waitMs = delayMs;
      let happened: string;
      try {
        const response = await attempt();
        if (response.status !== 429 && response.status < 500) return response;
        // Whoever asks to wait for no time, or until a time that our clock has passed, is not pressed.
        waitMs = retryAfterMs(response.headers.get("retry-after"), now()) || delayMs;
        if (waitMs > LONGEST_WAIT_MS) return response;
        happened = `answered ${response.status}`;
        await response.body?.cancel();
      } catch (error) {
        happened = `did not answer (${oneLine(error)})`;
      }
      onWait(`OpenRouter ${happened}; waiting ${Math.ceil(waitMs / 1000)} s`);
      await sleep(waitMs);
    }
    return await attempt();

    // The caller's signal counts from the first attempt: each one has a time of its own instead.
    function attempt() {
      return fetch(input, { ...init, signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS) });
    }
  };
}
