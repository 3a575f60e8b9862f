/** Calls under way at the same time: each counts until it has ended, however it ends. */
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { budgetOf, setLimits } from "./harness/limits.ts";
import { assertRefused } from "./harness/refusal.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const AT_A_TIME = 2;

async function send(
  identity: Identity,
  faults: string,
  members: Record<string, unknown> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return await call(world.gateway, identity, "POST", CHAT, chat("hello", members), {
    headers: { "x-openrouter-simulate": faults },
    ...(signal ? { signal } : {}),
  });
}

/**
 * A DID that has as many under way as it may, each of which waits at OpenRouter, and what ends them. Postgres
 * counts a call before its client has any of the answer.
 */
const ENDINGS: [
  what: string,
  begin: (identity: Identity, signal: AbortSignal) => Promise<unknown>,
  end: (leaving: AbortController, begun: Promise<unknown>[]) => unknown,
][] = [
  [
    "a client leaves before a stream",
    (identity, signal) => send(identity, "hang", { stream: true }, signal).catch(() => {}),
    (leaving) => leaving.abort(),
  ],
  [
    "a client leaves a stream",
    async (identity, signal) => {
      const { body } = await send(identity, "chunks:50,hang:3", { stream: true }, signal);
      await body!.getReader().read();
    },
    async (leaving, begun) => {
      await Promise.all(begun);
      leaving.abort();
    },
  ],
  [
    "a stream ends",
    async (identity) => {
      const answer = await send(identity, "chunks:3,slow:300", { stream: true });
      await answer.text();
    },
    () => {},
  ],
  ["the upstream fails", (identity) => send(identity, "latency:700,status:500"), () => {}],
  ["the upstream breaks off", async (identity) => {
    await (await send(identity, "latency:700,drop")).text();
  }, () => {}],
  ["the call is refused as a mistake", async (identity) => {
    await (await send(identity, "latency:700", { model: "nobody/nothing" })).text();
  }, () => {}],
];

for (const [what, begin, end] of ENDINGS) {
  Deno.test(`a call counts among those under way until ${what}`, async () => {
    const { db, gateway } = world;
    const identity = await newIdentity();
    const { did } = identity;
    assert.equal((await send(identity, "")).status, 200);
    await db.endedRows(did, 1);
    await setLimits(db, did, { concurrent_requests: AT_A_TIME, daily_budget_usd: 100 });
    const leaving = new AbortController();
    const begun = Array.from({ length: AT_A_TIME }, () => begin(identity, leaving.signal));
    await until(
      "the calls to be under way",
      async () => (await budgetOf(db, did))?.under_way === AT_A_TIME,
    );

    const refused = await call(gateway, identity, "POST", CHAT, chat("hello"));

    const { headers } = refused;
    const { scope, message } = await assertRefused(refused, 429, "rate_limited");
    assert.equal(scope, "did");
    assert.match(message, /as many requests under way as it may have at a time \(2\)/);
    assert.equal(headers.get("retry-after"), "1");
    assert.equal(headers.get("ratelimit-limit"), String(AT_A_TIME));
    assert.equal(headers.get("ratelimit-remaining"), "0");

    await end(leaving, begun);
    await Promise.all(begun);
    await db.endedRows(did, 1 + AT_A_TIME);
    assert.equal((await budgetOf(db, did))?.under_way, 0);
    await Promise.all([1, 2].map(async () => {
      const answer = await send(identity, "");
      assert.equal(answer.status, 200, await answer.text());
    }));
  });
}

Deno.test("reads and refused calls do not count among those under way", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  await setLimits(db, identity.did, { concurrent_requests: 1, allowed_models: ["openai/*"] });
  for (let n = 0; n < 3; n++) {
    const refused = await send(identity, "", { model: "anthropic/claude-opus-4.5" });
    await assertRefused(refused, 403, "model_not_allowed");
    const read = await call(gateway, identity, "GET", "/api/v1/openrouter/models");
    assert.equal(read.status, 200);
    await read.body?.cancel();
  }
  assert.equal((await send(identity, "")).status, 200);
});
