/** The endings of endings_test.ts at endpoints other than chat, whose answers have other shapes. */
import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import type { RequestRow } from "./harness/database.ts";
import { connect } from "./harness/raw_client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const API = "/api/v1/openrouter";
const WORDS = "one two three four five";
const BROKE = "upstream_unreachable: OpenRouter's connection broke before the answer was complete";

const RESPONSE = { model: "openai/gpt-4o", input: WORDS };
const MESSAGE = {
  model: "anthropic/claude-sonnet-4.5",
  max_tokens: 5,
  messages: [{ role: "user", content: WORDS }],
};
const IMAGES = { model: "google/gemini-2.5-flash-image", prompt: "a red cube", n: 4 };
const SPEECH = { model: "openai/gpt-4o-mini-tts", input: "hello", voice: "alloy" };

/** Asserts that the DID has one row with these members, at what OpenRouter charged its key. */
async function assertEnded(did: string, expected: Partial<RequestRow>): Promise<RequestRow> {
  const { db, openrouter } = world;
  const [row] = await db.pricedRows(did, 1);
  assert.ok(row);
  for (const [name, value] of Object.entries(expected)) {
    assert.equal(row[name as keyof RequestRow], value, name);
  }
  const { usage, generations } = openrouter.keyOf(await db.keyHash(did));
  assert.equal(generations, 1);
  assert.equal(row.total_cost, usage);
  const failed = row.status === "failed" ? 1 : 0;
  assert.deepEqual(await db.booked(did), { requests: 1, failed, cost: usage });
  return row;
}

// BerriAI/litellm #40578: an error inside a 200 was logged as success.
for (
  const [path, body, stream, faults, message] of [
    ["/responses", RESPONSE, false, "error:502", "502: Provider returned error"],
    ["/responses", RESPONSE, true, "error:429:2", "429: Rate limit exceeded"],
    ["/messages", MESSAGE, false, "error:529", "overloaded_error: Provider overloaded"],
    ["/messages", MESSAGE, true, "error:429:2", "rate_limit_error: Rate limit exceeded"],
    ["/images", IMAGES, false, "error:502", "502: Provider returned error"],
    ["/images", IMAGES, true, "error:429:2", "429: Rate limit exceeded"],
  ] as const
) {
  Deno.test(`an error inside a 200 of ${path}, ${stream ? "streamed" : "as JSON"}, arrives unchanged, and the row has failed with its message`, async () => {
    const { gateway, openrouter } = world;
    const identity = await newIdentity();
    const text = JSON.stringify({ ...body, stream });

    const response = await call(gateway, identity, "POST", API + path, text, {
      headers: { "x-openrouter-simulate": faults },
    });

    assert.equal(response.status, 200);
    const answer = await response.text();
    assert.match(answer, /"error"/);
    const direct = await openrouter.answerWithoutGateway(path, text, faults, answer);
    const undated = (text: string) => text.replaceAll(/"created(?:_at)?":\d+/g, '"created":0');
    assert.equal(undated(answer), undated(direct));
    const row = await assertEnded(identity.did, {
      endpoint: path,
      streaming: stream,
      status: "failed",
      http_status: 200,
      error_message: message,
      generation_id: response.headers.get("x-generation-id"),
      cost_source: stream ? "generation" : "response",
    });
    // What was made before the error is billed; an error instead of an answer is free.
    assert.equal(row.total_cost !== "0", stream);
  });
}

interface Interruption {
  what: string;
  path: string;
  body: Record<string, unknown>;
  /** That makes the answer wait in its middle, and that breaks it there. What is no stream is heard on. */
  waits: string;
  breaks: string;
  /** The last of what arrives before its middle. */
  seen: string;
  /** Whether it tells its cost to whoever hears it to its end. */
  tellsItsCost: boolean;
  row: Partial<RequestRow>;
}

const INTERRUPTIONS: Interruption[] = [
  {
    what: "speech",
    path: "/audio/speech",
    body: SPEECH,
    waits: "slow:300",
    breaks: "drop:1",
    seen: "abcdefghijklmnopqrstuvwxyz",
    tellsItsCost: false,
    row: { streaming: false, total_cost: "0.000075" },
  },
  {
    what: "a JSON response",
    path: "/responses",
    body: RESPONSE,
    waits: "slow:300",
    breaks: "drop:1",
    seen: '"id":"gen-',
    tellsItsCost: true,
    row: { streaming: false, output_tokens: 5 },
  },
  {
    what: "a streamed response",
    path: "/responses",
    body: { ...RESPONSE, stream: true },
    waits: "chunks:9,hang:3",
    breaks: "chunks:9,drop:3",
    seen: " three",
    tellsItsCost: false,
    row: { streaming: true, output_tokens: 3 },
  },
];

for (const { what, path, body, waits, breaks, seen, tellsItsCost, row } of INTERRUPTIONS) {
  const interrupted = { endpoint: path, status: "failed", http_status: 200 } as const;

  // BerriAI/litellm #14457, bifrost PR #3709: no row, or one token of 806.
  Deno.test(`a client that leaves ${what} in its middle has a row that failed, at what OpenRouter charged`, async () => {
    const { gateway, openrouter } = world;
    const identity = await newIdentity();
    const client = await connect(gateway, identity, API + path, JSON.stringify(body), {
      "x-openrouter-simulate": waits,
    });
    await client.until(seen);

    client.close();

    await openrouter.quiet();
    await assertEnded(identity.did, {
      ...interrupted,
      ...row,
      error_message: "client_disconnected",
      cost_source: tellsItsCost ? "response" : "generation",
    });
  });

  // bifrost #5546: upstream died mid-stream, and that was logged as success.
  Deno.test(`${what} that OpenRouter breaks off is broken off at the client, and its row failed, at what OpenRouter charged`, async () => {
    const { gateway } = world;
    const identity = await newIdentity();

    const response = await call(gateway, identity, "POST", API + path, JSON.stringify(body), {
      headers: { "x-openrouter-simulate": breaks },
    });

    assert.equal(response.status, 200);
    await assert.rejects(response.arrayBuffer());
    await assertEnded(identity.did, {
      ...interrupted,
      ...row,
      error_message: BROKE,
      cost_source: "generation",
    });
  });
}

const MEGABYTE = 1024 * 1024;

for (
  const [path, body] of [
    [CHAT, chat(WORDS)],
    [`${API}/responses`, JSON.stringify(RESPONSE)],
  ] as const
) {
  Deno.test(`a JSON answer of ${path} of 9 MB arrives whole, and its usage is read from it`, async () => {
    const { gateway } = world;
    const identity = await newIdentity();

    const response = await call(gateway, identity, "POST", path, body, {
      headers: { "x-openrouter-simulate": "big:9" },
    });

    assert.equal(response.status, 200);
    const text = await response.text();
    assert.ok(text.length > 9 * MEGABYTE);
    const { usage } = JSON.parse(text);
    const row = await assertEnded(identity.did, {
      status: "completed",
      http_status: 200,
      error_message: null,
      cost_source: "response",
      generation_id: response.headers.get("x-generation-id"),
      output_tokens: 9 * 16,
    });
    assert.equal(Number(row.total_cost), usage.cost);
  });
}
