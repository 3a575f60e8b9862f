/** A gateway's memory, as its own process tells it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { GatewayProcess } from "./gateway_process.ts";

const MEGABYTE = 1024 * 1024;
const SAMPLED_EVERY_MS = 20;

/**
 * What is in use now, in megabytes, garbage included: V8's heap, and what it holds outside, array
 * buffers above all. Supabase's Edge Runtime counts the same against a worker's limit (its `MemCheck`).
 *
 * @param gateway started as `measured`
 */
async function usedMb({ memoryUrl }: GatewayProcess): Promise<number> {
  return await told(memoryUrl);
}

/** What is in use once all garbage is collected, in megabytes. */
export async function liveMb({ memoryUrl }: GatewayProcess): Promise<number> {
  return await told(`${memoryUrl}?collect`);
}

/** Both at once, in megabytes: what is in use without garbage, and all that the process holds (RSS). */
export async function heldMb(
  { memoryUrl }: Pick<GatewayProcess, "memoryUrl">,
): Promise<{ live: number; rss: number }> {
  const { heapUsed, external, rss } = await memoryUsage(`${memoryUrl}?collect`);
  return { live: (heapUsed + external) / MEGABYTE, rss: rss / MEGABYTE };
}

/** The most that is in use at any moment of some work, in megabytes. */
export async function peakMbDuring(
  gateway: GatewayProcess,
  work: () => Promise<void>,
): Promise<number> {
  let peak = 0;
  let isOver = false;
  const sampling = (async () => {
    while (!isOver) {
      peak = Math.max(peak, await usedMb(gateway));
      await sleep(SAMPLED_EVERY_MS);
    }
  })();
  try {
    await work();
  } finally {
    isOver = true;
    await sampling;
  }
  return peak;
}

async function told(url: string): Promise<number> {
  const { heapUsed, external } = await memoryUsage(url);
  return (heapUsed + external) / MEGABYTE;
}

async function memoryUsage(url: string): Promise<Deno.MemoryUsage> {
  return await (await fetch(url)).json();
}

/**
 * The most memory that the process has held, of whatever kind, but for Deno's own program, in
 * megabytes; null where the kernel does not say it (proc(5)).
 */
export function peakPrivateMb({ pid }: GatewayProcess): number | null {
  if (Deno.build.os !== "linux") return null;
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const kilobytes = (name: string) => Number(status.match(`${name}:\\s+(\\d+) kB`)?.[1]);
  // Of the program more and more is read in; nothing of it is given back.
  return (kilobytes("VmHWM") - kilobytes("RssFile")) / 1024;
}
