/** The gateway's memory while it is at work, and whether it grows. */
import type { GatewayProcess } from "../../supabase/functions/tests/harness/gateway_process.ts";
import { heldMb } from "../../supabase/functions/tests/harness/memory.ts";

export interface MemorySample {
  /** Milliseconds since the epoch. */
  atMs: number;
  pid: number;
  /** In use without garbage, in megabytes. */
  liveMb: number;
  /** All that the process holds, in megabytes. */
  rssMb: number;
}

/** Takes a sample; null where the process has just ended. */
export async function sampleMemory(
  gateway: Pick<GatewayProcess, "pid" | "memoryUrl">,
): Promise<MemorySample | null> {
  try {
    const { live, rss } = await heldMb(gateway);
    return { atMs: Date.now(), pid: gateway.pid, liveMb: live, rssMb: rss };
  } catch {
    return null;
  }
}

export interface Growth {
  /** Medians of the first and of the last half of the samples, in megabytes. */
  fromMb: number;
  toMb: number;
}

/** How one figure has changed; null: there are too few samples, or they are of several processes. */
export function growthOf(
  samples: readonly MemorySample[],
  figure: (sample: MemorySample) => number,
): Growth | null {
  if (samples.length < 8 || new Set(samples.map(({ pid }) => pid)).size > 1) return null;
  const middle = samples.length >> 1;
  const median = (part: readonly MemorySample[]) =>
    part.map(figure).sort((a, b) => a - b)[part.length >> 1]!;
  return { fromMb: median(samples.slice(0, middle)), toMb: median(samples.slice(middle)) };
}
