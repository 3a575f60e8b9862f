/** Outages of Postgres and of the Data API in the middle of traffic, and the books after them. */
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { type GatewayProcess, startGateways } from "./harness/gateway_process.ts";
import { maintain } from "./harness/maintenance.ts";
import { startTcpProxy } from "./harness/tcp_proxy.ts";
import { freezePostgres } from "./harness/frozen_postgres.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true });
const line = startTcpProxy();
let gateway: GatewayProcess;
Deno.test.beforeAll(async () => {
  line.target = world.stack.url;
  [gateway] = await startGateways(1, { ...world.env, SUPABASE_URL: line.url }) as [GatewayProcess];
  world.defer(gateway.stop);
});
Deno.test.afterAll(line.stop);

const CALLS = 30;
/** How many calls come during the outage. */
const REFUSED = 5;

/** What a client gets: the whole answer, or the type of the refusal. */
async function outcomeOf(identity: Identity, members: Record<string, unknown>, faults: string) {
  const response = await call(gateway, identity, "POST", CHAT, chat("one two three", members), {
    headers: { "x-openrouter-simulate": faults },
  });
  const text = await response.text();
  return response.status === 200 ? "answered" : JSON.parse(text).error.type as string;
}

function cutLine(): Promise<() => void> {
  line.cut();
  return Promise.resolve(line.mend);
}

const OUTAGES: [what: string, begin: () => Promise<() => void>, ignore: boolean][] = [
  ["the Data API", cutLine, false],
  ["Postgres", () => freezePostgres(world.db.sql), Deno.build.os !== "linux"],
];

for (const [what, begin, ignore] of OUTAGES) {
  Deno.test(
    `an outage of ${what} in the middle of traffic costs nobody an answer, and the books nothing`,
    {
      ignore,
    },
    async () => {
      const { db, openrouter } = world;
      const identities = await Promise.all([1, 2, 3].map(newIdentity));
      for (const identity of identities) {
        assert.equal(await outcomeOf(identity, {}, ""), "answered");
        await db.endedRows(identity.did, 1);
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
        assert.deepEqual(await Promise.all(refused), Array(REFUSED).fill("store_unavailable"));
      } finally {
        end();
      }

      await until(
        "the store to be back",
        async () => await outcomeOf(identities[0]!, {}, "") === "answered",
      );
      await until("nothing to be pending", async () => {
        const [row] = await db.sql`
        select count(*)::integer as pending from public.request_logs where status = 'pending'`;
        return row?.pending === 0;
      });
      await maintain(world);
      const [sums] = await db.sql`
      select trim_scale(sum(total_cost))::text as cost,
        count(*) filter (where total_cost is null)::integer as unknown
      from public.request_logs`;
      const { total_cost } = openrouter.ledger();
      assert.deepEqual(sums, { cost: total_cost, unknown: 0 });
      const drifts = await db.sql`select drift_usd::text from public.cost_drift_latest`;
      assert.deepEqual(new Set(drifts.map(({ drift_usd }) => Number(drift_usd))), new Set([0]));
    },
  );
}
