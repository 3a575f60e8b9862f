import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

/** Reads a stream until this many `data:` events have arrived, and keeps the connection. */
async function readEvents(response: Response, count: number): Promise<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split("\n\n").filter((event) => event.startsWith("data:")).length < count) {
    const { done, value } = await reader.read();
    assert.ok(!done, "the stream ended early");
    text += value;
  }
  reader.releaseLock();
  return text;
}

for (
  const [what, faults] of [
    ["a stream that has fallen silent", "chunks:50,hang:3"],
    ["a stream that goes on", "chunks:1000,slow:50"],
  ] as const
) {
  Deno.test(`a client that leaves ${what} ends the call at OpenRouter and pays what it had`, async () => {
    const { db, gateway, openrouter } = world;
    const identity = await newIdentity();
    const cancelledBefore = openrouter.ledger().cancelled_generations;
    const leaving = new AbortController();
    const response = await call(gateway, identity, "POST", CHAT, chat("hi", { stream: true }), {
      headers: { "x-openrouter-simulate": faults },
      signal: leaving.signal,
    });
    const answer = await readEvents(response, 3);

    leaving.abort();

    await openrouter.quiet();
    assert.equal(openrouter.ledger().cancelled_generations, cancelledBefore + 1);
    const [row] = await db.pricedRows(identity.did, 1);
    const key = openrouter.keyOf(await db.keyHash(identity.did));
    assert.ok(row);
    assert.equal(row.status, "failed");
    assert.equal(row.error_message, "client_disconnected");
    assert.equal(row.http_status, 200);
    assert.equal(row.generation_id, /"id":"(gen-[^"]+)"/.exec(answer)?.[1]);
    assert.equal(row.cost_source, "generation");
    assert.equal(row.total_cost, key.usage);
    assert.ok(row.output_tokens !== null && row.output_tokens >= 3 && row.output_tokens < 50);
    assert.ok(row.first_byte_ms !== null);
    assert.deepEqual(await db.booked(identity.did), { requests: 1, failed: 1, cost: key.usage });
  });
}

Deno.test("a client that leaves a stream before the headers ends the call at OpenRouter", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const leaving = new AbortController();
  const answer = call(gateway, identity, "POST", CHAT, chat("hi", { stream: true }), {
    headers: { "x-openrouter-simulate": "hang" },
    signal: leaving.signal,
  });
  await until(
    "the call to reach OpenRouter",
    async () => openrouter.requestsWith(await db.keyHash(identity.did)).length === 1,
  );

  leaving.abort();

  await assert.rejects(answer, { name: "AbortError" });
  await openrouter.quiet();
  const [row] = await db.pricedRows(identity.did, 1);
  assert.ok(row);
  assert.equal(row.status, "failed");
  assert.equal(row.error_message, "client_disconnected");
  assert.equal(row.http_status, null);
  assert.equal(row.total_cost, null);
  assert.equal(row.cost_source, null);
  assert.deepEqual(await db.booked(identity.did), { requests: 1, failed: 1, cost: "0" });
});

Deno.test("calls that are no streams are billed in full and booked in full, though all their clients leave before the headers", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const leaving = new AbortController();
  const calls = Array.from({ length: 20 }, () =>
    call(gateway, identity, "POST", CHAT, chat("hi"), {
      headers: { "x-openrouter-simulate": "gate:20,latency:200,cost:0.25" },
      signal: leaving.signal,
    }));
  const left = Promise.allSettled(calls);
  await until(
    "the calls to reach OpenRouter",
    async () => openrouter.requestsWith(await db.keyHash(identity.did)).length === 20,
  );

  leaving.abort();

  for (const { status } of await left) assert.equal(status, "rejected");
  const rows = await db.pricedRows(identity.did, 20);
  assert.ok(rows.every((row) => row.error_message === "client_disconnected"));
  assert.equal(openrouter.keyOf(await db.keyHash(identity.did)).usage, "5");
  assert.deepEqual(await db.booked(identity.did), { requests: 20, failed: 20, cost: "5" });
});

Deno.test("a client that leaves with the whole answer in hand has had a complete one", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const body = chat("one two three", { stream: true });
  const { hostname, port, pathname, host } = new URL(gateway.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = [
    `POST ${pathname}${CHAT} HTTP/1.1`,
    `host: ${host}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
    ...Object.entries(await signed(identity, "POST", CHAT, body)).map((pair) => pair.join(": ")),
  ];
  await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body}`));
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  while (!text.includes("[DONE]")) {
    const size = await connection.read(buffer);
    assert.ok(size !== null, "the connection ended early");
    text += decoder.decode(buffer.subarray(0, size), { stream: true });
  }
  connection.close();

  const [row] = await db.pricedRows(identity.did, 1);
  assert.equal(row?.status, "completed");
  assert.equal(row?.cost_source, "response");
  assert.equal(row?.total_cost, openrouter.keyOf(await db.keyHash(identity.did)).usage);
});
