/** Tests of how long somebody waits. */

/** Runs this while every wait by AbortSignal.timeout is over at once. @returns how long each was to last, in ms */
export async function withTimeouts(run: () => Promise<void>): Promise<number[]> {
  const { timeout } = AbortSignal;
  const waits: number[] = [];
  AbortSignal.timeout = (ms) => {
    waits.push(ms);
    return AbortSignal.abort(new DOMException("timed out", "TimeoutError"));
  };
  try {
    await run();
  } finally {
    AbortSignal.timeout = timeout;
  }
  return waits;
}

/** Runs this while every timer is due at once. @returns how long each was to last, in ms */
export async function withTimersDue(run: () => Promise<void>): Promise<number[]> {
  const { setTimeout, clearTimeout } = globalThis;
  const waits: number[] = [];
  const cleared = new Set<unknown>();
  globalThis.setTimeout = ((due: () => void, ms: number) => {
    const timer = waits.push(ms);
    queueMicrotask(() => cleared.has(timer) || due());
    return timer;
  }) as unknown as typeof setTimeout;
  globalThis.clearTimeout = (timer) => void cleared.add(timer);
  try {
    await run();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  return waits;
}
