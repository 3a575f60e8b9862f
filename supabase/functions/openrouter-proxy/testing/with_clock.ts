/** Tests of what looks at the clock by setInterval and performance.now. */

/**
 * Runs a test whose time passes only when it says so: `pass(ms)` lets the one interval that runs look
 * at its clock. `intervalMs()` is how often it would by itself; null: none runs.
 */
export async function withClock(
  test: (pass: (ms: number) => void, intervalMs: () => number | null) => void | Promise<void>,
): Promise<void> {
  const { setInterval, clearInterval } = globalThis;
  const { now } = performance;
  let ms = 0;
  let running: { tick: () => void; everyMs: number } | null = null;
  globalThis.setInterval = ((tick: () => void, everyMs: number) => {
    running = { tick, everyMs };
    return 1;
  }) as unknown as typeof setInterval;
  globalThis.clearInterval = (id) => {
    if (id === 1) running = null;
  };
  performance.now = () => ms;
  try {
    await test((passed) => {
      ms += passed;
      running?.tick();
    }, () => running?.everyMs ?? null);
  } finally {
    Object.assign(globalThis, { setInterval, clearInterval });
    performance.now = now;
  }
}
