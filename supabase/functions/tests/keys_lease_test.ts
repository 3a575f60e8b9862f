/** The lease under which a DID's key is created, when somebody else holds it. */
import assert from "node:assert/strict";
import { liveKeys, managementOf } from "./harness/accounts.ts";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ gateways: 2 });

const NO_LIMIT = { creditLimit: null, creditLimitReset: null };

/** Somebody's lease, who has made a key already; its hash. */
async function leaseOfSomebodyElse(did: string, expiresIn: string): Promise<string> {
  await world.db.sql`
    insert into public.key_provisioning (did, attempt_id, first_claimed_at, expires_at)
    values (
      ${did}, gen_random_uuid(), clock_timestamp() - interval '1 minute',
      clock_timestamp() + ${expiresIn}::interval
    )`;
  const management = managementOf(world);
  const { hash } = await management.createKey(`llm-gateway:${did}#12345678`, NO_LIMIT);
  return hash;
}

Deno.test("an expired lease is taken over once, and what its holder made is deleted", async () => {
  const { db, gateways, openrouter } = world;
  const identity = await newIdentity();
  const { did } = identity;
  const orphan = await leaseOfSomebodyElse(did, "-1 second");

  const statuses = await Promise.all(gateways.map(async (gateway) => {
    const response = await call(gateway, identity, "POST", CHAT, chat("hello"));
    await response.arrayBuffer();
    return response.status;
  }));

  assert.deepEqual(statuses, [200, 200]);
  assert.equal(openrouter.keyOf(orphan).deleted, true);
  assert.deepEqual(liveKeys(world, did).map(({ hash }) => hash), [await db.keyHash(did)]);
  assert.equal(openrouter.keysNamed(did).length, 2);
  const leases = await db.sql`select from public.key_provisioning where did = ${did}`;
  assert.equal(leases.length, 0);
  const lines = gateways.flatMap(({ log }) => log)
    .filter((line) => line.event === "orphan_key_deleted");
  assert.deepEqual(lines.map((line) => line.key_hash), [orphan]);
});

Deno.test("only keys of that DID are deleted: not one whose DID begins the same, not one of somebody's own", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const { did } = identity;
  const management = managementOf(world);
  const others = await Promise.all(
    [`llm-gateway:${did}x#12345678`, did, `my notes on llm-gateway:${did}#1`]
      .map((name) => management.createKey(name, NO_LIMIT)),
  );
  const orphan = await leaseOfSomebodyElse(did, "-1 second");

  const response = await call(gateway, identity, "POST", CHAT, chat("hello"));

  assert.equal(response.status, 200, await response.text());
  assert.equal(openrouter.keyOf(orphan).deleted, true);
  for (const { hash } of others) assert.equal(openrouter.keyOf(hash).deleted, false);
});

Deno.test("a request waits while somebody else creates the key, and then uses it", async () => {
  const { db, gateways, openrouter } = world;
  const identity = await newIdentity();
  openrouter.addFault({ on: "POST /keys", faults: "latency:300" });

  const first = call(gateways[0]!, identity, "POST", CHAT, chat("hello"));
  await until("the lease", async () => {
    const leases = await db.sql`
      select from public.key_provisioning where did = ${identity.did}`;
    return leases.length === 1;
  });
  const second = call(gateways[1]!, identity, "POST", CHAT, chat("hello"));

  for (const response of await Promise.all([first, second])) {
    assert.equal(response.status, 200, await response.text());
  }
  assert.equal(openrouter.keysNamed(identity.did).length, 1);
});
