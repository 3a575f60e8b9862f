import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const MAX_REQUEST_BYTES = 5000;

const world = useWorld({ env: { MAX_REQUEST_BYTES: String(MAX_REQUEST_BYTES) } });

/** A chat whose JSON has exactly this many bytes. */
function chatOf(bytes: number): string {
  return chat("x".repeat(bytes - chat("").length));
}

async function assertUnused(did: string, before: number) {
  assert.equal(world.openrouter.requestCount(), before);
  assert.deepEqual(await world.db.rowsOf(did), []);
  assert.equal(await world.db.keyHash(did), null);
}

Deno.test("a body of the most bytes that are allowed is answered", async () => {
  const response = await call(
    world.gateway,
    await newIdentity(),
    "POST",
    CHAT,
    chatOf(MAX_REQUEST_BYTES),
  );
  assert.equal(response.status, 200);
  await response.body?.cancel();
});

Deno.test("a body of one byte more is refused, whether it tells its length or not", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const before = openrouter.requestCount();
  const body = chatOf(MAX_REQUEST_BYTES + 1);

  const withLength = await call(gateway, identity, "POST", CHAT, body);
  await assertRefused(withLength, 413, "request_too_large");

  const chunked = await fetch(gateway.url + CHAT, {
    method: "POST",
    headers: await signed(identity, "POST", CHAT, body),
    body: new Blob([body]).stream(),
  });
  await assertRefused(chunked, 413, "request_too_large");
  await assertUnused(identity.did, before);
});

Deno.test("a compressed body is refused, and the answer says what is taken", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const before = openrouter.requestCount();
  const compressed = new Response(
    new Blob([chat("hello")]).stream().pipeThrough(new CompressionStream("gzip")),
  );
  const body = new Uint8Array(await compressed.arrayBuffer());

  const response = await call(gateway, identity, "POST", CHAT, body, {
    headers: { "content-encoding": "gzip" },
  });

  assert.equal(response.headers.get("accept-encoding"), "identity");
  await assertRefused(response, 415, "unsupported_media_type");
  await assertUnused(identity.did, before);
});
