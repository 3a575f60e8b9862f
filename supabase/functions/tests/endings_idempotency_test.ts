import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { startFailingDataApi } from "./harness/failing_data_api.ts";
import { startFront } from "./harness/front.ts";
import { startGateways } from "./harness/gateway_process.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ gateways: 2 });
/** Where OpenRouter can go away. */
const front = await startFront();
const fronted = useWorld({ env: { OPENROUTER_API_URL: front.url } });
Deno.test.beforeAll(() => {
  front.target = fronted.openrouter.url;
});
const BODY = chat("hello");
const KEY = { "idempotency-key": "an-order-of-mine" };

type Did = Awaited<ReturnType<typeof newIdentity>>;

async function send(
  identity: Did,
  body = BODY,
  headers: Record<string, string> = KEY,
  process = 0,
) {
  return await call(world.gateways[process]!, identity, "POST", CHAT, body, { headers });
}

async function assertServed(response: Response): Promise<string> {
  assert.equal(response.status, 200);
  await response.text();
  return response.headers.get("x-request-id")!;
}

Deno.test("a call with the Idempotency-Key and body of one before is 409, names it, and is not forwarded", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  const first = await assertServed(await send(identity));
  await db.endedRows(identity.did, 1);
  const before = openrouter.requestCount();

  for (const process of [0, 1]) {
    const { duplicate_of } = await assertRefused(
      await send(identity, BODY, KEY, process),
      409,
      "duplicate_request",
    );
    assert.equal(duplicate_of, first);
  }

  assert.equal(openrouter.requestCount(), before);
  assert.equal((await db.rowsOf(identity.did)).length, 1);
});

Deno.test("of 20 calls at once with one Idempotency-Key and body, over two processes, one is forwarded", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  await assertServed(await send(identity, BODY, {}));
  const statuses = await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const response = await send(identity, BODY, KEY, index % 2);
    await response.text();
    return response.status;
  }));
  assert.equal(statuses.filter((status) => status === 200).length, 1);
  assert.equal(statuses.filter((status) => status === 409).length, 19);
  const rows = await db.endedRows(identity.did, 2);
  assert.equal(rows.length, 2);
  assert.equal(openrouter.keyOf(await db.keyHash(identity.did)).generations, 2);
});

Deno.test("another body, another path, another key, no key and another DID are served", async () => {
  const identity = await newIdentity();
  await assertServed(await send(identity));
  // It asks for what both paths take.
  const prompt = JSON.stringify({ ...JSON.parse(BODY), prompt: "hello" });
  for (const path of [CHAT, CHAT.replace("/chat", "")]) {
    const response = await call(world.gateway, identity, "POST", path, prompt, { headers: KEY });
    await assertServed(response);
  }
  await assertServed(await send(identity, chat("something else")));
  await assertServed(await send(identity, BODY, { "idempotency-key": "another" }));
  await assertServed(await send(identity, BODY, {}));
  await assertServed(await send(identity, BODY, {}));
  await assertServed(await send(await newIdentity()));
});

Deno.test("a call that OpenRouter refused may be sent again at once, until it is served", async () => {
  const { db } = world;
  const identity = await newIdentity();
  for (let n = 0; n < 20; n++) {
    const faults = { "x-openrouter-simulate": n % 2 === 0 ? "status:429:1" : "status:503" };
    const refused = await send(identity, BODY, { ...KEY, ...faults }, n % 2);
    assert.equal(refused.status, n % 2 === 0 ? 429 : 503);
    await refused.text();
  }
  const served = await assertServed(await send(identity));
  await db.endedRows(identity.did, 21);
  const { duplicate_of } = await assertRefused(await send(identity), 409, "duplicate_request");
  assert.equal(duplicate_of, served);
});

Deno.test("a call that OpenRouter refused by an error inside a 200 may be sent again", async () => {
  const { db } = world;
  const identity = await newIdentity();
  const refused = await send(identity, BODY, { ...KEY, "x-openrouter-simulate": "error:502" });
  assert.equal(refused.status, 200);
  await refused.text();
  const [row] = await db.endedRows(identity.did, 1);
  assert.deepEqual([row?.status, row?.total_cost], ["failed", "0"]);
  await assertServed(await send(identity));
});

Deno.test("a call whose answer broke off may have been billed, and is not sent again", async () => {
  const { db } = world;
  const identity = await newIdentity();
  const first = await send(identity, BODY, { ...KEY, "x-openrouter-simulate": "drop:1" });
  await assert.rejects(first.text());
  await db.endedRows(identity.did, 1);
  await assertRefused(await send(identity), 409, "duplicate_request");
});

Deno.test("a call that never reached OpenRouter may be sent again", async () => {
  const { db, gateway } = fronted;
  const identity = await newIdentity();
  const again = () => call(gateway, identity, "POST", CHAT, BODY, { headers: KEY });
  await (await call(gateway, identity, "POST", CHAT, chat("first"))).text();
  await db.endedRows(identity.did, 1);

  await front.stop();

  for (let n = 0; n < 5; n++) await assertRefused(await again(), 502, "upstream_unreachable");
  for (const row of (await db.endedRows(identity.did, 6)).slice(1)) {
    assert.deepEqual([row.status, row.http_status], ["failed", null]);
  }
});

Deno.test("a call whose admission the gateway did not hear of may be sent again, and is in no doubt", async () => {
  const { db, openrouter, stack } = world;
  const dataApi = startFailingDataApi(stack.url);
  const [gateway] = await startGateways(1, { ...world.env, SUPABASE_URL: dataApi.url });
  assert.ok(gateway);
  try {
    const identity = await newIdentity();
    await (await call(gateway, identity, "POST", CHAT, chat("first"))).text();
    await db.endedRows(identity.did, 1);
    const before = openrouter.requestCount();
    dataApi.strike("admit_request", "done, answer lost");
    const again = () => call(gateway, identity, "POST", CHAT, BODY, { headers: KEY });
    await assertRefused(await again(), 503, "store_unavailable");
    assert.equal(openrouter.requestCount(), before);

    const [, row] = await db.endedRows(identity.did, 2);
    assert.equal(row?.status, "failed");
    assert.match(row?.error_message ?? "", /^store_unavailable: /);
    await assertServed(await again());
  } finally {
    await gateway.stop();
    await dataApi.stop();
  }
});

Deno.test("the Idempotency-Key reaches OpenRouter as well", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  await assertServed(await send(identity));
  const [request] = openrouter.requestsWith(await db.keyHash(identity.did));
  assert.equal(request?.headers["idempotency-key"], "an-order-of-mine");
});

Deno.test("an Idempotency-Key that is none is 400, and nothing is forwarded", async () => {
  const { db } = world;
  const identity = await newIdentity();
  for (const key of ["two words", "x".repeat(256)]) {
    const response = await send(identity, BODY, { "idempotency-key": key });
    await assertRefused(response, 400, "invalid_request");
  }
  assert.deepEqual(await db.rowsOf(identity.did), []);
});
