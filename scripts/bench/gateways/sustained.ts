/**
 * How many streams at once a target carries: each a hundred tokens, 20 ms apart, one after the other, and
 * of a hundred streams ninety-nine last at most a tenth longer than one alone that comes straight from
 * the upstream.
 */
import { runLoad } from "./generator.ts";
import { chatBody } from "./measure.ts";
import type { Target } from "./targets.ts";

export interface Sustained {
  target: string;
  /** The most that were carried; 0: not even the fewest that were tried. */
  streams: number;
  /** With so many: how long a stream lasted, in milliseconds, and what a stream cost. */
  p50: number;
  p99: number;
  cpuMsPerCall: number;
  peakMemoryMb: number;
  generatorBusy: number;
}

const GAP_MS = 20;
const SLACK = 1.1;
const FEWEST = 16;
const MOST = 2048;
/** A step that fails once may have been the machine's fault. */
const TRIES = 2;

async function streams({ url, headers, pids }: Target, clients: number, streamMs: number) {
  return await runLoad({
    urls: [url],
    callers: [headers],
    body: chatBody(true, GAP_MS),
    clients,
    // Nobody's clients begin all at once.
    spreadMs: streamMs,
    warmUpMs: streamMs,
    measureMs: streamMs,
  }, pids);
}

/** @param start how many streams are tried first */
export async function sustained(
  targets: Target[],
  start: number,
): Promise<Sustained[]> {
  const alone = await streams(targets[0]!, 1, 3_000);
  const limitMs = alone.p50 * SLACK;
  const all: Sustained[] = [];
  for (const target of targets) {
    console.error(`streams at once: ${target.name}`);
    all.push(await mostOf(target, start, limitMs));
  }
  return all;
}

async function mostOf(target: Target, start: number, limitMs: number): Promise<Sustained> {
  let best: Sustained = {
    target: target.name,
    streams: 0,
    p50: 0,
    p99: 0,
    cpuMsPerCall: 0,
    peakMemoryMb: 0,
    generatorBusy: 0,
  };
  async function carries(clients: number): Promise<boolean> {
    for (let tries = 0; tries < TRIES; tries++) {
      const { failures, p50, p99, cpuMsPerCall, peakMemoryMb, generatorBusy } = await streams(
        target,
        clients,
        limitMs,
      );
      if (failures > 0 || p99 === 0 || p99 > limitMs) continue;
      best = {
        target: target.name,
        streams: clients,
        p50,
        p99,
        cpuMsPerCall,
        peakMemoryMb,
        generatorBusy,
      };
      return true;
    }
    return false;
  }

  let clients = start;
  if (await carries(clients)) {
    while (clients < MOST && await carries(clients * 2)) clients *= 2;
  } else {
    while (clients > FEWEST && !await carries(clients /= 2));
  }
  // Between what was carried and its double, once.
  if (best.streams > 0 && best.streams < MOST) await carries(best.streams * 1.5);
  return best;
}
