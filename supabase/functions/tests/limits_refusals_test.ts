/** What a call is told that a limit refuses, and what one is told that passes. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { setGatewayLimits, setLimits } from "./harness/limits.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const MODEL = "openai/gpt-4o-mini";
const FREE = "meta-llama/llama-3.3-70b-instruct:free";

/** Asserts that a call of that DID is this refusal, and that nothing of it reached OpenRouter or the log. */
async function assertStopped(
  identity: Identity,
  body: string,
  status: number,
  type: string,
  path = CHAT,
) {
  const { db, gateway, openrouter } = world;
  const before = openrouter.requestCount();
  const rows = (await db.rowsOf(identity.did)).length;
  const response = await call(gateway, identity, "POST", path, body);
  const { headers } = response;
  const error = await assertRefused(response, status, type);
  assert.equal(openrouter.requestCount(), before);
  assert.equal((await db.rowsOf(identity.did)).length, rows);
  return { error, headers };
}

async function assertPasses(identity: Identity, body: string, faults = "") {
  const response = await call(world.gateway, identity, "POST", CHAT, body, {
    headers: { "x-openrouter-simulate": faults },
  });
  assert.equal(response.status, 200, await response.clone().text());
  return response;
}

for (
  const [period, limit] of [["day", "daily_budget_usd"], ["month", "monthly_budget_usd"]] as const
) {
  Deno.test(`a call that a budget of the ${period} does not hold is 402 before the DID has a key`, async () => {
    const { did, ...identity } = await newIdentity();
    await setLimits(world.db, did, { [limit]: "0.00001" });
    const body = chat("hello", { max_tokens: 100 });
    const { error } = await assertStopped(
      { did, ...identity },
      body,
      402,
      "budget_exceeded",
    );
    const { scope, limit_usd, spent_usd, reserved_usd, estimate_usd, message } = error;
    assert.deepEqual(
      { scope, period: error.period, limit_usd, spent_usd, reserved_usd },
      { scope: "did", period, limit_usd: 0.00001, spent_usd: 0, reserved_usd: 0 },
    );
    assert.ok(Number(estimate_usd) > 0.00006);
    const now = new Date();
    const end = period === "day"
      ? Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1)
      : Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
    assert.equal(Date.parse(String(error.resets_at)), end);
    assert.match(message, /max_tokens/);
    assert.equal(await world.db.keyHash(did), null);
  });
}

for (const stream of [false, true]) {
  Deno.test(`${stream ? "a stream" : "an answer"} tells what is left of the rate and the budgets`, async () => {
    const identity = await newIdentity();
    await setLimits(world.db, identity.did, { daily_budget_usd: 2, requests_per_minute: 7 });
    await (await assertPasses(identity, chat("hello", { max_tokens: 100, stream }))).text();
    const { headers, body } = await assertPasses(
      identity,
      chat("hello", { max_tokens: 100, stream }),
    );
    await body?.cancel();
    const left = Number(headers.get("x-budget-remaining-usd"));
    assert.ok(left > 1.999 && left < 2, String(left));
    assert.equal(headers.get("ratelimit-limit"), "7");
    assert.equal(headers.get("ratelimit-remaining"), "5");
    assert.ok(Number(headers.get("ratelimit-reset")) > 8);
  });
}

Deno.test("without limits nothing is told", async () => {
  const { headers, body } = await assertPasses(await newIdentity(), chat("hello"));
  await body?.cancel();
  assert.equal(headers.get("x-budget-remaining-usd"), null);
  assert.equal(headers.get("ratelimit-limit"), null);
});

Deno.test("a DID that is blocked before its first call gets no key, and all again once it is allowed", async () => {
  const { sql } = world.db;
  const identity = await newIdentity();
  await sql`select public.block_did(${identity.did})`;
  const { error } = await assertStopped(identity, chat("hello"), 403, "access_denied");
  assert.match(error.message, /disabled by the operator/);
  const read = await call(world.gateway, identity, "GET", "/api/v1/openrouter/models");
  await assertRefused(read, 403, "access_denied");
  assert.equal(await world.db.keyHash(identity.did), null);
  await sql`select public.allow_did(${identity.did})`;
  await (await assertPasses(identity, chat("hello"))).text();
  await sql`select public.block_did(${identity.did})`;
  await assertStopped(identity, chat("hello"), 403, "access_denied");
});

Deno.test("with an allowlist those pass alone that are on it", async () => {
  const { db } = world;
  const [known, stranger] = [await newIdentity(), await newIdentity()];
  await db.sql`select public.allow_did(${known.did})`;
  await setGatewayLimits(db, { access_mode: "allowlist" });
  try {
    await (await assertPasses(known, chat("hello"))).text();
    const { error } = await assertStopped(stranger, chat("hello"), 403, "access_denied");
    assert.match(error.message, /only the DIDs that its operator has allowed/);
    const limits = await call(world.gateway, stranger, "GET", "/api/v1/limits");
    assert.equal((await limits.json()).data?.access ?? "not_allowed", "not_allowed");
  } finally {
    await setGatewayLimits(db, { access_mode: "open" });
  }
  await (await assertPasses(stranger, chat("hello"))).text();
});

const TOOLS: [what: string, members: Record<string, unknown>, param: string][] = [
  [
    "a tool",
    { tools: [{ type: "function" }, { type: "openrouter:image_generation" }] },
    "tools[1]",
  ],
  ["a tool of a provider", { tools: [{ type: "mcp" }] }, "tools[0]"],
  ["a plugin", { plugins: [{ id: "fusion" }] }, "plugins[0]"],
  ["a tool of tomorrow", { tools: [{ type: "openrouter:made_tomorrow" }] }, "tools[0]"],
];

for (const [what, members, param] of TOOLS) {
  Deno.test(`${what} that the operator has not opened is refused`, async () => {
    const identity = await newIdentity();
    const { error } = await assertStopped(
      identity,
      chat("hello", members),
      403,
      "feature_not_allowed",
    );
    assert.equal(error.param, param);
    assert.equal(await world.db.keyHash(identity.did), null);
  });
}

Deno.test("a budget that holds no other call lets a DID call free models, and the router of those", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  await setLimits(db, identity.did, { daily_budget_usd: "0.00001" });
  for (const model of [FREE, "openrouter/free"]) {
    await (await assertPasses(identity, chat("hello", { model }))).text();
  }
  const dear = await call(gateway, identity, "POST", CHAT, chat("hello", { model: MODEL }));
  await assertRefused(dear, 402, "budget_exceeded");
  const rows = await db.rowsOf(identity.did);
  assert.deepEqual(rows.map(({ total_cost }) => Number(total_cost)), [0, 0]);
});

Deno.test("a DID has its share of free models, whatever the model is called", async () => {
  const { db } = world;
  const identity = await newIdentity();
  await setLimits(db, identity.did, { free_models_per_day: 2 });
  for (let n = 0; n < 2; n++) {
    await (await assertPasses(identity, chat("hello", { model: FREE }))).text();
  }
  for (
    const members of [
      { model: FREE },
      { model: FREE.toUpperCase() },
      { model: MODEL, models: [FREE] },
      { model: MODEL, fallbacks: [{ model: `${FREE}:online` }] },
      { model: "openrouter/free" },
    ]
  ) {
    const { error, headers } = await assertStopped(
      identity,
      chat("hello", members),
      429,
      "rate_limited",
    );
    assert.equal(error.scope, "free_models");
    const tomorrow = new Date().setUTCHours(24, 0, 0, 0);
    assert.ok(Math.abs(Date.now() + 1000 * Number(headers.get("retry-after")) - tomorrow) < 60_000);
    assert.equal(headers.get("ratelimit-limit"), "2");
    assert.equal(headers.get("ratelimit-remaining"), "0");
  }
  await (await assertPasses(identity, chat("hello"))).text();
  await (await assertPasses(await newIdentity(), chat("hello", { model: FREE }))).text();
});

Deno.test("of a burst as many pass as the rate says, and then one after the time that is told", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  await setLimits(db, identity.did, { requests_per_minute: 30 });
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => call(gateway, identity, "POST", CHAT, chat("hello"))),
  );
  const refused = answers.filter(({ status }) => status === 429);
  // While they came, a bucket of thirty a minute takes one more every two seconds.
  assert.ok(refused.length >= 16 && refused.length <= 20, `${refused.length} were refused`);
  let waitS = 0;
  for (const answer of refused) {
    const { headers } = answer;
    waitS = Number(headers.get("retry-after"));
    assert.ok(waitS === 1 || waitS === 2);
    assert.equal(headers.get("ratelimit-limit"), "30");
    assert.equal(headers.get("ratelimit-remaining"), "0");
    assert.ok(Number(headers.get("ratelimit-reset")) > 55);
    assert.equal(headers.get("x-should-retry"), null);
    assert.equal((await assertRefused(answer, 429, "rate_limited")).scope, "did");
  }
  for (const answer of answers) if (answer.status === 200) await answer.text();
  await sleep(waitS * 1000);
  await (await assertPasses(identity, chat("hello"))).text();
});

Deno.test("the gateway's own rate holds for all DIDs together", async () => {
  const { db } = world;
  await setGatewayLimits(db, { requests_per_minute: 3 });
  try {
    for (let n = 0; n < 3; n++) {
      await (await assertPasses(await newIdentity(), chat("hello"))).text();
    }
    const { error, headers } = await assertStopped(
      await newIdentity(),
      chat("hello"),
      429,
      "rate_limited",
    );
    assert.equal(error.scope, "gateway");
    assert.ok(Number(headers.get("retry-after")) > 10);
  } finally {
    await db.sql`select public.set_gateway_limits(clear => '{requests_per_minute}')`;
    await db.sql`update public.budgets set requests_used_until = '-infinity' where did = '*'`;
  }
});
