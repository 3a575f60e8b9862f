import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { CHAT, chat, newIdentity } from "./harness/client.ts";
import { liveMb, peakMbDuring, peakPrivateMb } from "./harness/memory.ts";
import { connect, type RawClient } from "./harness/raw_client.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const CLIENTS = 64;
const OFFERED_MB = 20;
/** Of each client; what was sent may not be held while it is answered. */
const SENT_BYTES = 500_000;
const READS = 4;
const READ_BYTES = 1024;
const READ_EVERY_MS = 1000;
const MAX_USED_MB = 150;
/** A chunk here and a few where Deno queues what it sends, 64 KiB each; nothing that grows with an answer. */
const MAX_LIVE_MB_A_CLIENT = 0.5;

const world = useWorld({ edge: true, measured: true });

Deno.test(`${CLIENTS} clients that read slowly hold back ${OFFERED_MB} MB each at OpenRouter, not in the gateway's memory`, async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const body = chat("big ".repeat(SENT_BYTES / 4), { stream: true });
  const headers = { "x-openrouter-simulate": `big:${OFFERED_MB}` };
  const before = await liveMb(gateway);
  const clients: RawClient[] = [];
  let bytes = 0;
  const peak = await peakMbDuring(gateway, async () => {
    await Promise.all(Array.from({ length: CLIENTS }, async () => {
      const client = await connect(gateway, identity, CHAT, body, headers);
      clients.push(client);
      for (let read = 0; read < READS; read++) {
        bytes += (await client.read(READ_BYTES))?.length ?? 0;
        await sleep(READ_EVERY_MS);
      }
    }));
  });
  const live = await liveMb(gateway);

  assert.ok(bytes > CLIENTS * READS * READ_BYTES / 2, "the streams ran");
  assert.equal(openrouter.ledger().requests.in_flight, CLIENTS, "nothing was read to its end");
  for (const client of clients) client.close();
  await until("OpenRouter's work to end", () => openrouter.ledger().requests.in_flight === 0);
  const rows = await db.pricedRows(identity.did, CLIENTS);
  assert.ok(rows.every((row) => row.error_message === "client_disconnected"));
  const { usage } = openrouter.keyOf(await db.keyHash(identity.did));
  assert.equal((await db.booked(identity.did)).cost, usage);
  console.log(
    `memory in use: ${before.toFixed(1)} MB before, at most ${peak.toFixed(1)} MB, of which ` +
      `${live.toFixed(1)} MB live; all that the process held besides its program: ` +
      `${peakPrivateMb(gateway)?.toFixed(1) ?? "?"} MB`,
  );
  assert.ok(peak < MAX_USED_MB, `${peak.toFixed(1)} MB is not below ${MAX_USED_MB} MB`);
  const grown = (live - before) / CLIENTS;
  assert.ok(grown < MAX_LIVE_MB_A_CLIENT, `each stream holds ${grown.toFixed(2)} MB`);
});
