/**
 * Keeps admissions from waiting for a store that does not answer: once several calls in a row have
 * timed out, others fail at once, but for one at a time that finds out whether it answers again.
 */

export interface StoreBreaker {
  /** Whether the store is not asked now: what would have to wait for its turn need not. */
  isOpen(): boolean;
  /**
   * @param call what is asked of the store
   * @throws whatever `call` throws, and `unavailable()` where the store is not asked
   */
  run<T>(call: () => Promise<T>): Promise<T>;
}

/** So many in a row are no accident. */
const TIMEOUTS_IN_A_ROW = 3;

/**
 * @param timeoutMs how long a call took that timed out
 * @param now milliseconds on any steady clock
 * @param unavailable makes the error of a call that is not made
 */
export function storeBreaker(
  timeoutMs: number,
  now: () => number,
  unavailable: () => Error,
): StoreBreaker {
  let timeouts = 0;
  let isProbing = false;

  const haveTimedOut = () => timeouts >= TIMEOUTS_IN_A_ROW;
  const isOpen = () => haveTimedOut() && isProbing;

  return {
    isOpen,

    async run(call) {
      if (isOpen()) throw unavailable();
      const isProbe = haveTimedOut();
      isProbing = isProbe;
      const startedAt = now();
      try {
        const answer = await call();
        timeouts = 0;
        return answer;
      } catch (error) {
        // A quick refusal costs nobody time.
        timeouts = now() - startedAt >= timeoutMs ? timeouts + 1 : 0;
        throw error;
      } finally {
        if (isProbe) isProbing = false;
      }
    },
  };
}
