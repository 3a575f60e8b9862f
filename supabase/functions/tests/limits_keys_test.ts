/** The second wall: the limit that a DID's key has at OpenRouter is that of its tightest budget. */
import assert from "node:assert/strict";
import { liveKeys, managementOf } from "./harness/accounts.ts";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { setGatewayLimits, setLimits } from "./harness/limits.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true });

async function limitAtOpenRouter(did: string) {
  const [live, ...others] = liveKeys(world, did);
  assert.deepEqual(others, []);
  for await (const key of managementOf(world).listKeys()) {
    if (key.hash === live?.hash) return { limit: key.limit, reset: key.limit_reset };
  }
  return null;
}

/** Calls once; gives the method and route of each request that OpenRouter had for it. */
async function callOnce(identity: Identity): Promise<string[]> {
  const before = world.openrouter.ledger().requests.count;
  const body = chat("hello", { max_tokens: 10 });
  const answer = await call(world.gateway, identity, "POST", CHAT, body);
  assert.equal(answer.status, 200, await answer.text());
  const { requests } = world.openrouter.ledger();
  return requests.recent.slice(requests.recent.length - (requests.count - before))
    .map(({ method, path }) =>
      `${method} ${path.replace("/api/v1", "").replace(/[0-9a-f]{64}/, ":hash")}`
    )
    .filter((route) => !route.startsWith("GET /models"));
}

const CHAT_ALONE = ["POST /chat/completions"];
const PATCHED = ["PATCH /keys/:hash", ...CHAT_ALONE];
const CREATED = ["POST /keys", ...CHAT_ALONE];

const NEW_KEYS: [
  what: string,
  limits: Record<string, string>,
  expected: { limit: string; reset: string },
][] = [
  ["the daily budget", { daily_budget_usd: "1.5", monthly_budget_usd: "20" }, {
    limit: "1.5",
    reset: "daily",
  }],
  ["the monthly budget where it is tighter", {
    daily_budget_usd: "3",
    monthly_budget_usd: "2.123456789",
  }, { limit: "2.123456789", reset: "monthly" }],
  ["the one budget that there is", { monthly_budget_usd: "7" }, { limit: "7", reset: "monthly" }],
];

for (const [what, limits, expected] of NEW_KEYS) {
  Deno.test(`a new key has the limit of ${what}`, async () => {
    const identity = await newIdentity();
    await setLimits(world.db, identity.did, limits);
    assert.deepEqual(await callOnce(identity), CREATED);
    assert.deepEqual(await limitAtOpenRouter(identity.did), expected);
    assert.deepEqual(await callOnce(identity), CHAT_ALONE);
  });
}

Deno.test("a changed budget reaches OpenRouter before the next call, once", async () => {
  const { db } = world;
  const identity = await newIdentity();
  await callOnce(identity);
  assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: null, reset: null });
  for (
    const [limits, expected] of [
      [{ daily_budget_usd: "4" }, { limit: "4", reset: "daily" }],
      [{ monthly_budget_usd: "3" }, { limit: "3", reset: "monthly" }],
      [{ daily_budget_usd: "2" }, { limit: "2", reset: "daily" }],
    ] as const
  ) {
    await setLimits(db, identity.did, limits);
    assert.deepEqual(await callOnce(identity), PATCHED);
    assert.deepEqual(await limitAtOpenRouter(identity.did), expected);
    assert.deepEqual(await callOnce(identity), CHAT_ALONE);
  }
  await setLimits(db, identity.did, { requests_per_minute: 1000 });
  assert.deepEqual(await callOnce(identity), CHAT_ALONE);
});

Deno.test("the operator's own limit of a key stands above its budgets", async () => {
  const { db } = world;
  const identity = await newIdentity();
  await setLimits(db, identity.did, { daily_budget_usd: "4" });
  await callOnce(identity);
  await db.sql`
    update public.user_api_keys set credit_limit = 0.5, credit_limit_reset = 'weekly'
    where did = ${identity.did}`;
  assert.deepEqual(await callOnce(identity), PATCHED);
  await setLimits(db, identity.did, { daily_budget_usd: "0.1" });
  assert.deepEqual(await callOnce(identity), CHAT_ALONE);
  assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: "0.5", reset: "weekly" });
  await db.sql`
    update public.user_api_keys set credit_limit = null, credit_limit_reset = null
    where did = ${identity.did}`;
  assert.deepEqual(await callOnce(identity), PATCHED);
  assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: "0.1", reset: "daily" });
});

Deno.test("the operator's default for new keys stands above budgets", async () => {
  const { db } = world;
  await db.sql`
    update public.gateway_settings
    set default_credit_limit = 9, default_credit_limit_reset = 'monthly'`;
  try {
    const identity = await newIdentity();
    await setLimits(db, identity.did, { daily_budget_usd: "4" });
    await callOnce(identity);
    assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: "9", reset: "monthly" });
  } finally {
    await db.sql`
      update public.gateway_settings
      set default_credit_limit = null, default_credit_limit_reset = null`;
  }
});

Deno.test("OpenRouter stops what an estimate has missed", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  await setLimits(db, identity.did, { daily_budget_usd: "1" });
  const dear = await call(gateway, identity, "POST", CHAT, chat("hello", { max_tokens: 10 }), {
    headers: { "x-openrouter-simulate": "cost:3" },
  });
  assert.equal(dear.status, 200, await dear.text());
  await db.endedRows(identity.did, 1);
  // What the gateway itself would say first, were its own wall away.
  await db.sql`update public.budgets set day_spent_usd = 0 where did = ${identity.did}`;
  const stopped = await call(gateway, identity, "POST", CHAT, chat("hello", { max_tokens: 10 }));
  assert.equal(stopped.status, 403);
  assert.match(await stopped.text(), /Key limit exceeded \(daily limit\)/);
});

Deno.test("a DID without budgets has the gateway's, and what a default gives once there is one", async () => {
  const { db } = world;
  await setGatewayLimits(db, { daily_budget_usd: "50", monthly_budget_usd: "400" });
  const identity = await newIdentity();
  await callOnce(identity);
  assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: "50", reset: "daily" });
  await setGatewayLimits(db, { default_daily_budget_usd: "2" });
  assert.deepEqual(await callOnce(identity), PATCHED);
  assert.deepEqual(await limitAtOpenRouter(identity.did), { limit: "2", reset: "daily" });
});
