/** Calls that are under way when the gateway's process ends. */
import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { connect } from "./harness/raw_client.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ gateways: 4 });

Deno.test("SIGTERM lets running streams end, and loses no row", async () => {
  // BerriAI/litellm #38157, #34820, #33873
  const { db, gateways, openrouter } = world;
  const identity = await newIdentity();
  const body = chat("one two three", { stream: true });
  const [stays, leaves] = [
    await call(gateways[0]!, identity, "POST", CHAT, body, {
      headers: { "x-openrouter-simulate": "chunks:10,slow:50" },
    }),
    await connect(gateways[0]!, identity, CHAT, body, {
      "x-openrouter-simulate": "chunks:9,hang:3",
    }),
  ];
  await leaves.until(" three");

  const stopped = gateways[0]!.stop();
  leaves.close();

  assert.match(await stays.text(), /data: \[DONE\]\n\n$/);
  await stopped;
  const rows = await db.endedRows(identity.did, 2);
  assert.deepEqual(rows.map(({ status }) => status).sort(), ["completed", "failed"]);
  const { usage } = openrouter.keyOf(await db.keyHash(identity.did));
  const booked = await db.booked(identity.did);
  assert.equal(booked.requests, 2);
  // What OpenRouter says of the client who left may come later than a process may take to end.
  const left = rows.find(({ status }) => status === "failed");
  assert.equal(left?.error_message, "client_disconnected");
  if (left.cost_source !== null) assert.equal(booked.cost, usage);
});

Deno.test("a process that is killed after an answer has ended loses nothing but the search for its cost", async () => {
  const { db, gateways } = world;
  const identity = await newIdentity();
  for (const stream of [true, false]) {
    const response = await call(gateways[2]!, identity, "POST", CHAT, chat("one two", { stream }), {
      headers: { "x-openrouter-simulate": "no-usage,unlisted" },
    });
    await response.text();
    // The row ends while OpenRouter knows nothing of its cost yet.
    await db.endedRow(response);
  }

  await gateways[2]!.kill();

  for (const row of await db.endedRows(identity.did, 2)) {
    const { status, http_status, model, total_cost } = row;
    assert.deepEqual([status, http_status, total_cost], ["completed", 200, null]);
    assert.equal(model, "openai/gpt-4o-mini");
    assert.match(row.generation_id ?? "", /^gen-/);
  }
});

Deno.test("a process that is killed leaves its rows pending, and expire_stale_requests ends them", async () => {
  const { db, gateways, openrouter } = world;
  const identity = await newIdentity();
  const body = chat("one two three", { stream: true });
  const client = await connect(gateways[1]!, identity, CHAT, body, {
    "x-openrouter-simulate": "chunks:9,hang:3",
  });
  await client.until(" three");

  await gateways[1]!.kill();

  client.close();
  await openrouter.quiet();
  const [pending] = await db.rowsOf(identity.did);
  assert.equal(pending?.status, "pending");
  await until("the row to be old enough", async () => {
    await db.sql`select public.expire_stale_requests('1 millisecond')`;
    return (await db.rowsOf(identity.did))[0]?.status === "failed";
  });
  const [row] = await db.rowsOf(identity.did);
  assert.match(row?.error_message ?? "", /^worker_lost/);
  assert.deepEqual(await db.booked(identity.did), { requests: 1, failed: 1, cost: "0" });
});

Deno.test("SIGTERM settles what is open before anything else, for whoever kills the process soon after", async () => {
  const { db, gateways } = world;
  const identity = await newIdentity();
  const body = chat("one two three", { stream: true });
  const client = await connect(gateways[3]!, identity, CHAT, body, {
    "x-openrouter-simulate": "chunks:9,hang:3",
  });
  await client.until(" three");

  const stopped = gateways[3]!.stop();
  const [row] = await db.endedRows(identity.did, 1);
  await gateways[3]!.kill();

  await stopped;
  client.close();
  assert.match(row?.error_message ?? "", /^worker_retired: the process was stopped$/);
  assert.match(row?.generation_id ?? "", /^gen-/);
});
