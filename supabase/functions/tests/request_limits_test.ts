import assert from "node:assert/strict";
import { createDidToken } from "../../../scripts/client/llm_gateway.ts";
import { openUpload } from "./harness/bodies.ts";
import { AUDIENCE, call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
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

const UNSENT: [what: string, path: string, status: number, headers: () => Promise<HeaderMap>][] = [
  ["without credentials", CHAT, 401, () => Promise.resolve({})],
  ["with an old timestamp", CHAT, 401, async () => ({
    ...await signed(await newIdentity(), "POST", CHAT),
    "x-did-timestamp": "1700000000",
  })],
  ["with a token of another audience", CHAT, 401, async () => ({
    authorization: `Bearer ${await createDidToken(await newIdentity(), { audience: "elsewhere" })}`,
  })],
  ["for what a token's holder may not have", "/api/v1/openrouter/keys", 403, async () => ({
    authorization: `Bearer ${await createDidToken(await newIdentity(), { audience: AUDIENCE })}`,
  })],
  ["that is too large", CHAT, 413, async () => ({
    ...await signed(await newIdentity(), "POST", CHAT),
    "content-length": String(MAX_REQUEST_BYTES + 1),
  })],
  ["that is compressed", CHAT, 415, async () => ({
    ...await signed(await newIdentity(), "POST", CHAT),
    "content-encoding": "gzip",
  })],
  ["to no route", "/api/v1/nothing", 404, () => Promise.resolve({})],
];
type HeaderMap = Record<string, string>;

for (const [what, path, status, headersOf] of UNSENT) {
  Deno.test(`a request ${what} is answered before its body is sent, as the last of its connection`, async () => {
    const headers = { "content-length": "1000", ...await headersOf() };
    const upload = await openUpload(world.gateway, headers, path);
    const head = await upload.until("\r\n\r\n");
    assert.match(head, new RegExp(`^HTTP/1.1 ${status} `));
    assert.match(head, /^connection: close\r$/im);
    upload.close();
  });
}

Deno.test("an answer that comes after the whole body leaves the connection open", async () => {
  const identity = await newIdentity();
  const body = chat("hello");
  const response = await call(world.gateway, identity, "POST", CHAT, body);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("connection"), null);
  await response.body?.cancel();
  const forged = await fetch(world.gateway.url + CHAT, {
    method: "POST",
    headers: await signed(identity, "POST", CHAT, `${body} `),
    body,
  });
  assert.equal(forged.headers.get("connection"), null);
  await assertRefused(forged, 401, "invalid_signature");
});
