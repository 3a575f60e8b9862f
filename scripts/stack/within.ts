/** Bounded waiting. */

/** Waits at most `ms`; whether the promise was kept in time. */
export async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const { promise: expired, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(resolve, ms, false);
  try {
    return await Promise.race([promise.then(() => true), expired]);
  } finally {
    clearTimeout(timer);
  }
}
