/**
 * Clients that leave before the headers, however their request arrived. Under the Deno that Supabase
 * runs: 2.9.6 tells the gateway of it only if the request came in one small piece.
 */
import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { connect } from "./harness/raw_client.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ edge: true });

const BODY = chat("hi", { stream: true });
const HALF = BODY.length >> 1;
const CHUNKED = { "transfer-encoding": "chunked" };

for (
  const [what, headers, pieces] of [
    ["came in one piece", {}, [BODY]],
    ["came head first", {}, ["", BODY]],
    ["came with its body in two", {}, ["", BODY.slice(0, HALF), BODY.slice(HALF)]],
    ["came in chunks", CHUNKED, ["", `${BODY.length.toString(16)}\r\n${BODY}\r\n`, "0\r\n\r\n"]],
  ] as [string, Record<string, string>, string[]][]
) {
  Deno.test(`a client that leaves before the headers, whose request ${what}, ends the call at OpenRouter`, async () => {
    const { db, gateway, openrouter } = world;
    const identity = await newIdentity();
    const faults = { "x-openrouter-simulate": "hang" };
    const client = await connect(gateway, identity, CHAT, BODY, { ...headers, ...faults }, pieces);
    await until(
      "the call to reach OpenRouter",
      async () => openrouter.requestsWith(await db.keyHash(identity.did)).length === 1,
    );

    const leftAt = performance.now();
    client.close();

    await openrouter.quiet();
    console.log(`cancelled after ${Math.round(performance.now() - leftAt)} ms`);
    const [row] = await db.endedRows(identity.did, 1);
    assert.equal(row?.status, "failed");
    assert.equal(row?.error_message, "client_disconnected");
    assert.equal(row?.http_status, null);
    assert.equal(row?.total_cost, null, "OpenRouter never named it");
  });
}

Deno.test("a client that leaves while its key is created sends nothing, and may send the same again", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const key = { "idempotency-key": "once" };
  openrouter.addFault({ on: "POST /keys", faults: "gate:2" });
  const created = () => openrouter.ledger().requests.by_route["POST /keys"] ?? 0;
  const before = created();
  const client = await connect(gateway, identity, CHAT, BODY, key);
  await until("the key to be asked for", () => created() > before);

  client.close();
  // What follows on the gateway's side is not to be seen from here; another request takes as long.
  await (await call(gateway, await newIdentity(), "POST", CHAT, BODY)).text();
  openrouter.addFault({ on: "POST /keys", faults: "gate:2" });
  await (await call(gateway, await newIdentity(), "POST", CHAT, BODY)).text();

  const [row] = await db.endedRows(identity.did, 1);
  assert.equal(row?.error_message, "client_disconnected");
  const hash = await db.keyHash(identity.did);
  assert.equal(openrouter.requestsWith(hash).length, 0);
  const again = await call(gateway, identity, "POST", CHAT, BODY, { headers: key });
  assert.equal(again.status, 200);
  await again.text();
});
