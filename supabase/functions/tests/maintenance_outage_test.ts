/** Outages of Postgres and of the Data API in the middle of traffic, and the books after them. */
import assert from "node:assert/strict";
import { requestMaintenance } from "../../../scripts/operator/maintenance_client.ts";
import { type SoakWorld, startWorld } from "../../../scripts/soak/world.ts";
import { WITHOUT_LIMITS } from "../../../scripts/stack/without_limits.ts";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { type Database, openDatabase } from "./harness/database.ts";
import { freezePostgres } from "./harness/frozen_postgres.ts";
import { until } from "./harness/until.ts";

let world: SoakWorld;
Deno.test.beforeAll(async () => {
  const { signal } = new AbortController();
  world = await startWorld({ edge: false, didDocuments: {}, onProgress: () => {}, signal });
  await withDatabase((db) => db.sql.unsafe(WITHOUT_LIMITS));
});
Deno.test.afterAll(async () => await world[Symbol.asyncDispose]());

const CALLS = 30;
/** How many calls come during the outage. */
const REFUSED = 5;

/** Reads on a connection that no outage has broken. */
async function withDatabase<T>(use: (db: Database) => Promise<T>): Promise<T> {
  const db = openDatabase(world.postgres.url("postgres"));
  try {
    return await use(db);
  } finally {
    await db.sql.end();
  }
}

/** What a client gets: the whole answer, or the type of the refusal and when to come back. */
async function outcomeOf(identity: Identity, members: Record<string, unknown>, faults: string) {
  const { current } = world.gateway;
  const response = await call(current, identity, "POST", CHAT, chat("one two three", members), {
    headers: { "x-openrouter-simulate": faults },
  });
  const text = await response.text();
  if (response.status === 200) return "answered";
  const { type } = JSON.parse(text).error;
  return `${response.status} ${type}, Retry-After: ${response.headers.get("retry-after")}`;
}

/** What goes away. @returns what brings it back */
const OUTAGES: [what: string, begin: () => Promise<() => unknown>, ignore?: boolean][] = [
  ["a Data API that is killed", async () => {
    await world.dataApi.kill();
    return world.dataApi.start;
  }],
  ["a Postgres that is restarted", async () => {
    await world.postgres.stop();
    return world.postgres.start;
  }],
  ["a Postgres that stands still", async () => {
    const db = openDatabase(world.postgres.url("postgres"));
    const thaw = await freezePostgres(db.sql);
    return async () => {
      thaw();
      await db.sql.end();
    };
  }, Deno.build.os !== "linux"],
];

for (const [what, begin, ignore = false] of OUTAGES) {
  Deno.test(
    `${what} in the middle of traffic costs nobody an answer, and the books nothing`,
    { ignore },
    async () => {
      const { openrouter, gateway, secretKey } = world;
      const identities = await Promise.all([1, 2, 3].map(newIdentity));
      for (const identity of identities) {
        assert.equal(await outcomeOf(identity, {}, ""), "answered");
      }
      const before = openrouter.ledger().requests.count;
      const answers = Array.from({ length: CALLS }, (_, n) => {
        const stream = n % 3 !== 0;
        return outcomeOf(
          identities[n % 3]!,
          { stream },
          stream ? "chunks:9,slow:200" : "latency:500",
        );
      });
      await until(
        "all calls to be at OpenRouter",
        () => openrouter.ledger().requests.count - before >= CALLS,
      );

      const end = await begin();
      try {
        assert.deepEqual(await Promise.all(answers), Array(CALLS).fill("answered"));
        // At once: each may wait as long as a call of the store can take.
        const refused = Array.from({ length: REFUSED }, () => outcomeOf(identities[0]!, {}, ""));
        assert.deepEqual(
          await Promise.all(refused),
          Array(REFUSED).fill("503 store_unavailable, Retry-After: 2"),
        );
      } finally {
        await end();
      }

      await until(
        "the service to be back",
        async () => await outcomeOf(identities[0]!, {}, "") === "answered",
      );
      await withDatabase(async ({ sql }) => {
        await until("nothing to be pending", async () => {
          const [row] = await sql`
            select count(*)::integer as pending from public.request_logs where status = 'pending'`;
          return row?.pending === 0;
        });
        await requestMaintenance({ gatewayUrl: gateway.current.url, secretKey });
        const [sums] = await sql`
          select trim_scale(sum(total_cost))::text as cost,
            count(*) filter (where total_cost is null)::integer as unknown
          from public.request_logs`;
        const { total_cost } = openrouter.ledger();
        assert.deepEqual(sums, { cost: total_cost, unknown: 0 });
        const drifts = await sql`select drift_usd::text from public.cost_drift_latest`;
        assert.deepEqual(
          new Set(drifts.map(({ drift_usd }) => Number(drift_usd))),
          new Set([0]),
        );
      });
    },
  );
}
