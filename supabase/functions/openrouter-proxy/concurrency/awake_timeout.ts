/** Later than this is a timer only where its process stood still, or was as busy as that. */
const LATE_MS = 1_000;

/**
 * A time-out for what comes from outside. Where this process stood still over it (a paused container, a
 * computer asleep), or was too busy to look, what came meanwhile is read first: there is a second for it.
 *
 * @returns what takes it back
 */
export function awakeTimeout(run: () => void, ms: number): () => void {
  const dueMs = performance.now() + ms;
  let timer = setTimeout(() => {
    if (performance.now() - dueMs < LATE_MS) run();
    else timer = setTimeout(run, LATE_MS);
  }, ms);
  return () => clearTimeout(timer);
}
