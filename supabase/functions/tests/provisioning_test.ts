import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const BODY = chat("hello");

/** Asserts that the DID's next request works, on the only key that is left of its attempts. */
async function assertNextRequestWorks(identity: Awaited<ReturnType<typeof newIdentity>>) {
  const { db, gateway, openrouter } = world;
  const response = await call(gateway, identity, "POST", CHAT, BODY);
  assert.equal(response.status, 200);
  await response.body?.cancel();
  const [key, ...more] = openrouter.keysNamed(identity.did).filter((key) => !key.deleted);
  assert.equal(more.length, 0);
  assert.equal(key?.hash, await db.keyHash(identity.did));
  assert.equal(key?.generations, 1);
  await db.endedRows(identity.did, 1);
}

Deno.test("a key that cannot be saved is deleted at OpenRouter, and the next request gets another", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const { sql } = db;
  const constraint = sql("refused_by_a_test");
  await sql`
    alter table public.user_api_keys
    add constraint ${constraint} check (did <> ${sql.unsafe(`'${identity.did}'`)}) not valid`;
  try {
    const response = await call(gateway, identity, "POST", CHAT, BODY);

    await assertRefused(response, 502, "provisioning_failed");
    const keys = openrouter.keysNamed(identity.did);
    assert.ok(keys.length > 0);
    assert.ok(keys.every((key) => key.deleted && key.generations === 0));
    assert.deepEqual(await db.rowsOf(identity.did), []);
  } finally {
    await sql`alter table public.user_api_keys drop constraint ${constraint}`;
  }
  await assertNextRequestWorks(identity);
});

Deno.test("a key that OpenRouter refuses to create is 502 with its Retry-After, and the next request works", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  openrouter.addFault({ on: "POST /keys", faults: "status:429:9", times: null });

  const response = await call(gateway, identity, "POST", CHAT, BODY);
  openrouter.clearFaults();

  assert.equal(response.headers.get("retry-after"), "9");
  await assertRefused(response, 502, "provisioning_failed");
  assert.deepEqual(openrouter.keysNamed(identity.did), []);
  assert.deepEqual(await db.rowsOf(identity.did), []);
  await assertNextRequestWorks(identity);
});

for (
  const [what, faults] of [
    ["the connection breaks", "after,drop"],
    ["the answer is an error", "after,status:500"],
    ["the answer is cut off", "after,garbage"],
  ] as const
) {
  Deno.test(`a key that was created although ${what} is deleted before the next is made`, async () => {
    const { gateway, openrouter } = world;
    const identity = await newIdentity();
    openrouter.addFault({ on: "POST /keys", faults, times: 1 });

    const response = await call(gateway, identity, "POST", CHAT, BODY);
    await assertRefused(response, 502, "provisioning_failed");

    assert.equal(openrouter.keysNamed(identity.did).length, 1);
    await assertNextRequestWorks(identity);
    assert.equal(openrouter.keysNamed(identity.did).length, 2);
  });
}
