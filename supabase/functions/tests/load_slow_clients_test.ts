import assert from "node:assert/strict";
import { CHAT, chat, newIdentity } from "./harness/client.ts";
import { peakMemoryMb } from "./harness/memory.ts";
import { connect } from "./harness/raw_client.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const CLIENTS = 64;
const OFFERED_MB = 20;
const READS = 40;
const READ_BYTES = 1024;
const READ_EVERY_MS = 100;
/**
 * A fourth of what OpenRouter offers. What is live is a few megabytes: the peak is garbage of the
 * first second, in which the kernel's socket buffers fill through the gateway.
 */
const MAX_MEMORY_MB = CLIENTS * OFFERED_MB / 4;

const world = useWorld();

Deno.test(`${CLIENTS} clients that read slowly hold back ${OFFERED_MB} MB each at OpenRouter, not in the gateway's memory`, async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const body = chat("big", { stream: true });
  const headers = { "x-openrouter-simulate": `big:${OFFERED_MB}` };
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => connect(gateway, identity, CHAT, body, headers)),
  );

  let bytes = 0;
  await Promise.all(clients.map(async (client) => {
    for (let read = 0; read < READS; read++) {
      bytes += (await client.read(READ_BYTES))?.length ?? 0;
      await new Promise((resolve) => setTimeout(resolve, READ_EVERY_MS));
    }
  }));

  const peakMb = peakMemoryMb(gateway.pid);
  assert.ok(bytes > CLIENTS * READS * READ_BYTES / 2, "the streams ran");
  assert.equal(openrouter.ledger().requests.in_flight, CLIENTS, "nothing was read to its end");
  for (const client of clients) client.close();
  await until("OpenRouter's work to end", () => openrouter.ledger().requests.in_flight === 0);
  const rows = await db.endedRows(identity.did, CLIENTS);
  assert.ok(rows.every((row) => row.error_message === "client_disconnected"));
  const { usage } = openrouter.keyOf(await db.keyHash(identity.did));
  assert.equal((await db.booked(identity.did)).cost, usage);
  if (peakMb === null) {
    console.log("the gateway's memory was not measured: only Linux tells a process's peak");
    return;
  }
  console.log(`the gateway's peak memory was ${peakMb.toFixed(1)} MB`);
  assert.ok(peakMb < MAX_MEMORY_MB, `${peakMb.toFixed(1)} MB is not below ${MAX_MEMORY_MB} MB`);
});
