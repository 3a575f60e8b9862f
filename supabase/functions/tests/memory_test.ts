import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const STREAMED_MB = 100;
const MAX_MEMORY_MB = 120;
const MEGABYTE = 1024 * 1024;

const world = useWorld();

/** The most memory that a process ever held, in megabytes; null where the kernel does not say. */
function peakMemoryMb(pid: number): number | null {
  if (Deno.build.os !== "linux") return null;
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

Deno.test(`a stream of ${STREAMED_MB} MB is booked and never held in memory`, async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();

  const response = await call(gateway, identity, "POST", CHAT, chat("big", { stream: true }), {
    headers: { "x-openrouter-simulate": `big:${STREAMED_MB}` },
  });
  let bytes = 0;
  for await (const chunk of response.body!) bytes += chunk.length;

  assert.ok(bytes > STREAMED_MB * MEGABYTE);
  const [row] = await db.endedRows(identity.did, 1);
  assert.equal(row?.status, "completed");
  assert.equal(row?.total_cost, openrouter.keyOf(await db.keyHash(identity.did)).usage);

  const peakMb = peakMemoryMb(gateway.pid);
  if (peakMb === null) {
    console.log("the gateway's memory was not measured: only Linux tells a process's peak");
    return;
  }
  console.log(`the gateway's peak memory was ${peakMb.toFixed(1)} MB`);
  assert.ok(peakMb < MAX_MEMORY_MB, `${peakMb.toFixed(1)} MB is not below ${MAX_MEMORY_MB} MB`);
});
