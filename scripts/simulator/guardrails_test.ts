import assert from "node:assert/strict";
import { type Bench, chat, withSimulator } from "./testing.ts";

/** Makes a guardrail and binds the bench's key to it. */
async function bound({ manage, hash }: Bench, rules: object): Promise<string> {
  const made = await manage("POST", "/guardrails", { name: "users", ...rules });
  assert.equal(made.status, 201);
  const { id } = (await made.json()).data;
  const assigned = await manage("POST", `/guardrails/${id}/assignments/keys`, {
    key_hashes: [hash],
  });
  assert.deepEqual(await assigned.json(), { assigned_count: 1 });
  return id;
}

Deno.test("a guardrail is made, listed, read, and shown in the books of its keys", () =>
  withSimulator(async (bench) => {
    const { manage, hash, simulator } = bench;
    const id = await bound(bench, { allowed_models: ["openai/gpt-4o"], limit_usd: 2 });
    const { data } = await (await manage("GET", `/guardrails/${id}`)).json();
    assert.deepEqual([data.name, data.allowed_models, data.limit_usd, data.reset_interval], [
      "users",
      ["openai/gpt-4o"],
      2,
      null,
    ]);
    assert.deepEqual((await (await manage("GET", "/guardrails")).json()).data, [data]);
    const assigned = await (await manage("GET", `/guardrails/${id}/assignments/keys`)).json();
    assert.deepEqual([assigned.total_count, assigned.data[0].key_hash], [1, hash]);
    assert.equal(simulator.ledger().keys[0]?.guardrail_id, id);
  }));

Deno.test("a key has one guardrail: the one that it was assigned to last", () =>
  withSimulator(async (bench) => {
    const first = await bound(bench, {});
    const second = await bound(bench, {});
    const count = async (id: string) =>
      (await (await bench.manage("GET", `/guardrails/${id}/assignments/keys`)).json()).total_count;
    assert.deepEqual([await count(first), await count(second)], [0, 1]);
  }));

Deno.test("an unknown guardrail is a 404; an unknown key a 400, and then no key is assigned", () =>
  withSimulator(async ({ manage, hash, simulator, call }) => {
    const path = "/guardrails/none/assignments/keys";
    assert.equal((await manage("POST", path, { key_hashes: [hash] })).status, 404);
    assert.equal((await manage("GET", path)).status, 404);
    const { data } = await (await manage("POST", "/guardrails", { name: "x" })).json();
    const assign = (key_hashes: unknown) =>
      manage("POST", `/guardrails/${data.id}/assignments/keys`, { key_hashes });
    assert.equal((await assign([hash, "0".repeat(64)])).status, 400);
    assert.equal((await assign([])).status, 400);
    assert.equal(simulator.ledger().keys[0]?.guardrail_id, null);
    assert.equal((await manage("POST", "/guardrails", { name: "x", limit_usd: -1 })).status, 400);
    assert.equal((await call("/guardrails")).status, 401);
  }));

Deno.test("a model that the guardrail does not allow is a 403, on every endpoint and by any route", () =>
  withSimulator(async (bench) => {
    const { call, simulator } = bench;
    await bound(bench, { allowed_models: ["openai/gpt-4o"] });
    const refused = [
      await call("/chat/completions", chat(1)),
      await call("/chat/completions", chat(1, { model: "openrouter/auto" })),
      await call("/messages", chat(1)),
      await call("/embeddings", { model: "openai/text-embedding-3-small", input: "x" }),
      await call("/videos", { model: "google/veo-3.1", prompt: "x" }),
    ];
    for (const response of refused) {
      assert.equal(response.status, 403, response.url);
      assert.match((await response.json()).error.message, /is not allowed by the guardrail/);
    }
    assert.equal(simulator.ledger().generations, 0);
    const allowed = await call("/chat/completions", chat(1, { model: "openai/gpt-4o" }));
    assert.equal((await allowed.json()).model, "openai/gpt-4o");
  }));

Deno.test("of a model and its fallbacks the first that is allowed runs", () =>
  withSimulator(async (bench) => {
    await bound(bench, { allowed_models: ["openai/gpt-4o"] });
    const body = chat(1, { models: ["amazon/nova-lite-v1", "openai/gpt-4o"] });
    const answer = await bench.call("/chat/completions", body);
    assert.equal((await answer.json()).model, "openai/gpt-4o");
  }));

Deno.test("a guardrail's limit refuses calls once it is spent, and says when it is renewed", () =>
  withSimulator(async (bench) => {
    const { call } = bench;
    await bound(bench, { limit_usd: 0.5, reset_interval: "daily" });
    const first = await call("/chat/completions", chat(1), { simulate: "cost:0.75" });
    assert.equal(first.status, 200);
    await first.body?.cancel();
    const refused = await call("/chat/completions", chat(1));
    assert.equal(refused.status, 403);
    const { error } = await refused.json();
    assert.equal(error.message, "Budget limit exceeded");
    const { resets_at, ...metadata } = error.metadata;
    assert.deepEqual(metadata, {
      limit_source: "openrouter_guardrail_budget",
      scope: "api_key",
      limit_usd: 0.5,
      spend_usd: 0.75,
    });
    assert.match(resets_at, /T00:00:00\.000Z$/);
    const { data } = await (await call("/key")).json();
    assert.equal(data.budgets[0].remaining_usd, 0);
    assert.deepEqual(data.effective_budget, data.budgets[0]);
  }));
