/** What a request costs in round trips to Postgres and OpenRouter. */
import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { type FailingDataApi, startFailingDataApi } from "./harness/failing_data_api.ts";
import { type GatewayProcess, startGateways } from "./harness/gateway_process.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ gateways: 0 });
let dataApi: FailingDataApi;
let gateway: GatewayProcess;

Deno.test.beforeAll(async () => {
  dataApi = startFailingDataApi(world.stack.url);
  world.defer(dataApi.stop);
  [gateway] = await startGateways(1, { ...world.env, SUPABASE_URL: dataApi.url }) as [
    GatewayProcess,
  ];
  world.defer(gateway.stop);
});

/** Those that a request makes; a sweep, once a minute, is nobody's. */
function callsOfRequests(): string[] {
  return dataApi.calls.filter((name) => name !== "expire_stale_requests");
}

Deno.test("a known DID's request calls Postgres twice and OpenRouter once", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  for (const count of [1, 2]) {
    dataApi.calls.length = 0;
    const before = openrouter.requestCount();

    const response = await call(gateway, identity, "POST", CHAT, chat("hello"));
    assert.equal(response.status, 200, await response.text());
    await db.endedRows(identity.did, count);

    if (count === 1) continue;
    assert.deepEqual(callsOfRequests(), ["admit_request", "settle_request"]);
    assert.equal(openrouter.requestCount(), before + 1);
  }
});

Deno.test("a new DID's request calls Postgres three times more, and OpenRouter once more", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  dataApi.calls.length = 0;
  const before = openrouter.requestCount();

  const response = await call(gateway, identity, "POST", CHAT, chat("hello"));
  assert.equal(response.status, 200, await response.text());
  await db.endedRows(identity.did, 1);

  assert.deepEqual(callsOfRequests(), [
    "admit_request",
    "claim_key_provisioning",
    "complete_key_provisioning",
    "admit_request",
    "settle_request",
  ]);
  assert.equal(openrouter.requestCount(), before + 2);
});
