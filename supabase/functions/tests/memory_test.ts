import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { liveMb, peakMbDuring, peakPrivateMb } from "./harness/memory.ts";
import { useWorld } from "./harness/world.ts";

const STREAMED_MB = 100;
const MAX_USED_MB = 50;
const MEGABYTE = 1024 * 1024;

const world = useWorld({ edge: true, measured: true });

Deno.test(`a stream of ${STREAMED_MB} MB is booked and never held in memory`, async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const before = await liveMb(gateway);

  let bytes = 0;
  const peak = await peakMbDuring(gateway, async () => {
    const response = await call(gateway, identity, "POST", CHAT, chat("big", { stream: true }), {
      headers: { "x-openrouter-simulate": `big:${STREAMED_MB}` },
    });
    for await (const chunk of response.body!) bytes += chunk.length;
  });

  assert.ok(bytes > STREAMED_MB * MEGABYTE);
  const [row] = await db.endedRows(identity.did, 1);
  assert.equal(row?.status, "completed");
  assert.equal(row?.total_cost, openrouter.keyOf(await db.keyHash(identity.did)).usage);
  console.log(
    `memory in use: ${before.toFixed(1)} MB before, at most ${peak.toFixed(1)} MB; all that the ` +
      `process held besides its program: ${peakPrivateMb(gateway)?.toFixed(1) ?? "?"} MB`,
  );
  assert.ok(peak < MAX_USED_MB, `${peak.toFixed(1)} MB is not below ${MAX_USED_MB} MB`);
});
