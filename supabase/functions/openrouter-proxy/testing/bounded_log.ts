/** A bounded log whose clock is a test's, and which remembers what was printed when. */
import { type BoundedLog, createLog, type LogSuccesses } from "../log/log.ts";

export interface Printed {
  atMs: number;
  line: string;
  event: Record<string, unknown>;
}

export function boundedLog(successes: LogSuccesses = 1): BoundedLog & {
  printed: Printed[];
  /** How many times it waits to print what it holds, which keeps a worker alive. */
  waits(): number;
  /** Lets time pass, and what sleeps wake. */
  pass(ms: number): Promise<void>;
} {
  let nowMs = 0;
  let sleepers: { untilMs: number; wake: () => void }[] = [];
  let waits = 0;
  const printed: Printed[] = [];
  const { log, retire } = createLog({
    print: (line) => printed.push({ atMs: nowMs, line, event: JSON.parse(line) }),
    successes,
    now: () => nowMs,
    steadyNow: () => nowMs,
    sleep: (ms) => new Promise((wake) => sleepers.push({ untilMs: nowMs + ms, wake })),
    waitUntil(waiting) {
      waits++;
      waiting.finally(() => waits--);
    },
  });
  return {
    log,
    retire,
    printed,
    waits: () => waits,
    async pass(ms) {
      const endMs = nowMs + ms;
      for (;;) {
        const next = Math.min(...sleepers.map(({ untilMs }) => untilMs));
        if (next > endMs) break;
        nowMs = next;
        const due = sleepers.filter(({ untilMs }) => untilMs <= nowMs);
        sleepers = sleepers.filter(({ untilMs }) => untilMs > nowMs);
        for (const { wake } of due) wake();
        // Whatever follows from waking has happened after this.
        await new Promise((resolve) => setTimeout(resolve));
      }
      nowMs = endMs;
    },
  };
}

/** The most lines that were printed within 10 s, whenever these begin. */
export function mostIn10s(printed: readonly Printed[]): number {
  const times = printed.map(({ atMs }) => atMs);
  return Math.max(
    0,
    ...times.map((from) => times.filter((at) => at >= from && at < from + 10_000).length),
  );
}
