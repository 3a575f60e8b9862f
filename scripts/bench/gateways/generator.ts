/** Runs a load in a process of its own, and tells what it cost those who answered. */
import type { Load, LoadResult } from "./load.ts";
import { cpuTimeMs, peakMemoryMb, resetPeakMemory } from "./processes.ts";

export interface Cost {
  /** Of all their processes, in milliseconds of one core. */
  cpuMsPerCall: number;
  /** The most that the first of them held, in MB. */
  peakMemoryMb: number;
}

/** @param pids the processes that answer, the gateway's own first */
export async function runLoad(load: Load, pids: number[]): Promise<LoadResult & Cost> {
  await resetPeakMemory(pids[0]!);
  const cpuBefore = await cpuTimeMs(pids);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("load.ts", import.meta.url).href],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writing = new Blob([JSON.stringify(load)]).stream().pipeTo(child.stdin);
  const [{ stdout, success }] = await Promise.all([child.output(), writing]);
  if (!success) throw new Error("the load ended early");
  const result: LoadResult = JSON.parse(new TextDecoder().decode(stdout));
  return {
    ...result,
    cpuMsPerCall: (await cpuTimeMs(pids) - cpuBefore) / Math.max(1, result.calls),
    peakMemoryMb: await peakMemoryMb(pids[0]!),
  };
}
