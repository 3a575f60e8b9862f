import assert from "node:assert/strict";
import OpenAI from "openai";
import { type Identity, signedFetch } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

/** The openai package over a fetch that signs, and the headers of each request that it sent. */
function openaiOf(identity: Identity): { openai: OpenAI; sent: Headers[] } {
  const gatewayUrl = world.gateway.url;
  const sent: Headers[] = [];
  const openai = new OpenAI({
    apiKey: "not needed",
    baseURL: `${gatewayUrl}/api/v1/openrouter`,
    fetch: signedFetch(identity, {
      gatewayUrl,
      audience: AUDIENCE,
      fetch: async (input, init) => {
        sent.push(new Headers(input instanceof Request ? input.headers : init?.headers));
        return await fetch(input, init);
      },
    }),
  });
  return { openai, sent };
}

function asking(words: string) {
  return {
    model: "openai/gpt-4o-mini",
    messages: [{ role: "user" as const, content: words }],
  };
}

Deno.test("the openai package over a signing fetch gets JSON, then a stream", async () => {
  const { db } = world;
  const identity = await newIdentity();
  const { openai } = openaiOf(identity);

  const answer = await openai.chat.completions.create(asking("one two"));
  assert.equal(answer.choices[0]?.message.content, "one two");

  const stream = await openai.chat.completions.create({ ...asking("one two"), stream: true });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  assert.equal(text, "one two");

  const rows = await db.endedRows(identity.did, 2);
  assert.deepEqual(rows.map((row) => [row.status, row.streaming]), [
    ["completed", false],
    ["completed", true],
  ]);
});

Deno.test("the openai package tells the type and the code of the gateway's refusal", async () => {
  const [identity, other] = [await newIdentity(), await newIdentity()];
  const { openai } = openaiOf({ ...other, did: identity.did });
  await assert.rejects(openai.chat.completions.create(asking("hello")), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.type, "invalid_signature");
    assert.equal(error.code, 401);
    assert.match(error.message, /x-did-signature/);
    return true;
  });
});

for (const status of [429, 500]) {
  Deno.test(`the openai package signs anew when it repeats a call that met a ${status}`, async () => {
    const { db, openrouter } = world;
    const identity = await newIdentity();
    const { openai, sent } = openaiOf(identity);
    openrouter.addFault({ on: "POST /chat/completions", faults: `status:${status}:0` });

    const answer = await openai.chat.completions.create(asking("hello"));

    assert.equal(answer.choices[0]?.message.content, "hello");
    assert.equal(sent.length, 2);
    assert.equal(new Set(sent.map((headers) => headers.get("x-did-signature"))).size, 2);
    const rows = await db.endedRows(identity.did, 2);
    assert.deepEqual(rows.map((row) => [row.status, row.http_status]), [
      ["failed", status],
      ["completed", 200],
    ]);
  });
}
