/** What fails around the gateway, one thing after the other, and what clients may be told meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../seed/random.ts";
import { withDatabase } from "../operator/database.ts";
import { didOfKeyName } from "../../supabase/functions/openrouter-proxy/accounts/provision.ts";
import { openDatabase } from "../../supabase/functions/tests/harness/database.ts";
import { freezePostgres } from "../../supabase/functions/tests/harness/frozen_postgres.ts";
import type { CallRecord } from "./call_record.ts";
import type { SoakWorld } from "./world.ts";

/** What is away, and what a client may get that asks then. */
const EXCUSES = {
  store: ({ type }: CallRecord) =>
    type === "store_unavailable" || type === "provisioning_in_progress",
  gateway: ({ status, isWhole, type }: CallRecord) =>
    status === null || !isWhole || type === "overloaded",
  keys: ({ type }: CallRecord) => type === "provisioning_in_progress",
  management: ({ type }: CallRecord) =>
    type === "provisioning_failed" || type === "provisioning_in_progress",
} as const;

type Affected = keyof typeof EXCUSES;

/** An outage that is over. */
export interface OutageRecord {
  what: string;
  affects: Affected;
  /** Milliseconds since the epoch. */
  fromMs: number;
  /** When the gateway and its database answered again; null: they did not. */
  toMs: number | null;
}

interface Outage {
  what: string;
  affects: Affected;
  /** Whether the gateway's process ends with it, and its memory starts anew. */
  endsGateway?: boolean;
  /** Begins it. @returns what ends it */
  begin(world: SoakWorld, random: Random): Promise<() => Promise<unknown>>;
  /** How long it lasts at most, in milliseconds. */
  longestMs: number;
}

const nothing = () => Promise.resolve();

export const OUTAGES: readonly Outage[] = [
  {
    what: "Postgres is stopped",
    affects: "store",
    longestMs: 4_000,
    async begin({ postgres }) {
      await postgres.stop();
      return postgres.start;
    },
  },
  {
    what: "Postgres crashes",
    affects: "store",
    longestMs: 2_000,
    async begin({ postgres }) {
      await postgres.kill();
      return postgres.start;
    },
  },
  ...(Deno.build.os === "linux" ? [freezes()] : []),
  {
    what: "Postgres ends all connections",
    affects: "store",
    longestMs: 0,
    async begin({ postgres }) {
      await withDatabase(postgres.url("supabase_admin"), (sql) =>
        sql`
          select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'`);
      return nothing;
    },
  },
  {
    what: "the Data API is killed",
    affects: "store",
    longestMs: 3_000,
    async begin({ dataApi }) {
      await dataApi.kill();
      return dataApi.start;
    },
  },
  {
    what: "another gateway takes over",
    affects: "gateway",
    endsGateway: true,
    longestMs: 0,
    async begin({ gateway }) {
      const { current } = gateway;
      await gateway.start();
      await current.stop();
      return nothing;
    },
  },
  {
    what: "the gateway is killed",
    affects: "gateway",
    endsGateway: true,
    longestMs: 500,
    async begin({ gateway }) {
      await gateway.kill();
      return gateway.start;
    },
  },
  {
    what: "keys are deleted at OpenRouter",
    affects: "keys",
    longestMs: 5_000,
    async begin(world, random) {
      await deleteKeys(world, random);
      return nothing;
    },
  },
  {
    what: "OpenRouter's management fails while keys are deleted",
    affects: "management",
    longestMs: 5_000,
    async begin(world, random) {
      const { openrouter } = world;
      for (const faults of ["after,drop", "status:500", "after,garbage", "status:429:1"]) {
        openrouter.addFault({ on: "POST /keys", faults });
      }
      openrouter.addFault({ on: "GET /keys/:hash", faults: "status:503", times: 2 });
      await deleteKeys(world, random);
      return () => Promise.resolve(openrouter.clearFaults());
    },
  },
];

function freezes(): Outage {
  return {
    what: "Postgres stands still",
    affects: "store",
    longestMs: 12_000,
    async begin({ postgres }) {
      const { sql } = openDatabase(postgres.url("supabase_admin"));
      const thaw = await freezePostgres(sql);
      return async () => {
        thaw();
        await sql.end();
      };
    },
  };
}

/** Analytics, which tell what keys had that are gone, answer 64 questions a minute. */
const DELETED_AT_ONCE = 2;

async function deleteKeys({ openrouter }: SoakWorld, random: Random): Promise<void> {
  for (let n = 0; n < DELETED_AT_ONCE; n++) {
    const live = openrouter.ledger().keys.filter(({ deleted, name }) =>
      !deleted && didOfKeyName(name) !== null
    );
    if (live.length === 0) return;
    await fetch(`${openrouter.url}/keys/${random.pick(live).hash}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${openrouter.managementKey}` },
    });
  }
}

const BACK_WITHIN_MS = 60_000;
const POLL_MS = 50;

/** Waits until the gateway says that it and its database are well. @returns whether it did */
async function isBack({ gateway }: SoakWorld): Promise<boolean> {
  const deadline = performance.now() + BACK_WITHIN_MS;
  while (performance.now() < deadline) {
    const health = await fetch(`${gateway.current.url}/api/v1/health?deep=1`).catch(() => null);
    await health?.body?.cancel();
    if (health?.ok) return true;
    await sleep(POLL_MS);
  }
  return false;
}

/** Lets one thing fail for a while, and waits until all is well again by itself. */
export async function suffer(
  { what, affects, begin, longestMs }: Outage,
  world: SoakWorld,
  random: Random,
): Promise<OutageRecord> {
  const fromMs = Date.now();
  const end = await begin(world, random);
  await sleep(random.integer(0, longestMs));
  await end();
  return { what, affects, fromMs, toMs: await isBack(world) ? Date.now() : null };
}

/** The outages in some order, again and again, those that end the gateway only while they may. */
export function createSchedule(random: Random): (mayEndGateway: boolean) => Outage {
  let left: Outage[] = [];
  return (mayEndGateway) => {
    const fits = ({ endsGateway = false }: Outage) => mayEndGateway || !endsGateway;
    if (!left.some(fits)) left = [...OUTAGES];
    const next = random.pick(left.filter(fits));
    left.splice(left.indexOf(next), 1);
    return next;
  };
}

/** How long after an outage a client may still get what it began to wait for then. */
const AFTERMATH_MS = 1_000;

/** Whether an outage excuses what a client got. */
export function isExcused(call: CallRecord, outages: readonly OutageRecord[]): boolean {
  return outages.some(({ affects, fromMs, toMs }) =>
    call.endedMs >= fromMs && call.startedMs <= (toMs ?? Infinity) + AFTERMATH_MS &&
    EXCUSES[affects](call)
  );
}
