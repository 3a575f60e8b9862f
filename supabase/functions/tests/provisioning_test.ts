import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity, signed } from "./harness/client.ts";
import { startGateways } from "./harness/gateway_process.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const BODY = chat("hello");

/** Asserts that the DID's next request works, on the only key that is left of its attempts. */
async function assertNextRequestWorks(identity: Identity) {
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

    await assertRefused(response, 503, "store_unavailable");
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

const PROXY = "/api/v1/openrouter";

/** Asserts that nothing so far made the DID a key, here or at OpenRouter. */
async function assertNoKey({ did }: Identity) {
  assert.deepEqual(world.openrouter.keysNamed(did), []);
  assert.equal(await world.db.keyHash(did), null);
  assert.deepEqual(await world.db.rowsOf(did), []);
}

Deno.test("what is free makes no key: OpenRouter is asked without one, and the first call that may cost makes it", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  for (const path of ["/models", "/models?supported_parameters=tools"]) {
    const response = await call(gateway, identity, "GET", PROXY + path);
    assert.equal(response.status, 200, await response.text());
    const [request] = openrouter.requestsWith(null).slice(-1);
    assert.equal(request?.path, `/api/v1${path}`);
  }
  await assertNoKey(identity);
  await assertNextRequestWorks(identity);
});

for (const path of ["/key", "/generation?id=gen-1", "/generation", "/videos/gen-vid-1"]) {
  Deno.test(`GET ${path} of a DID without a key is 404 by the gateway`, async () => {
    const { gateway, openrouter } = world;
    const identity = await newIdentity();
    const before = openrouter.requestCount();
    await assertRefused(await call(gateway, identity, "GET", PROXY + path), 404, "not_found");
    assert.equal(openrouter.requestCount(), before);
    await assertNoKey(identity);
  });
}

const REFUSALS: [what: string, path: string, body: string, status: number, type: string][] = [
  ["of a path", `${PROXY}/keys`, "{}", 403, "path_forbidden"],
  ["of a body", CHAT, "no json", 400, "invalid_request"],
];

for (const [what, path, body, status, type] of REFUSALS) {
  Deno.test(`the refusal ${what} makes no key`, async () => {
    const identity = await newIdentity();
    await assertRefused(await call(world.gateway, identity, "POST", path, body), status, type);
    await assertNoKey(identity);
  });
}

Deno.test("a DID without a key cannot send the same signed message twice either", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const path = `${PROXY}/messages/count_tokens`;
  const headers = await signed(identity, "POST", path, BODY);
  const send = () => fetch(gateway.url + path, { method: "POST", headers, body: BODY });
  const before = openrouter.requestCount();
  await (await send()).body?.cancel();
  assert.equal(openrouter.requestCount(), before + 1);
  await assertRefused(await send(), 401, "replayed_request");
  assert.equal(openrouter.requestCount(), before + 1);
  await assertNoKey(identity);
});

Deno.test("a guardrail that OpenRouter does not have leaves no key, and the log says which variable names it", async () => {
  const { db, env, openrouter } = world;
  const guardrail = { OPENROUTER_GUARDRAIL_ID: "5e0c0000-0000-4000-8000-000000000000" };
  const [gateway] = await startGateways(1, { ...env, ...guardrail });
  try {
    const identity = await newIdentity();
    for (const attempt of [1, 2]) {
      const response = await call(gateway!, identity, "POST", CHAT, BODY);
      await assertRefused(response, 502, "provisioning_failed");
      const keys = openrouter.keysNamed(identity.did);
      assert.equal(keys.length, attempt);
      assert.ok(keys.every((key) => key.deleted && key.generations === 0));
    }
    assert.equal(await db.keyHash(identity.did), null);
    assert.deepEqual(await db.rowsOf(identity.did), []);
    const causes = gateway!.log.map(({ cause }) => cause).filter(Boolean);
    assert.match(
      String(causes[0]),
      /POST \/guardrails\/\{OPENROUTER_GUARDRAIL_ID\}\/assignments\/keys with status 404/,
    );
  } finally {
    await gateway!.stop();
  }
});
