import assert from "node:assert/strict";
import { USER_ID } from "./identifiers.ts";
import { startSimulator } from "./server.ts";
import { type Bench, chat, dataOf, MANAGEMENT_KEY, until, withSimulator } from "./testing.ts";
import { DEFAULT_WORKSPACE_ID, OTHER_WORKSPACE_ID } from "./workspaces.ts";

/** Starts a stream of 10 tokens that stops after 4, aborts it, and returns its generation. */
async function abandoned({ call, simulator }: Bench, model: string) {
  const leaving = new AbortController();
  const response = await call("/chat/completions", chat(10, { model, stream: true }), {
    simulate: "chunks:10,hang:4",
    signal: leaving.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (dataOf(text.slice(0, text.lastIndexOf("\n"))).length < 4) {
    text += (await reader.read()).value;
  }
  leaving.abort();
  await assert.rejects(reader.read(), { name: "AbortError" });
  await until(() => simulator.ledger().cancelled_generations === 1);
  const id = response.headers.get("x-generation-id");
  return (await (await call(`/generation?id=${id}`)).json()).data;
}

Deno.test("GET /generation tells what a call cost", () =>
  withSimulator(async ({ call }) => {
    const body = chat(3, { model: "openai/gpt-4o-mini", user: "u1", session_id: "s1" });
    const faults = "chunks:3,reasoning:1,cached:1";
    const answer = await call("/chat/completions", body, { simulate: faults });
    const { id, usage } = await answer.json();
    const { data } = await (await call(`/generation?id=${id}`)).json();
    const { latency, generation_time, created_at, ...others } = data;
    assert.equal(typeof latency, "number");
    assert.equal(typeof generation_time, "number");
    assert.ok(Number.isFinite(Date.parse(created_at)));
    const expected = {
      id,
      request_id: id.replace("gen-", "req-"),
      upstream_id: id.replace("gen-", "chatcmpl-"),
      creator_user_id: USER_ID,
      workspace_id: DEFAULT_WORKSPACE_ID,
      external_user: "u1",
      session_id: "s1",
      api_type: "completions",
      router: null,
      service_tier: null,
      finish_reason: "length",
      native_finish_reason: "length",
      num_search_results: null,
      model: "openai/gpt-4o-mini",
      streamed: false,
      cancelled: false,
      total_cost: usage.cost,
      usage: usage.cost,
      upstream_inference_cost: 0,
      is_byok: false,
      tokens_prompt: 3,
      tokens_completion: 4,
      native_tokens_prompt: 2,
      native_tokens_completion: 3,
      native_tokens_reasoning: 1,
      native_tokens_cached: 1,
      provider_name: "OpenAI",
    };
    const rest = Object.keys(expected).map((name) => [name, others[name]]);
    assert.deepEqual(Object.fromEntries(rest), expected);
  }));

Deno.test("GET /generation answers every key of the account", () =>
  withSimulator(async ({ call, manage }) => {
    const { id } = await (await call("/chat/completions", chat(1))).json();
    const other = { name: "other", workspace_id: OTHER_WORKSPACE_ID };
    const { key } = await (await manage("POST", "/keys", other)).json();
    const path = `/generation?id=${id}`;
    for (const response of [await call(path, undefined, { key }), await manage("GET", path)]) {
      assert.equal((await response.json()).data.id, id);
    }
  }));

Deno.test("GET /generation names the router, the tier and the searches", () =>
  withSimulator(async ({ call }) => {
    const { id } = await (await call(
      "/chat/completions",
      chat(1, {
        model: "openrouter/auto",
        service_tier: "priority",
        tools: [{ type: "openrouter:web_search" }],
      }),
    )).json();
    const { data } = await (await call(`/generation?id=${id}`)).json();
    assert.deepEqual(
      [data.router, data.service_tier, data.num_search_results],
      ["openrouter/auto", "priority", 5],
    );
  }));

Deno.test("GET /generation does not know an unlisted, a free or an unknown generation", () =>
  withSimulator(async ({ call }) => {
    const unlisted = await call("/chat/completions", chat(1), { simulate: "unlisted" });
    const free = await call(
      "/chat/completions",
      chat(1, { model: "meta-llama/llama-3.3-70b-instruct:free" }),
    );
    for (const id of [(await unlisted.json()).id, (await free.json()).id, "gen-0"]) {
      const response = await call(`/generation?id=${id}`);
      assert.equal(response.status, 404);
      assert.equal((await response.json()).error.message, `Generation ${id} not found`);
    }
  }));

Deno.test("a generation is not known before its delay has passed", async () => {
  const simulator = await startSimulator({
    managementKey: MANAGEMENT_KEY,
    generationDelayMs: 3_600_000,
  });
  try {
    const created = await fetch(`${simulator.url}/keys`, {
      method: "POST",
      headers: { authorization: `Bearer ${MANAGEMENT_KEY}` },
      body: '{"name":"x"}',
    });
    const headers = { authorization: `Bearer ${(await created.json()).key}` };
    const answer = await fetch(`${simulator.url}/chat/completions`, {
      method: "POST",
      headers,
      body: JSON.stringify(chat(1)),
    });
    const { id } = await answer.json();
    const early = await fetch(`${simulator.url}/generation?id=${id}`, { headers });
    assert.equal(early.status, 404);
    await early.body?.cancel();
    assert.equal(simulator.ledger().generations, 1);
  } finally {
    await simulator.stop();
  }
});

Deno.test("an aborted stream is billed for what was sent, once", () =>
  withSimulator(async (bench) => {
    const generation = await abandoned(bench, "openai/gpt-4o-mini");
    assert.equal(generation.cancelled, true);
    assert.equal(generation.native_tokens_completion, 4);
    assert.equal(generation.total_cost, 0.0000027);
    assert.equal(bench.simulator.ledger().total_cost, "0.0000027");
    assert.equal(bench.simulator.ledger().generations, 1);
  }));

Deno.test("a provider that cannot stop bills the whole answer of an aborted stream", () =>
  withSimulator(async (bench) => {
    const generation = await abandoned(bench, "amazon/nova-lite-v1");
    assert.equal(generation.cancelled, true);
    assert.equal(generation.native_tokens_completion, 10);
    assert.equal(generation.total_cost, 0.00000252);
  }));

Deno.test("a thousand concurrent streams are each booked once", () =>
  withSimulator(async ({ call, simulator }) => {
    await Promise.all(Array.from({ length: 1000 }, async () => {
      const text = await (await call("/chat/completions", chat(5, { stream: true }))).text();
      assert.equal(dataOf(text).length, 8);
    }));
    const { generations, total_cost, requests } = simulator.ledger();
    assert.deepEqual([generations, total_cost], [1000, "0.0033"]);
    assert.deepEqual([requests.count, requests.recent.length], [1001, 1000]);
    assert.equal(requests.by_route["POST /chat/completions"], 1000);
  }));
