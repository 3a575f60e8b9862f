/** A soak: traffic while things fail, then the closing of the books, then the proof. */
import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase } from "../../supabase/functions/tests/harness/database.ts";
import type { LogLine } from "../../supabase/functions/tests/harness/gateway_process.ts";
import { oneLine } from "../command.ts";
import { requestMaintenance } from "../operator/maintenance_client.ts";
import { createRandom } from "../seed/random.ts";
import { WITHOUT_LIMITS } from "../stack/without_limits.ts";
import type { CallRecord } from "./call_record.ts";
import { closeBooks } from "./closing.ts";
import { type Evidence, readBooks } from "./evidence.ts";
import { type MemorySample, sampleMemory } from "./memory_samples.ts";
import { createSchedule, type OutageRecord, suffer } from "./outages.ts";
import { createPeople, type People, setEverybodysLimits } from "./people.ts";
import { progressLine } from "./progress.ts";
import { type Line, prove } from "./proof.ts";
import { startTraffic } from "./traffic.ts";
import { type SoakWorld, startWorld } from "./world.ts";

export interface SoakOptions {
  minutes: number;
  seed: number;
  clients: number;
  /** From the beginning of one outage to that of the next; 0: there are none. */
  outageEverySeconds: number;
  edge: boolean;
  onProgress: (message: string) => void;
  signal: AbortSignal;
}

export interface SoakReport {
  seed: number;
  minutes: number;
  isGreen: boolean;
  lines: Line[];
  /** What the lines were drawn from. */
  evidence: Evidence;
}

/**
 * Later one process lives through all, so that its memory tells something: it takes some thousand calls
 * to warm up, which it has had by the middle.
 */
const PART_WITH_NEW_GATEWAYS = 0.25;
const SAMPLE_EVERY_MS = 5_000;
const TELL_EVERY_MS = 10_000;
const MAINTAIN_EVERY_MS = 20_000;

/** Events of the gateway's log that only a bug writes. */
const BUGS = [
  "booking_failed",
  "settlement_ignored",
  "settlement_incomplete",
  "discard_ignored",
  "answer_failed",
  "uncaught_error",
  "unhandled_rejection",
];

/** @throws {StackError} where something could not be started */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { seed, minutes, edge, onProgress, signal } = options;
  const people = await createPeople();
  const { didDocuments } = people;
  await using world = await startWorld({ edge, didDocuments, onProgress, signal });
  await withDb(world, async (db) => {
    await db.sql.unsafe(WITHOUT_LIMITS);
    await setEverybodysLimits(db, people);
  });

  const { calls, outages, memory, log } = await live(world, people, options);
  signal.throwIfAborted();
  const { closing, books } = await withDb(world, async (db) => ({
    closing: await closeBooks(world, db, onProgress),
    books: await readBooks(db.sql),
  }));
  const ledger = { ...world.openrouter.ledger(), generations: world.openrouter.generations() };
  const bugs = [...log, ...world.gateway.current.log]
    .filter(({ event }) => BUGS.includes(String(event)))
    .map((line) => JSON.stringify(line));
  const evidence = { calls, outages, books, ledger, closing, memory, bugs };
  const lines = prove(evidence);
  const isGreen = lines.every((line) => line.isGreen);
  return { seed, minutes, isGreen, lines, evidence };
}

async function withDb<T>(
  { postgres }: SoakWorld,
  use: (db: ReturnType<typeof openDatabase>) => Promise<T>,
): Promise<T> {
  const db = openDatabase(postgres.url("postgres"));
  try {
    return await use(db);
  } finally {
    await db.sql.end();
  }
}

/** The traffic, and what happens to it. */
async function live(
  world: SoakWorld,
  people: People,
  { minutes, seed, clients, outageEverySeconds, onProgress, signal }: SoakOptions,
) {
  const { gateway, secretKey } = world;
  const beganMs = Date.now();
  const endMs = beganMs + minutes * 60_000;
  const outageEveryMs = outageEverySeconds === 0 ? Infinity : outageEverySeconds * 1000;
  const middleMs = (beganMs + endMs) / 2;
  const calls: CallRecord[] = [];
  const outages: OutageRecord[] = [];
  const memory: MemorySample[] = [];
  /** Of the gateways that have ended. */
  const log: LogLine[] = [];

  /** Again and again until the end, begun at most so often. */
  async function every(periodMs: number, act: () => Promise<unknown> | void) {
    for (let next = beganMs + periodMs; next < endMs && !signal.aborted; next += periodMs) {
      await sleep(Math.max(0, next - Date.now()), undefined, { signal }).catch(() => {});
      if (signal.aborted || Date.now() >= endMs) return;
      await act();
    }
  }

  const random = createRandom(seed);
  const nextOutage = createSchedule(random);
  const traffic = startTraffic({
    seed,
    clients,
    people,
    gatewayUrl: () => gateway.current.url,
    onCall: (call) => calls.push(call),
  });
  await Promise.all([
    every(outageEveryMs, async () => {
      const { current } = gateway;
      const outage = nextOutage(Date.now() < beganMs + (endMs - beganMs) * PART_WITH_NEW_GATEWAYS);
      const record = await suffer(outage, world, random);
      if (gateway.current !== current) log.push(...current.log);
      outages.push(record);
      const { what, fromMs, toMs } = record;
      onProgress(`${what}: ${toMs === null ? "not back" : `${(toMs - fromMs) / 1000} s`}`);
    }),
    every(SAMPLE_EVERY_MS, async () => {
      const sample = Date.now() < middleMs ? null : await sampleMemory(gateway.current);
      if (sample !== null) memory.push(sample);
    }),
    every(TELL_EVERY_MS, () => {
      onProgress(progressLine({ beganMs, minutes, calls, outages, memory }));
    }),
    every(MAINTAIN_EVERY_MS, async () => {
      const target = { gatewayUrl: gateway.current.url, secretKey };
      await requestMaintenance(target).catch((error) => {
        onProgress(`maintenance failed, as it may while something is away: ${oneLine(error)}`);
      });
    }),
    sleep(endMs - beganMs, undefined, { signal }).catch(() => {}),
  ]);
  onProgress("no more new calls");
  await traffic.stop();
  world.openrouter.clearFaults();
  return { calls, outages, memory, log };
}
