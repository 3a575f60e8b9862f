/** Waiting for what happens in another process. */
import { setTimeout as sleep } from "node:timers/promises";

/** Far beyond what anything takes here: the end of hope for a test that fails, never a sleep. */
const GIVE_UP_AFTER_MS = 120_000;
const POLL_MS = 20;

/**
 * Polls a condition until it holds.
 *
 * @param what completes the sentence "gave up waiting for …"
 * @param condition gives what is waited for, and null, undefined or false while it is not there
 * @returns what the condition gave
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
): Promise<Exclude<Awaited<T>, null | undefined | false>> {
  const deadline = performance.now() + GIVE_UP_AFTER_MS;
  while (true) {
    const value = await condition();
    if (value !== null && value !== undefined && value !== false) {
      return value as Exclude<Awaited<T>, null | undefined | false>;
    }
    if (performance.now() > deadline) throw new Error(`gave up waiting for ${what}`);
    await sleep(POLL_MS);
  }
}
