/** What a client does right after an answer: it is told, and let, as if all that it has seen the end of were booked. */
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { estimateOf, setLimits } from "./harness/limits.ts";
import { useWorld } from "./harness/world.ts";

const API = "/api/v1/openrouter";

const world = useWorld();
const TIMES = 15;
const BODY = { max_tokens: 100 };

async function send(
  identity: Identity,
  members: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Response> {
  const body = chat("hello", { ...BODY, ...members });
  return await call(world.gateway, identity, "POST", CHAT, body, { headers });
}

/** A DID that has a key, and what is reserved for one of its calls. */
async function known(): Promise<{ identity: Identity; estimate: string }> {
  const identity = await newIdentity();
  const answer = await send(identity);
  assert.equal(answer.status, 200, await answer.text());
  await world.db.endedRow(answer);
  return {
    identity,
    estimate: await estimateOf(world.db, answer.headers.get("x-request-id")!),
  };
}

for (const stream of [false, true]) {
  const what = stream ? "streams" : "calls";
  Deno.test(`a client that may have one under way has its ${what} one right after the other`, async () => {
    const { identity } = await known();
    await setLimits(world.db, identity.did, { concurrent_requests: 1, daily_budget_usd: 100 });
    const statuses = [];
    for (let calls = 0; calls < TIMES; calls++) {
      const answer = await send(identity, { stream });
      await answer.text();
      statuses.push(answer.status);
    }
    assert.deepEqual(statuses, Array(TIMES).fill(200));
  });

  Deno.test(`a client with a budget for little more than one has its ${what} one right after the other`, async () => {
    const { identity, estimate } = await known();
    const headers = { "x-openrouter-simulate": "cost:0.000000001" };
    const [spent] = await world.db.rowsOf(identity.did);
    const budget = Number(spent!.total_cost) + 1.5 * Number(estimate);
    await setLimits(world.db, identity.did, { daily_budget_usd: budget });
    const statuses = [];
    for (let calls = 0; calls < TIMES; calls++) {
      const answer = await send(identity, { stream }, headers);
      await answer.text();
      statuses.push(answer.status);
    }
    assert.deepEqual(statuses, Array(TIMES).fill(200));
  });
}

Deno.test("usage, the log of requests and limits tell of an answer right after it", async () => {
  const { identity } = await known();
  const report = async (path: string) => {
    const { data } = await (await call(world.gateway, identity, "GET", `/api/v1/${path}`)).json();
    return data;
  };
  await setLimits(world.db, identity.did, { daily_budget_usd: 5 });
  const asks: [path: string, told: (data: Record<string, unknown>, calls: number) => void][] = [
    ["usage", ({ total_requests }, calls) => assert.equal(total_requests, calls)],
    ["usage/requests", ({ requests }) => {
      const [last] = requests as Record<string, unknown>[];
      assert.equal(last!.status, "completed");
    }],
    ["limits", ({ budgets }) => {
      const [day] = budgets as Record<string, unknown>[];
      assert.deepEqual([day!.scope, day!.period, day!.reserved_usd], ["did", "day", 0]);
    }],
  ];
  let calls = 1;
  for (const [path, told] of asks) {
    for (let times = 0; times < 5; times++) {
      await (await send(identity)).text();
      told(await report(path), ++calls);
    }
  }
});

Deno.test("an answer's generation is the client's own right after it", async () => {
  const { identity } = await known();
  for (let calls = 0; calls < TIMES; calls++) {
    const { id } = await (await send(identity)).json();
    const path = `${API}/generation?id=${id}`;
    const generation = await call(world.gateway, identity, "GET", path);
    assert.equal(generation.status, 200, await generation.text());
  }
});

Deno.test("a stream that ends with nothing billed may be sent again under its Idempotency-Key right after it", async () => {
  const { identity } = await known();
  const headers = { "idempotency-key": "once", "x-openrouter-simulate": "error:502" };
  for (let calls = 0; calls < TIMES; calls++) {
    const answer = await send(identity, { stream: calls % 2 === 0 }, headers);
    assert.equal(answer.status, 200, await answer.text());
  }
});
