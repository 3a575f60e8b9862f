import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

Deno.test("a client that leaves after the gateway has served many others still ends its call", async () => {
  const { db, gateway, openrouter } = world;
  const [leaver, other] = [await newIdentity(), await newIdentity()];
  const leaving = new AbortController();
  const response = await call(
    gateway,
    leaver,
    "POST",
    CHAT,
    chat("one two three", { stream: true }),
    {
      headers: { "x-openrouter-simulate": "hang:2" },
      signal: leaving.signal,
    },
  );
  await response.body!.getReader().read();
  // Enough for the gateway's runtime to collect its garbage, with which Deno's fetch loses its signal.
  for (let n = 0; n < 300; n++) {
    const answer = await call(gateway, other, "POST", CHAT, chat("word ".repeat(2000)));
    await answer.body?.cancel();
  }

  leaving.abort();

  await openrouter.quiet();
  const [row] = await db.pricedRows(leaver.did, 1);
  assert.equal(row?.error_message, "client_disconnected");
  assert.equal(row?.cost_source, "generation");
});
