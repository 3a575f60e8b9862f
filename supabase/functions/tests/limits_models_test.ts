/** Allowed models: every spelling in which OpenRouter would run another one. */
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { setLimits } from "./harness/limits.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const MINI = "openai/gpt-4o-mini";
const OTHER = "anthropic/claude-opus-4.5";

/** `reasoning.mode` makes `…-pro` of it. */
const LUNA = "openai/gpt-5.6-luna";

/** A DID that may use two models, and all of one vendor. */
async function limited(): Promise<Identity> {
  const identity = await newIdentity();
  await setLimits(world.db, identity.did, { allowed_models: [MINI, LUNA, "mistralai/*"] });
  return identity;
}

/** What OpenRouter would take for another model, or for who knows which. */
const OTHERS: [what: string, members: Record<string, unknown> | string][] = [
  ["another model", { model: OTHER }],
  ["another case", { model: "OpenAI/gpt-4o-mini" }],
  ["a variant", { model: `${MINI}:nitro` }],
  ["a free variant", { model: `${MINI}:free` }],
  ["a search", { model: `${MINI}:online` }],
  ["two variants", { model: `${MINI}:floor:online` }],
  ["two variants of an allowed vendor's", { model: "mistralai/x:floor:online" }],
  ["a vendor that begins alike", { model: "mistralai2/x" }],
  ["no model", { model: undefined }],
  ["an empty model", { model: "" }],
  ["null", { model: null }],
  ["a mode of reasoning", { model: LUNA, reasoning: { mode: "pro" } }],
  ["an alias", { model: "~openai/gpt-latest" }],
  ["an allowed vendor's alias", { model: "~mistralai/small-latest" }],
  ["the automatic router", { model: "openrouter/auto" }],
  ["a router of free models", { model: "openrouter/free" }],
  ["blanks around it", { model: ` ${MINI} ` }],
  ["fallbacks of models", { models: [MINI, OTHER] }],
  ["models without a model", { model: undefined, models: [OTHER] }],
  ["fallbacks", { fallbacks: [{ model: OTHER }] }],
  ["fallbacks as texts", { fallbacks: [OTHER] }],
  ["an escaped name", `{"\\u006dodel":"${OTHER}","messages":[]}`],
  ["a name twice, the first allowed", `{"model":"${MINI}","model":"${OTHER}","messages":[]}`],
  ["a name twice, the last allowed", `{"model":"${OTHER}","model":"${MINI}","messages":[]}`],
  ["a model in a list", { model: [OTHER] }],
  ["a tool's model", {
    tools: [{ type: "openrouter:web_search", parameters: { judge_model: OTHER } }],
  }],
  ["a tool's models", {
    tools: [{ type: "openrouter:web_search", parameters: { analysis_models: [MINI, OTHER] } }],
  }],
  ["a plugin's model", { plugins: [{ id: "web", model: OTHER }] }],
  ["a router's models", {
    model: "openrouter/auto",
    plugins: [{ id: "auto-router", allowed_models: [MINI] }],
  }],
  ["a preset", { model: "@preset/mine" }],
  ["an allowed model at a preset", { model: `${MINI}@preset/mine` }],
  ["the member preset", { preset: "mine" }],
];

for (const [what, members] of OTHERS) {
  Deno.test(`a DID with a list of models does not get by with ${what}`, async () => {
    const { db, gateway, openrouter } = world;
    const identity = await limited();
    const before = openrouter.requestCount();
    const body = typeof members === "string" ? members : chat("hello", members);
    const response = await call(gateway, identity, "POST", CHAT, body);
    await response.body?.cancel();
    assert.ok(response.status === 403 || response.status === 400, String(response.status));
    assert.equal(openrouter.requestCount(), before);
    assert.deepEqual(await db.rowsOf(identity.did), []);
    assert.equal(await db.keyHash(identity.did), null);
  });
}

Deno.test("the refusal names the model, and what is not known", async () => {
  const identity = await limited();
  const named = await call(world.gateway, identity, "POST", CHAT, chat("hello", { model: OTHER }));
  const { param, model } = await assertRefused(named, 403, "model_not_allowed");
  assert.deepEqual({ param, model }, { param: "model", model: OTHER });
  const body = chat("hello", { model: undefined });
  const unnamed = await call(world.gateway, identity, "POST", CHAT, body);
  const error = await assertRefused(unnamed, 403, "model_not_allowed");
  assert.match(error.message, /names no model, so that what runs is not known/);
});

Deno.test("the list holds on every endpoint", async () => {
  const { gateway, openrouter } = world;
  const identity = await limited();
  const before = openrouter.requestCount();
  const form = new FormData();
  form.set("model", OTHER);
  form.set("file", new Blob(["sound"]), "a.mp3");
  const encoded = new Request("http://a", { method: "POST", body: form });
  const bodies: [path: string, body: string | Uint8Array<ArrayBuffer>, type?: string][] = [
    ...[
      "completions",
      "responses",
      "messages",
      "embeddings",
      "rerank",
      "images",
      "audio/speech",
      "videos",
    ]
      .map((
        path,
      ): [string, string] => [path, JSON.stringify({ model: OTHER, prompt: "x", input: "x" })]),
    [
      "audio/transcriptions",
      new Uint8Array(await encoded.arrayBuffer()),
      encoded.headers.get("content-type")!,
    ],
  ];
  for (const [path, body, type = "application/json"] of bodies) {
    const response = await call(gateway, identity, "POST", `/api/v1/openrouter/${path}`, body, {
      headers: { "content-type": type },
    });
    await assertRefused(response, 403, "model_not_allowed");
  }
  assert.equal(openrouter.requestCount(), before);
});

for (
  const members of [
    { model: MINI },
    { model: MINI, models: [MINI, "mistralai/mistral-small-byok"] },
    { model: "mistralai/mistral-small-byok" },
  ]
) {
  Deno.test(`a DID may use what its list has: ${JSON.stringify(members)}`, async () => {
    const response = await call(
      world.gateway,
      await limited(),
      "POST",
      CHAT,
      chat("hello", members),
    );
    assert.equal(response.status, 200, await response.text());
  });
}

Deno.test("a list of models knows TypeSafe's by the names of its SDKs", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  await setLimits(db, identity.did, { allowed_models: ["typesafe/jev-1.13"] });
  const path = "/api/v1/openrouter/v1/systemone";
  const decided = (model: string) => {
    const questions = { cold: { type: "noul", instructions: "is it?" } };
    const body = JSON.stringify({ model, state: "a wet street", questions });
    return call(gateway, identity, "POST", path, body);
  };
  const answer = await decided("jev-1.13");
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).model, "typesafe/jev-1.13");
  const row = await db.endedRow(answer);
  assert.equal(row.model, "typesafe/jev-1.13");
  for (const model of ["jev-latest", "jev-1.14"]) {
    await assertRefused(await decided(model), 403, "model_not_allowed");
  }
});
