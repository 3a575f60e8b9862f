/**
 * Time-outs for what comes from outside. Making a timer costs a call as much as a read of its answer,
 * so that there is one for all that wait equally long. It stays while anybody waits, for whoever waits
 * as long next; while nobody does, there is none.
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
  /** Not there while nobody waits; it may be earlier than the first is due. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** By their length in milliseconds, of which there are a few: constants, and what is configured. */
const queues = new Map<number, Queue>();
/** In all of them. */
let waiting = 0;

/**
 * Runs this after so many milliseconds. Where this process stood still over it (a paused container, a
 * computer asleep), or was too busy to look, what came meanwhile is read first: there is a second for it.
 *
 * @returns what takes it back
 */
export function awakeTimeout(run: () => void, ms: number): () => void {
  const dueMs = performance.now() + ms;
  const wait: Wait = { run, dueMs, graceUntilMs: null, isTakenBack: false };
  const queue = queues.get(ms) ?? newQueue(ms);
  queue.waits.add(wait);
  waiting++;
  queue.timer ??= timerFor(queue, wait, ms);
  return () => takeBack(queue, wait);
}

function newQueue(ms: number): Queue {
  const queue: Queue = { waits: new Set(), timer: undefined };
  queues.set(ms, queue);
  return queue;
}

function timerFor(queue: Queue, wait: Wait, inMs: number): Queue["timer"] {
  return setTimeout(() => runDue(queue, wait), inMs);
}

function takeBack(queue: Queue, wait: Wait): void {
  wait.isTakenBack = true;
  if (queue.waits.delete(wait)) waitNoMore(1);
}

function waitNoMore(howMany: number): void {
  waiting -= howMany;
  if (waiting === 0) queues.forEach(clearTimer);
}

function clearTimer(queue: Queue): void {
  clearTimeout(queue.timer);
  queue.timer = undefined;
}

/**
 * Runs whoever is due, and sets the timer of who is next.
 *
 * @param timed whose timer this is: the clock may be a little behind it
 */
function runDue(queue: Queue, timed: Wait): void {
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
  queue.timer = next === null ? undefined : timerFor(queue, next.wait, next.atMs - nowMs);
  waitNoMore(due.length);
  for (const wait of due) if (!wait.isTakenBack) wait.run();
}
