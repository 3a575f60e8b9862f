/** What happens to a DID whose key is gone, disabled, expired, or not its own. */
import assert from "node:assert/strict";
import { liveKeys, managementOf } from "./harness/accounts.ts";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { assertNoPlaintextKey } from "./harness/plaintext.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ gateways: 2 });

const CONCURRENT = 20;

/** An identity with a key that worked once; and its hash. */
async function knownIdentity(): Promise<{ identity: Identity; did: string; hash: string }> {
  const identity = await newIdentity();
  const response = await call(world.gateway, identity, "POST", CHAT, chat("first"));
  assert.equal(response.status, 200, await response.text());
  const hash = await world.db.keyHash(identity.did);
  assert.ok(hash !== null);
  await world.db.endedRows(identity.did, 1);
  return { identity, did: identity.did, hash };
}

/** Changes a key as the operator does there. */
const changeAtOpenRouter = (members: Record<string, unknown>) => async (hash: string) => {
  const { url, managementKey } = world.openrouter;
  const response = await fetch(`${url}/keys/${hash}`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${managementKey}` },
    body: JSON.stringify(members),
  });
  assert.equal(response.status, 200, await response.text());
};

const LOSSES: [what: string, lose: (hash: string) => Promise<void>][] = [
  ["deleted", (hash) => managementOf(world).deleteKey(hash)],
  ["disabled", changeAtOpenRouter({ disabled: true })],
  ["let expire", changeAtOpenRouter({ expires_at: "2026-11-22T10:00:00Z" })],
];

for (const [what, lose] of LOSSES) {
  Deno.test(`${CONCURRENT} concurrent requests over two processes replace a key that was ${what} at OpenRouter once`, async () => {
    const { db, gateways, openrouter } = world;
    const { identity, did, hash } = await knownIdentity();
    await lose(hash);

    const statuses = await Promise.all(Array.from({ length: CONCURRENT }, async (_, index) => {
      const response = await call(gateways[index % 2]!, identity, "POST", CHAT, chat("again"));
      await response.arrayBuffer();
      return response.status;
    }));

    assert.deepEqual(statuses, Array.from({ length: CONCURRENT }, () => 200));
    assert.equal(openrouter.keysNamed(did).length, 2);
    const [key, ...more] = liveKeys(world, did);
    assert.equal(more.length, 0);
    assert.notEqual(key?.hash, hash);
    assert.equal(key?.hash, await db.keyHash(did));
    assert.equal(key?.generations, CONCURRENT);
    const retired = await db.sql`
      select openrouter_key_hash from public.retired_api_keys where did = ${did}`;
    assert.deepEqual(retired.map((row) => row.openrouter_key_hash), [hash]);

    const rows = await db.endedRows(did, CONCURRENT + 1);
    assert.ok(rows.every((row) => row.status === "completed"));
  });
}

Deno.test("a DID that the operator has disabled is refused, and gets no other key", async () => {
  const { db, gateways, openrouter } = world;
  const { identity, did, hash } = await knownIdentity();
  await db.sql`update public.user_api_keys set status = 'disabled' where did = ${did}`;
  await managementOf(world).deleteKey(hash);
  const before = openrouter.requestCount();

  for (const gateway of gateways) {
    const response = await call(gateway, identity, "POST", CHAT, chat("again"));
    await assertRefused(response, 403, "access_denied");
  }

  assert.equal(openrouter.requestCount(), before);
  assert.equal(openrouter.keysNamed(did).length, 1);
  assert.equal((await db.rowsOf(did)).length, 1);
});

Deno.test("a DID that is disabled while its key is replaced gets no other key", async () => {
  const { db, gateway, openrouter } = world;
  const { identity, did, hash } = await knownIdentity();
  await managementOf(world).deleteKey(hash);
  await db.sql`
    create function public.keys_disable_test() returns trigger language plpgsql as $$
    begin
      update public.user_api_keys set status = 'disabled' where did = new.did;
      return new;
    end $$`;
  await db.sql`
    create trigger keys_disable_test after insert on public.key_provisioning
    for each row execute function public.keys_disable_test()`;
  try {
    const response = await call(gateway, identity, "POST", CHAT, chat("again"));
    await assertRefused(response, 403, "access_denied");
  } finally {
    await db.sql`drop trigger keys_disable_test on public.key_provisioning`;
    await db.sql`drop function public.keys_disable_test()`;
  }

  assert.deepEqual(liveKeys(world, did), []);
  assert.equal(openrouter.keysNamed(did).length, 1);
});

Deno.test("a ciphertext that was moved to another DID's row does not open, and says nothing", async () => {
  const { db, gateway, openrouter } = world;
  const rich = await knownIdentity();
  const thief = await knownIdentity();
  const [row] = await db.sql`
    update public.user_api_keys as to_row
    set encrypted_api_key = from_row.encrypted_api_key
    from public.user_api_keys as from_row
    where to_row.did = ${thief.did} and from_row.did = ${rich.did}
    returning to_row.encrypted_api_key`;
  const before = openrouter.requestCount();

  const response = await call(gateway, thief.identity, "POST", CHAT, chat("again"));
  const { message } = await assertRefused(response, 500, "internal_error");

  assert.equal(openrouter.requestCount(), before);
  const [, failed] = await db.endedRows(thief.did, 2);
  assert.equal(failed?.status, "failed");
  for (const text of [message, failed?.error_message ?? "", gateway.output()]) {
    assert.ok(!text.includes(row?.encrypted_api_key));
    assert.ok(!text.includes(rich.did) || text === gateway.output());
  }
  await assertNoPlaintextKey(db, message, gateway.output());
});
