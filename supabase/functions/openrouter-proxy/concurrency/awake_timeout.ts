/**
 * Time-outs for what comes from outside. Making a timer costs a call as much as a read of its answer,
 * so that there is one for all that wait equally long, and none while nobody waits.
 */

/** Later than this is a timer only where its process stood still, or was as busy as that. */
const LATE_MS = 1_000;

interface Wait {
  run(): void;
  /** On the clock of `performance.now`. */
  dueMs: number;
  /** Until when what came over a standstill is read first; null: there was none. */
  graceUntilMs: number | null;
  isTakenBack: boolean;
}

/** Those that wait equally long: who comes first is due first. */
interface Queue {
  waits: Set<Wait>;
  timer: ReturnType<typeof setTimeout>;
}

/** By their length in milliseconds. */
const queues = new Map<number, Queue>();

/**
 * Runs this after so many milliseconds. Where this process stood still over it (a paused container, a
 * computer asleep), or was too busy to look, what came meanwhile is read first: there is a second for it.
 *
 * @returns what takes it back
 */
export function awakeTimeout(run: () => void, ms: number): () => void {
  const dueMs = performance.now() + ms;
  const wait: Wait = { run, dueMs, graceUntilMs: null, isTakenBack: false };
  const queue = queues.get(ms);
  if (queue !== undefined) queue.waits.add(wait);
  else queues.set(ms, { waits: new Set([wait]), timer: timerFor(wait, ms, ms) });
  return () => takeBack(wait, ms);
}

function timerFor(wait: Wait, inMs: number, ms: number): Queue["timer"] {
  return setTimeout(() => runDue(wait, ms), inMs);
}

function takeBack(wait: Wait, ms: number): void {
  wait.isTakenBack = true;
  const queue = queues.get(ms);
  if (queue === undefined || !queue.waits.delete(wait) || queue.waits.size > 0) return;
  clearTimeout(queue.timer);
  queues.delete(ms);
}

/**
 * Runs whoever is due, and sets the timer of who is next.
 *
 * @param timed whose timer this is: the clock may be a little behind it
 */
function runDue(timed: Wait, ms: number): void {
  const queue = queues.get(ms)!;
  const { waits } = queue;
  const nowMs = performance.now();
  const due: Wait[] = [];
  let next: { wait: Wait; atMs: number } | null = null;
  for (const wait of waits) {
    const isLate = nowMs - wait.dueMs >= LATE_MS && wait.graceUntilMs === null;
    if (isLate) wait.graceUntilMs = nowMs + LATE_MS;
    const atMs = wait.graceUntilMs ?? wait.dueMs;
    if (atMs <= nowMs || (wait === timed && !isLate)) {
      due.push(wait);
      waits.delete(wait);
      continue;
    }
    if (next === null || atMs < next.atMs) next = { wait, atMs };
    // Those behind it are due later still.
    if (wait.dueMs > nowMs) break;
  }
  if (next === null) queues.delete(ms);
  else queue.timer = timerFor(next.wait, next.atMs - nowMs, ms);
  for (const wait of due) if (!wait.isTakenBack) wait.run();
}
