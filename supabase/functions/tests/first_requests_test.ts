import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ gateways: 2 });

Deno.test("200 concurrent first requests over two processes make one key and 200 exact rows", async () => {
  const { db, gateways, openrouter } = world;
  const identity = await newIdentity();

  const statuses = await Promise.all(Array.from({ length: 200 }, async (_, index) => {
    const body = chat("word ".repeat(1 + index % 7), { stream: index % 2 === 0 });
    const response = await call(gateways[index % 2]!, identity, "POST", CHAT, body);
    await response.arrayBuffer();
    return response.status;
  }));

  assert.deepEqual(statuses, Array.from({ length: 200 }, () => 200));
  const rows = await db.endedRows(identity.did, 200);
  assert.ok(rows.every((row) => row.status === "completed" && row.cost_source === "response"));

  const keys = openrouter.keysNamed(identity.did);
  assert.equal(keys.length, 1);
  assert.equal(keys[0]?.hash, await db.keyHash(identity.did));
  assert.equal(keys[0]?.generations, 200);

  const [sum] = await db.sql`
    select trim_scale(sum(total_cost)) as cost from public.request_logs
    where did = ${identity.did}`;
  assert.equal(sum?.cost, keys[0]?.usage);
  assert.deepEqual(await db.booked(identity.did), {
    requests: 200,
    failed: 0,
    cost: keys[0]?.usage,
  });
});

Deno.test("each DID has a key of its own", async () => {
  const { db, gateway, openrouter } = world;
  const identities = await Promise.all([newIdentity(), newIdentity(), newIdentity()]);

  for (const identity of identities) {
    const response = await call(gateway, identity, "POST", CHAT, chat("hello"));
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }

  const hashes = await Promise.all(identities.map(({ did }) => db.keyHash(did)));
  assert.equal(new Set(hashes).size, 3);
  for (const hash of hashes) assert.equal(openrouter.keyOf(hash).generations, 1);
});
