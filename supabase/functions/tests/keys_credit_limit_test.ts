/** How a DID's credit limit reaches OpenRouter. */
import assert from "node:assert/strict";
import { liveKeys, managementOf, reconcileLater } from "./harness/accounts.ts";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true });

/** USD; no binary float is exactly that. */
const LIMIT = "12.3456789";

async function limitAtOpenRouter(did: string) {
  const [live] = liveKeys(world, did);
  for await (const key of managementOf(world).listKeys()) {
    if (key.hash === live?.hash) return { limit: key.limit, reset: key.limit_reset };
  }
  return null;
}

async function setLimit(did: string, limit: string | null, reset: string | null): Promise<void> {
  await world.db.sql`
    update public.user_api_keys set credit_limit = ${limit}, credit_limit_reset = ${reset}
    where did = ${did}`;
}

async function isApplied(did: string): Promise<boolean> {
  const [row] = await world.db.sql<{ applied: boolean }[]>`
    select (credit_limit, credit_limit_reset)
      is not distinct from (applied_credit_limit, applied_credit_limit_reset) as applied
    from public.user_api_keys where did = ${did}`;
  return row!.applied;
}

/** The method and route of every call since then. */
function callsSince(count: number): string[] {
  const { requests } = world.openrouter.ledger();
  return requests.recent.slice(requests.recent.length - (requests.count - count))
    .map(({ method, path }) => `${method} ${path.replace(/[0-9a-f]{64}/, ":hash")}`);
}

const callCount = () => world.openrouter.ledger().requests.count;

async function knownIdentity(): Promise<Identity> {
  const identity = await newIdentity();
  const response = await call(world.gateway, identity, "POST", CHAT, chat("first"));
  assert.equal(response.status, 200, await response.text());
  return identity;
}

Deno.test("a new key has the default limit and its reset", async () => {
  const { sql } = world.db;
  await sql`
    update public.gateway_settings
    set default_credit_limit = ${LIMIT}::numeric, default_credit_limit_reset = 'monthly'`;
  try {
    const { did } = await knownIdentity();

    assert.deepEqual(await limitAtOpenRouter(did), { limit: LIMIT, reset: "monthly" });
    assert.equal(await isApplied(did), true);
  } finally {
    await sql`
      update public.gateway_settings
      set default_credit_limit = null, default_credit_limit_reset = null`;
  }
});

Deno.test("a new key has no limit where there is no default", async () => {
  const { did } = await knownIdentity();
  assert.deepEqual(await limitAtOpenRouter(did), { limit: null, reset: null });
});

Deno.test("a limit that was changed reaches OpenRouter before the next request does, once", async () => {
  const identity = await knownIdentity();
  await setLimit(identity.did, LIMIT, "daily");
  const before = callCount();

  for (const words of ["second", "third"]) {
    const response = await call(world.gateway, identity, "POST", CHAT, chat(words));
    assert.equal(response.status, 200, await response.text());
  }

  assert.deepEqual(callsSince(before), [
    "PATCH /api/v1/keys/:hash",
    "POST /api/v1/chat/completions",
    "POST /api/v1/chat/completions",
  ]);
  assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: LIMIT, reset: "daily" });
  assert.equal(await isApplied(identity.did), true);
});

Deno.test("a limit that was taken away is taken away at OpenRouter", async () => {
  const identity = await knownIdentity();
  for (const [limit, reset] of [["5", "weekly"], [null, null]] as const) {
    await setLimit(identity.did, limit, reset);
    const response = await call(world.gateway, identity, "POST", CHAT, chat("again"));
    assert.equal(response.status, 200, await response.text());
    assert.deepEqual(await limitAtOpenRouter(identity.did), { limit, reset });
  }
});

Deno.test("a limit of zero stops the DID at OpenRouter", async () => {
  const identity = await knownIdentity();
  await setLimit(identity.did, "0", null);

  const response = await call(world.gateway, identity, "POST", CHAT, chat("again"));

  assert.equal(response.status, 403);
  assert.match(await response.text(), /Key limit exceeded/);
});

for (
  const [what, faults, retryAfter] of [
    ["refuses", "status:500", null],
    ["asks to wait with", "status:429:11", "11"],
    ["does not answer about", "after,drop:0", null],
  ] as const
) {
  Deno.test(`nothing is forwarded while OpenRouter ${what} a changed limit`, async () => {
    const { db, gateway, openrouter } = world;
    const identity = await knownIdentity();
    await setLimit(identity.did, LIMIT, "daily");
    openrouter.addFault({ on: "PATCH /keys/:hash", faults });
    const before = callCount();

    const response = await call(gateway, identity, "POST", CHAT, chat("again"));

    assert.equal(response.headers.get("retry-after"), retryAfter);
    await assertRefused(response, 502, "provisioning_failed");
    assert.deepEqual(callsSince(before), ["PATCH /api/v1/keys/:hash"]);
    const rows = await db.endedRows(identity.did, 2);
    assert.deepEqual(rows.map(({ status }) => status), ["completed", "failed"]);

    const repeated = await call(gateway, identity, "POST", CHAT, chat("again"));
    assert.equal(repeated.status, 200, await repeated.text());
    assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: LIMIT, reset: "daily" });
  });
}

Deno.test("a key that is replaced has the DID's limit, not the default", async () => {
  const { gateway } = world;
  const identity = await knownIdentity();
  await setLimit(identity.did, LIMIT, "daily");
  await managementOf(world).deleteKey(liveKeys(world, identity.did)[0]!.hash);

  const response = await call(gateway, identity, "POST", CHAT, chat("again"));

  assert.equal(response.status, 200, await response.text());
  assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: LIMIT, reset: "daily" });
  assert.equal(await isApplied(identity.did), true);
});

Deno.test("reconcile brings a changed limit to OpenRouter, so that the next request need not", async () => {
  const identity = await knownIdentity();
  await setLimit(identity.did, LIMIT, "weekly");

  await reconcileLater(world);

  assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: LIMIT, reset: "weekly" });
  const before = callCount();
  const response = await call(world.gateway, identity, "POST", CHAT, chat("again"));
  assert.equal(response.status, 200, await response.text());
  assert.deepEqual(callsSince(before), ["POST /api/v1/chat/completions"]);
  assert.equal((await reconcileLater(world)).at(-1), "nothing to do");
});
