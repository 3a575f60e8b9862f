/**
 * How the gateway grows on the embedded stack: with the rows of its log, with the DIDs, with processes on
 * one database. Databases of different sizes are measured in turns, after a load that warms them up. After
 * each load the books are compared with what was answered.
 */
import postgres from "postgres";
import { createIdentity, type Identity } from "../../client/llm_gateway.ts";
import { type OwnTime, ownTimes } from "../own_times.ts";
import { assertBooked, type Books, booksOf } from "./books.ts";
import { anyDid, fill } from "./fill.ts";
import { type Cost, runLoad } from "./generator.ts";
import type { LoadResult } from "./load.ts";
import { chatBody } from "./measure.ts";
import { bearer, startGateway, startStackFor, startUpstream } from "./targets.ts";

export interface GrowthSizes {
  rows: number[];
  dids: number[];
  processes: number[];
}

export interface Grown extends LoadResult, Cost {
  /** What grows, and how large it was. */
  of: keyof GrowthSizes;
  size: number;
  round: number;
}

export interface OwnTimes {
  of: "rows" | "dids";
  size: number;
  times: OwnTime[];
}

export interface Growth {
  measured: Grown[];
  ownTimes: OwnTimes[];
}

/** What the others are while one grows. */
const DIDS = 1_000;
const ROWS = 100_000;
const CLIENTS = 32;
/** So many of the DIDs call, each in turn; more would not in the time. */
const MOST_CALLERS = 2_000;
const TIMED_CALLS = 1_000;
const WARM_UP_MS = 500;

export async function growth(
  sizes: GrowthSizes,
  rounds: number,
  seconds: number,
): Promise<Growth> {
  await using upstream = await startUpstream();
  const growing: Growth = { measured: [], ownTimes: [] };

  async function inTurns(of: "rows" | "dids", databases: { dids: number; rows: number }[]) {
    await using running = new AsyncDisposableStack();
    const systems = [];
    for (const { dids, rows } of databases) {
      systems.push(running.use(await startFilled(upstream.url, dids, rows, 1)));
    }
    for (const [index, { databaseUrl }] of systems.entries()) {
      const times = await timesIn(databaseUrl, databases[index]!.dids);
      growing.ownTimes.push({ of, size: databases[index]![of], times });
    }
    for (const system of systems) await system.load(1, seconds);
    for (let round = 0; round < rounds; round++) {
      for (const [index, system] of systems.entries()) {
        const result = await system.load(1, seconds);
        growing.measured.push({ of, size: databases[index]![of], round, ...result });
      }
    }
  }

  await inTurns("rows", sizes.rows.map((rows) => ({ dids: DIDS, rows })));
  await inTurns("dids", sizes.dids.map((dids) => ({ dids, rows: ROWS })));

  await using system = await startFilled(upstream.url, DIDS, ROWS, Math.max(...sizes.processes));
  await system.load(Math.max(...sizes.processes), seconds);
  for (let round = 0; round < rounds; round++) {
    for (const size of sizes.processes) {
      const result = await system.load(size, seconds);
      growing.measured.push({ of: "processes", size, round, ...result });
    }
  }
  return growing;
}

/** A stack with so many accounts and rows, and gateways on it. */
async function startFilled(upstreamUrl: string, dids: number, rows: number, processes: number) {
  console.error(`filling a database with ${dids} DIDs and ${rows} rows`);
  await using running = new AsyncDisposableStack();
  const identities: Identity[] = await Promise.all(
    Array.from({ length: Math.min(dids, MOST_CALLERS) }, () => createIdentity()),
  );
  const callers = await Promise.all(identities.map(bearer));
  const stack = running.use(await startStackFor(identities.map(({ did }) => did)));
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  running.defer(() => sql.end());
  await fill(sql, identities.map(({ did }) => did), dids, rows);
  const gateways: Awaited<ReturnType<typeof startGateway>>[] = [];
  for (let started = 0; started < processes; started++) {
    gateways.push(running.use(await startGateway(upstreamUrl, stack.dataApi)));
  }
  const owned = running.move();

  /** Through so many of the gateways; what they answered must be what was booked. */
  async function load(count: number, seconds: number): Promise<LoadResult & Cost> {
    const before: Books = await booksOf(sql);
    const result = await runLoad({
      urls: gateways.slice(0, count).map(({ chatUrl }) => chatUrl),
      callers,
      body: chatBody(false),
      clients: CLIENTS,
      warmUpMs: WARM_UP_MS,
      measureMs: seconds * 1000,
    }, [...gateways.map(({ pid }) => pid), stack.pid]);
    if (result.failures > 0) throw new Error(`${result.failures} answers were none`);
    await assertBooked(sql, before, result.calls);
    return result;
  }
  return {
    databaseUrl: stack.databaseUrl,
    load,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function timesIn(databaseUrl: string, dids: number): Promise<OwnTime[]> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    return await ownTimes(sql, anyDid(dids), TIMED_CALLS);
  } finally {
    await sql.end();
  }
}
