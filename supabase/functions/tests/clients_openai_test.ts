import assert from "node:assert/strict";
import OpenAI from "openai";
import { createDidToken, type Identity } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

/** The openai package as anybody uses it: nothing but its key and its address is set. */
async function openaiOf(identity: Identity, issuedAt?: number): Promise<OpenAI> {
  return new OpenAI({
    apiKey: await createDidToken(identity, { audience: AUDIENCE, issuedAt }),
    baseURL: `${world.gateway.url}/api/v1/openrouter`,
  });
}

function asking(words: string) {
  return {
    model: "openai/gpt-4o-mini",
    messages: [{ role: "user" as const, content: words }],
  };
}

Deno.test("the openai package with a DID token for its key gets an answer that is booked", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();

  const { data, request_id } = await (await openaiOf(identity)).chat.completions
    .create(asking("one two three")).withResponse();

  assert.equal(data.choices[0]?.message.content, "one two three");
  const [row] = await db.endedRows(identity.did, 1);
  assert.equal(row?.id, request_id);
  assert.equal(row?.status, "completed");
  assert.equal(row?.output_tokens, data.usage?.completion_tokens);
  assert.equal(row?.total_cost, openrouter.keyOf(await db.keyHash(identity.did)).usage);
});

Deno.test("the openai package with a DID token streams, and has the stream's usage", async () => {
  const identity = await newIdentity();
  const stream = await (await openaiOf(identity)).chat.completions
    .create({ ...asking("one two three"), stream: true });

  const deltas: string[] = [];
  let completionTokens: number | undefined;
  for await (const chunk of stream) {
    const content = chunk.choices[0]?.delta.content;
    if (content) deltas.push(content);
    completionTokens = chunk.usage?.completion_tokens ?? completionTokens;
  }

  assert.ok(deltas.length > 1);
  assert.equal(deltas.join(""), "one two three");
  const [row] = await world.db.endedRows(identity.did, 1);
  assert.equal(row?.streaming, true);
  assert.equal(row?.output_tokens, completionTokens);
});

Deno.test("the openai package reads vectors in the encoding that it asks for unasked", async () => {
  const identity = await newIdentity();
  const { data } = await (await openaiOf(identity)).embeddings.create({
    model: "openai/text-embedding-3-small",
    input: ["one", "two"],
    dimensions: 3,
  });
  assert.deepEqual(data.map(({ embedding }) => [...embedding]), [
    [-0.25, 0.5, -0.25],
    [0.5, -0.25, 0.5],
  ]);
});

Deno.test("the openai package has a completion for each prompt, all of them paid", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  const { choices } = await (await openaiOf(identity)).completions.create({
    model: "openai/gpt-3.5-turbo",
    prompt: ["one two", "three"],
  });
  assert.deepEqual(choices.map(({ index, text }) => [index, text]), [[0, "one two"], [1, "three"]]);
  const [row] = await db.endedRows(identity.did, 1);
  assert.equal(row?.output_tokens, 3);
  assert.equal(row?.total_cost, openrouter.keyOf(await db.keyHash(identity.did)).usage);
});

Deno.test("the openai package lists the models, which is not booked", async () => {
  const identity = await newIdentity();
  const models = await (await openaiOf(identity)).models.list();
  assert.ok(models.data.some(({ id }) => id === "openai/gpt-4o-mini"));
  assert.deepEqual(await world.db.rowsOf(identity.did), []);
});

Deno.test("the openai package shows an error of OpenRouter's as OpenRouter sent it", async () => {
  const { db } = world;
  const identity = await newIdentity();
  const openai = await openaiOf(identity);
  const error = await thrownBy(
    openai.chat.completions.create({ ...asking("hello"), model: "no/such-model" }),
  );
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.equal(error.code, 400);
  assert.match(error.message, /no\/such-model is not a valid model ID/);
  const [row] = await db.endedRows(identity.did, 1);
  assert.equal(row?.id, error.requestID);
  assert.equal(row?.status, "failed");
  assert.equal(row?.http_status, 400);
});

Deno.test("the openai package shows a refusal of the gateway's by code, type and request id", async () => {
  const identity = await newIdentity();
  const openai = await openaiOf(identity, Math.floor(Date.now() / 1000) - 7200);
  const error = await thrownBy(openai.chat.completions.create(asking("hello")));
  assert.ok(error instanceof OpenAI.AuthenticationError);
  assert.equal(error.type, "expired_token");
  assert.equal(error.code, 401);
  assert.match(error.message, /the token has expired/);
  assert.match(error.requestID ?? "", /^[0-9a-f-]{36}$/);
});

Deno.test("the openai package throws what breaks off a stream, and the row has failed", async () => {
  const identity = await newIdentity();
  const stream = await (await openaiOf(identity)).chat.completions.create(
    { ...asking("one two three four"), stream: true },
    { headers: { "x-openrouter-simulate": "error:429:2" } },
  );
  let received = "";
  const error = await thrownBy((async () => {
    for await (const chunk of stream) received += chunk.choices[0]?.delta.content ?? "";
  })());
  assert.ok(error instanceof OpenAI.APIError);
  assert.match(error.message, /Rate limit exceeded/);
  assert.equal(received, "one two");
  const [row] = await world.db.endedRows(identity.did, 1);
  assert.equal(row?.status, "failed");
});

for (const status of [429, 500]) {
  Deno.test(`the openai package repeats a call that met a ${status}, and each call has its row`, async () => {
    const { db, openrouter } = world;
    const identity = await newIdentity();
    openrouter.addFault({ on: "POST /chat/completions", faults: `status:${status}` });

    const answer = await (await openaiOf(identity)).chat.completions.create(asking("hello"));

    assert.equal(answer.choices[0]?.message.content, "hello");
    const rows = await db.endedRows(identity.did, 2);
    assert.deepEqual(rows.map((row) => [row.status, row.http_status]), [
      ["failed", status],
      ["completed", 200],
    ]);
    const key = openrouter.keyOf(await db.keyHash(identity.did));
    assert.equal(key.generations, 1);
    assert.deepEqual(await db.booked(identity.did), { requests: 2, failed: 1, cost: key.usage });
  });
}

async function thrownBy(attempt: PromiseLike<unknown>): Promise<unknown> {
  try {
    await attempt;
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
}
