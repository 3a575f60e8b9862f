import assert from "node:assert/strict";
import OpenAI from "openai";
import { AUDIENCE, call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { startFront } from "./harness/front.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";
import { createDidToken, signedFetch } from "../../../scripts/client/llm_gateway.ts";

const HEADERS_MS = 700;
const IDLE_MS = 800;
const TIMEOUTS = {
  UPSTREAM_HEADERS_TIMEOUT_MS: String(HEADERS_MS),
  UPSTREAM_IDLE_TIMEOUT_MS: String(IDLE_MS),
};
const world = useWorld({ env: TIMEOUTS });
const front = await startFront();
/** Where OpenRouter gives answers that the simulator does not, and garbage can be collected. */
const fronted = useWorld({ env: { ...TIMEOUTS, OPENROUTER_API_URL: front.url }, measured: true });
Deno.test.beforeAll(() => {
  front.target = fronted.openrouter.url;
});
Deno.test.afterAll(front.stop);

const SILENT = `upstream_timeout: OpenRouter was silent for ${IDLE_MS} ms within its answer`;

/** Asserts that the DID's only row has failed with this message, at what OpenRouter charged. */
async function assertFailed(did: string, httpStatus: number | null, message: string) {
  const { db, openrouter } = world;
  const [row] = await db.pricedRows(did, 1);
  assert.ok(row);
  assert.deepEqual(
    [row.status, row.http_status, row.error_message],
    ["failed", httpStatus, message],
  );
  const { usage } = openrouter.keyOf(await db.keyHash(did));
  assert.equal(row.total_cost ?? "0", usage);
  assert.deepEqual(await db.booked(did), { requests: 1, failed: 1, cost: usage });
  return row;
}

Deno.test("headers that do not come in time are 504, and the call at OpenRouter ends", async () => {
  // bifrost PR #7199
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat("hi", { stream: true }), {
    headers: { "x-openrouter-simulate": "hang" },
  });
  const { message } = await assertRefused(response, 504, "upstream_timeout");
  assert.equal(response.headers.get("x-should-retry"), null);
  assert.equal(message, `OpenRouter sent no response headers within ${HEADERS_MS} ms`);
  await openrouter.quiet();
  const row = await assertFailed(identity.did, null, `upstream_timeout: ${message}`);
  assert.equal(row.cost_source, null);
});

Deno.test("a call that is no stream goes on after its 504, is booked at what it cost, and sent again by no SDK", async () => {
  const { gateway } = world;
  const identity = await newIdentity();
  const openai = new OpenAI({
    baseURL: `${gateway.url}/api/v1/openrouter`,
    apiKey: await createDidToken(identity, { audience: AUDIENCE }),
  });
  const asking = openai.chat.completions.create(
    { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "one two three" }] },
    { headers: { "x-openrouter-simulate": `latency:${HEADERS_MS + 300}` } },
  );
  const message = `OpenRouter sent no response headers within ${HEADERS_MS} ms`;
  await assert.rejects(asking, {
    status: 504,
    type: "upstream_timeout",
    message: `504 ${message}`,
  });
  const row = await assertFailed(identity.did, 200, `upstream_timeout: ${message}`);
  assert.deepEqual([row.cost_source, row.output_tokens], ["response", 3]);
});

const SILENCES = [
  ["between two events", "chunks:9,hang:3", 3],
  ["before its first event", "hang:0", 0],
] as const;

for (const [where, faults, outputTokens] of SILENCES) {
  Deno.test(`a stream that falls silent ${where} ends with an error event that the OpenAI SDK throws`, async () => {
    const { gateway, openrouter } = world;
    const identity = await newIdentity();
    const openai = new OpenAI({
      apiKey: "unused",
      baseURL: `${gateway.url}/api/v1/openrouter`,
      fetch: signedFetch(identity, { audience: AUDIENCE, gatewayUrl: gateway.url }),
      maxRetries: 0,
    });
    const stream = await openai.chat.completions.create({
      model: "openai/gpt-4o-mini",
      messages: [{ role: "user", content: "hi" }],
      stream: true,
    }, { headers: { "x-openrouter-simulate": faults } });

    let chunks = 0;
    await assert.rejects(
      async () => {
        for await (const _ of stream) chunks++;
      },
      (error) => {
        assert.ok(error instanceof OpenAI.APIError);
        assert.equal(error.type, "upstream_timeout");
        assert.equal(error.code, 504);
        return true;
      },
    );
    assert.equal(chunks, outputTokens);
    await openrouter.quiet();
    const row = await assertFailed(identity.did, 200, SILENT);
    assert.equal(row.output_tokens, outputTokens);
    assert.equal(row.cost_source, "generation");
  });
}

Deno.test("a silent stream is kept alive by comments between its events, and says at its end what happened", async () => {
  const { gateway } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat("hi", { stream: true }), {
    headers: { "x-openrouter-simulate": "chunks:9,hang:3" },
  });
  let text = "";
  await assert.rejects(async () => {
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) text += piece;
  });
  const events = text.split("\n\n");
  const silence = events.indexOf(": keep-alive");
  assert.equal(events.slice(0, silence).filter((event) => event.startsWith("data: ")).length, 3);
  const tail = events.slice(silence).join("\n\n");
  assert.match(tail, /^(?:: keep-alive\n\n)+data: \{.*"type":"upstream_timeout".*\}\n\n$/);
  await assertFailed(identity.did, 200, SILENT);
});

Deno.test("a stream that lasts longer than any time-out is not cut while it goes on", async () => {
  // nvcf #1060: total deadlines killed long streams.
  const { db, gateway } = world;
  const identity = await newIdentity();
  const started = performance.now();
  const response = await call(gateway, identity, "POST", CHAT, chat("hi", { stream: true }), {
    headers: { "x-openrouter-simulate": "chunks:12,slow:150" },
  });
  const text = await response.text();
  assert.ok(performance.now() - started > HEADERS_MS + IDLE_MS);
  assert.match(text, /data: \[DONE\]\n\n$/);
  const [row] = await db.pricedRows(identity.did, 1);
  assert.deepEqual([row?.status, row?.output_tokens], ["completed", 12]);
});

Deno.test("a JSON answer that falls silent is broken off", async () => {
  const { gateway } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat("hi"), {
    headers: { "x-openrouter-simulate": "hang:1" },
  });
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
  await assertFailed(identity.did, 200, SILENT);
});

Deno.test("a job's answer that falls silent is broken off, whatever became of its garbage", async () => {
  const { db, gateway } = fronted;
  const identity = await newIdentity();
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  front.handlers.set("POST /videos", (_request, response) => {
    response.writeHead(202, { "content-type": "application/json" });
    response.write('{"id":"gen-vid-1",', () => resolve());
  });
  const body = JSON.stringify({ model: "google/veo-3.1", prompt: "a wave" });
  const answer = call(gateway, identity, "POST", "/api/v1/openrouter/videos", body)
    .then((response) => response.text());
  const isBroken = assert.rejects(answer);
  await begun;
  // Deno's fetch forgets its signal with this.
  await (await fetch(`${gateway.memoryUrl}?collect`)).body?.cancel();
  await isBroken;
  const [row] = await db.endedRows(identity.did, 1);
  assert.deepEqual([row?.status, row?.http_status], ["failed", 202]);
});
