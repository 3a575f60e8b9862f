/** Tests of timers that nobody needs any more. */

/** Runs this, with timers that are never due. @returns how many of them it has left */
export async function timersLeft(run: () => Promise<unknown>): Promise<number> {
  const { setTimeout, clearTimeout } = globalThis;
  const left = new Set<unknown>();
  let set = 0;
  globalThis.setTimeout = (() => {
    left.add(++set);
    return set;
  }) as unknown as typeof setTimeout;
  globalThis.clearTimeout = (timer) => void left.delete(timer);
  try {
    await run();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  return left.size;
}
