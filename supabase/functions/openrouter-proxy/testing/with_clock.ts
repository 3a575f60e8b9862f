/** Tests of what looks at the clock by setInterval and performance.now. */

/**
 * Runs a test whose time passes only when it says so: `pass(ms)` lets the one interval that runs look
 * at its clock, as often as it would by itself and once at the end; `freeze(ms)` not before the end.
 * `intervalMs()` is how often it would; null: none runs.
 */
export async function withClock(
  test: (
    pass: (ms: number) => void,
    intervalMs: () => number | null,
    freeze: (ms: number) => void,
  ) => void | Promise<void>,
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
  function freeze(passed: number) {
    ms += passed;
    running?.tick();
  }
  function pass(passed: number) {
    let left = passed;
    while (running !== null && left > running.everyMs) {
      left -= running.everyMs;
      freeze(running.everyMs);
    }
    freeze(left);
  }
  try {
    await test(pass, () => running?.everyMs ?? null, freeze);
  } finally {
    Object.assign(globalThis, { setInterval, clearInterval });
    performance.now = now;
  }
}
