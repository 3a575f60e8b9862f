import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import assert from "node:assert/strict";
import { createDidToken, type Identity } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

async function modelFor(identity: Identity) {
  const provider = createOpenAICompatible({
    name: "gateway",
    apiKey: await createDidToken(identity, { audience: AUDIENCE }),
    baseURL: `${world.gateway.url}/api/v1/openrouter`,
    includeUsage: true,
  });
  return provider("openai/gpt-4o-mini");
}

async function assertBooked(did: string, streaming: boolean, outputTokens: number | undefined) {
  const [row] = await world.db.endedRows(did, 1);
  assert.equal(row?.status, "completed");
  assert.equal(row?.streaming, streaming);
  assert.equal(row?.output_tokens, outputTokens);
}

Deno.test("generateText of the AI SDK takes a DID token for its key", async () => {
  const identity = await newIdentity();
  const { text, usage } = await generateText({
    model: await modelFor(identity),
    prompt: "one two three",
  });
  assert.equal(text, "one two three");
  await assertBooked(identity.did, false, usage.outputTokens);
});

Deno.test("streamText of the AI SDK takes a DID token for its key", async () => {
  const identity = await newIdentity();
  const result = streamText({ model: await modelFor(identity), prompt: "one two three" });
  const pieces = await Array.fromAsync(result.textStream);
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(""), "one two three");
  await assertBooked(identity.did, true, (await result.usage).outputTokens);
});

Deno.test("the AI SDK repeats a call that met a 429", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  openrouter.addFault({ on: "POST /chat/completions", faults: "status:429" });
  const { text } = await generateText({ model: await modelFor(identity), prompt: "hello" });
  assert.equal(text, "hello");
  const rows = await db.endedRows(identity.did, 2);
  assert.deepEqual(rows.map((row) => row.http_status), [429, 200]);
});
