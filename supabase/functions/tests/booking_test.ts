import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import type { RequestRow } from "./harness/database.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const WORDS = "say ünïcode 日本語 🙂 back to me";
/** As the simulator counts: a token for every 4 bytes of the prompt, one for each word said. */
const INPUT_TOKENS = Math.ceil(new TextEncoder().encode(WORDS).length / 4);
const OUTPUT_TOKENS = 7;

/** Asserts that the DID has this one row, complete, at the price that OpenRouter charged its key. */
async function assertBooked(did: string, answer: string, expected: Partial<RequestRow>) {
  const { db, openrouter } = world;
  const [row] = await db.pricedRows(did, 1);
  assert.ok(row);
  const { id: _, did: __, request_time, response_time, first_byte_ms, ...booked } = row;
  assert.ok(response_time !== null && response_time >= request_time);
  assert.ok(first_byte_ms !== null && first_byte_ms >= 0);
  const key = openrouter.keyOf(await db.keyHash(did));
  assert.equal(key.generations, 1);
  assert.deepEqual(booked, {
    status: "completed",
    error_message: null,
    method: "POST",
    endpoint: "/chat/completions",
    streaming: false,
    http_status: 200,
    model: "openai/gpt-4o-mini",
    provider: "OpenAI",
    native_finish_reason: "stop",
    generation_id: /"id":"(gen-[^"]+)"/.exec(answer)?.[1],
    input_tokens: INPUT_TOKENS,
    output_tokens: OUTPUT_TOKENS,
    cached_tokens: 0,
    reasoning_tokens: 0,
    total_cost: key.usage,
    upstream_cost: null,
    cost_source: "response",
    ...expected,
  });
  assert.deepEqual(await db.booked(did), { requests: 1, failed: 0, cost: key.usage });
}

Deno.test("a signed streaming chat arrives byte for byte and is booked to the last digit", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const body = chat(WORDS, { stream: true });

  const response = await call(gateway, identity, "POST", CHAT, body);

  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const bytes = await response.arrayBuffer();
  const answer = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  assert.match(answer, /^: OPENROUTER PROCESSING\n\n/);
  assert.match(answer, /data: \[DONE\]\n\n$/);
  assert.equal(
    answer,
    await openrouter.answerWithoutGateway("/chat/completions", body, "", answer),
  );
  await assertBooked(identity.did, answer, { streaming: true });
});

Deno.test("a signed JSON chat arrives byte for byte and is booked to the last digit", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const body = chat(WORDS);

  const response = await call(gateway, identity, "POST", CHAT, body);

  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  const answer = await response.text();
  assert.equal(
    answer,
    await openrouter.answerWithoutGateway("/chat/completions", body, "", answer),
  );
  assert.equal(response.headers.get("x-generation-id"), JSON.parse(answer).id);
  await assertBooked(identity.did, answer, {});
});

Deno.test("a text completion is booked like a chat", async () => {
  const identity = await newIdentity();
  const path = "/api/v1/openrouter/completions";
  const body = JSON.stringify({ model: "openai/gpt-4o-mini", prompt: WORDS });

  const response = await call(world.gateway, identity, "POST", path, body);

  assert.equal(response.status, 200);
  await assertBooked(identity.did, await response.text(), { endpoint: "/completions" });
});

/** What OpenRouter varies in a stream, and what the row says then. */
const VARIATIONS: [what: string, faults: string, expected: Partial<RequestRow>][] = [
  ["a cost in exponent notation", "exponent,cost:0.000007765", { total_cost: "0.000007765" }],
  ["a cost below a millionth of a cent", "cost:0.0000000001", { total_cost: "0.0000000001" }],
  ["a cost of zero, which is a cost", "cache-hit", {
    input_tokens: 0,
    output_tokens: 0,
    total_cost: "0",
  }],
  ["cached and reasoning tokens, which are parts of the others", "cached:3,reasoning:2", {
    cached_tokens: 3,
    reasoning_tokens: 2,
  }],
  ["details that are null", "null-details", { cached_tokens: null, reasoning_tokens: null }],
  ["usage twice", "usage-twice", {}],
  ["usage, then null", "null-usage", {}],
  ["usage beside no choices", "empty-choices", {}],
  ["no [DONE]", "no-done", {}],
  ["a last event without its blank line", "unterminated", {}],
  ["lines that end in CR LF", "crlf", {}],
  ["lines that end in CR", "cr", {}],
  ["data: without a space", "no-space", {}],
  ["debug chunks and many comments", "debug,comments:20", {}],
  ["characters split between chunks", "multibyte,split:1", { output_tokens: 6 }],
  ["a provider key of the customer's own", "byok,cost:0.02", {
    total_cost: "0.001",
    upstream_cost: "0.02",
  }],
];

for (const [what, faults, expected] of VARIATIONS) {
  Deno.test(`a stream with ${what} arrives unchanged and is booked`, async () => {
    const { gateway, openrouter } = world;
    const identity = await newIdentity();
    const body = chat(WORDS, { stream: true });

    const response = await call(gateway, identity, "POST", CHAT, body, {
      headers: { "x-openrouter-simulate": faults },
    });

    const answer = await response.text();
    assert.equal(
      answer,
      await openrouter.answerWithoutGateway("/chat/completions", body, faults, answer),
    );
    await assertBooked(identity.did, answer, { streaming: true, ...expected });
  });
}

Deno.test("usage that an answer does not tell is read from GET /generation", async () => {
  const identity = await newIdentity();

  const response = await call(world.gateway, identity, "POST", CHAT, chat(WORDS), {
    headers: { "x-openrouter-simulate": "no-usage" },
  });

  await assertBooked(identity.did, await response.text(), { cost_source: "generation" });
});
