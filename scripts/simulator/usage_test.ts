import assert from "node:assert/strict";
import { type Bench, chat, dataOf, withSimulator } from "./testing.ts";

const CHAT = "/chat/completions";

async function usageOf({ call }: Bench, path: string, body: object, simulate = "") {
  return (await (await call(path, body, { simulate })).json()).usage;
}

Deno.test("tools of OpenRouter's own are paid as a part of the cost, and counted", () =>
  withSimulator(async (bench) => {
    const tools = [{ type: "openrouter:web_search" }, { type: "openrouter:datetime" }];
    const usage = await usageOf(bench, CHAT, chat(3, { tools }));
    assert.equal(usage.cost, 0.0050021);
    assert.equal(usage.cost_details.server_tool_cost, 0.005);
    assert.equal(usage.cost_details.upstream_inference_cost, 0.0000021);
    assert.deepEqual(usage.server_tool_use_details, {
      tool_calls_requested: 2,
      tool_calls_executed: 2,
      web_search_requests: 1,
    });
    const plugin = chat(3, { plugins: [{ id: "web" }] });
    assert.deepEqual((await usageOf(bench, "/messages", plugin)).server_tool_use, {
      web_search_requests: 1,
    });
    const own = await usageOf(bench, CHAT, chat(3, { tools: [{ type: "function" }] }));
    assert.equal(own.server_tool_use_details, undefined);
    assert.equal(own.cost_details.server_tool_cost, undefined);
  }));

Deno.test("a search is paid by whatever name it is asked for", () =>
  withSimulator(async (bench) => {
    for (
      const members of [
        { tools: [{ type: "web_search_20250305" }] },
        { tools: [{ type: "web_search_preview_2025_03_11" }] },
        { web_search_options: {} },
        { model: "openai/gpt-4o-mini:online" },
        { model: "openai/gpt-4o-mini:floor:online", plugins: [{ id: "web" }] },
      ]
    ) {
      const body = chat(3, { model: "openai/gpt-4o-mini", ...members });
      const answer = await (await bench.call(CHAT, body, { simulate: "chunks:3" })).json();
      assert.deepEqual([answer.model, answer.usage.cost], ["openai/gpt-4o-mini", 0.0050021]);
    }
  }));

Deno.test("a faster tier is named in the answer, and twice as dear", () =>
  withSimulator(async (bench) => {
    const body = chat(3, { service_tier: "priority" });
    const answer = await (await bench.call(CHAT, body)).json();
    assert.deepEqual([answer.service_tier, answer.usage.cost], ["priority", 0.0000042]);
    const stream = await bench.call(CHAT, { ...body, stream: true });
    const last = dataOf(await stream.text()).at(-2);
    assert.deepEqual([last.service_tier, last.usage.cost], ["priority", 0.0000042]);
    assert.equal((await usageOf(bench, "/messages", chat(3, { speed: "fast" }))).cost, 0.0000042);
    const nitro = { ...chat(3), model: "openai/gpt-4o-mini:nitro" };
    assert.equal((await usageOf(bench, CHAT, nitro, "chunks:3")).cost, 0.0000042);
  }));

Deno.test("cache-write: tokens written to a cache are part of the prompt, at a price of their own", () =>
  withSimulator(async (bench) => {
    const body = chat(1, {
      model: "anthropic/claude-sonnet-4.5",
      messages: [{ role: "user", content: "x".repeat(40) }],
    });
    const usage = await usageOf(bench, CHAT, body, "chunks:1,cache-write:4");
    assert.deepEqual(
      [usage.prompt_tokens, usage.prompt_tokens_details.cache_write_tokens, usage.cost],
      [10, 4, 0.000048],
    );
    const messages = await usageOf(bench, "/messages", body, "cache-write:4");
    assert.deepEqual([messages.input_tokens, messages.cache_creation_input_tokens], [6, 4]);
    assert.deepEqual(messages.cache_creation, {
      ephemeral_5m_input_tokens: 4,
      ephemeral_1h_input_tokens: 0,
    });
  }));

Deno.test("a mode of reasoning is served by the model that is listed for it", () =>
  withSimulator(async ({ call }) => {
    const modelOf = async (model: string, mode: string) =>
      (await (await call(CHAT, chat(1, { model, reasoning: { mode } }))).json()).model;
    assert.equal(await modelOf("openai/gpt-5.6-luna", "pro"), "openai/gpt-5.6-luna-pro");
    assert.equal(await modelOf("openai/gpt-5.6-luna", "standard"), "openai/gpt-5.6-luna");
    assert.equal(await modelOf("openai/gpt-4o-mini", "pro"), "openai/gpt-4o-mini");
  }));

Deno.test("a long prompt is written to the cache of a model that caches unasked", () =>
  withSimulator(async (bench) => {
    const written = async (characters: number, members: object = {}) => {
      const messages = [{ role: "user", content: "x".repeat(characters) }];
      const body = chat(1, { model: "openai/gpt-5.6-luna", messages, ...members });
      const { prompt_tokens_details, cost } = await usageOf(bench, CHAT, body, "chunks:1");
      return [prompt_tokens_details.cache_write_tokens, cost];
    };
    assert.deepEqual(await written(4 * 1023), [0, 0.00025775]);
    assert.deepEqual(await written(4 * 1024), [1024, 0.000322]);
    const explicit = { prompt_cache_options: { mode: "explicit" } };
    assert.deepEqual(await written(4 * 1024, explicit), [0, 0.000258]);
  }));

Deno.test("iterations: a compaction is paid, and left out of the top level's tokens", () =>
  withSimulator(async (bench) => {
    const usage = await usageOf(bench, "/messages", chat(3), "iterations:100:10");
    assert.deepEqual([usage.input_tokens, usage.output_tokens], [2, 3]);
    assert.deepEqual(usage.iterations, [
      { type: "compaction", input_tokens: 100, output_tokens: 10 },
      { type: "message", input_tokens: 2, output_tokens: 3 },
    ]);
    assert.equal(usage.cost, 0.0000231);
  }));

Deno.test("no-cost and bare-usage leave members out, on every endpoint", () =>
  withSimulator(async (bench) => {
    const body = { model: "cohere/rerank-v3.5", query: "abcd", documents: ["efgh"] };
    assert.deepEqual(await usageOf(bench, "/rerank", body, "bare-usage"), { cost: 0.002 });
    assert.deepEqual(await usageOf(bench, "/rerank", body, "no-cost"), {
      total_tokens: 2,
      search_units: 1,
    });
    assert.deepEqual(await usageOf(bench, "/rerank", body, "no-cost,bare-usage"), {});
    const chatUsage = await usageOf(bench, CHAT, chat(3), "no-cost");
    assert.deepEqual([chatUsage.cost, chatUsage.completion_tokens], [undefined, 3]);
  }));

Deno.test("cache-hit: the answer says HIT, and costs nothing", () =>
  withSimulator(async ({ call, simulator }) => {
    for (const stream of [false, true]) {
      const hit = await call(CHAT, chat(3, { stream }), { simulate: "cache-hit" });
      const [status, age, ttl] = ["status", "age", "ttl"]
        .map((name) => hit.headers.get(`x-openrouter-cache-${name}`));
      assert.deepEqual([status, age, ttl], ["HIT", "7", "300"]);
      await hit.body?.cancel();
    }
    const miss = await call(CHAT, chat(3));
    assert.equal(miss.headers.get("x-openrouter-cache-status"), null);
    await miss.body?.cancel();
    assert.equal(simulator.ledger().total_cost, "0.0000021");
  }));

Deno.test("generations: the answer tells the sum of the parts that GET /generation shows", () =>
  withSimulator(async ({ call, manage, simulator }) => {
    const answer = await call(CHAT, chat(4), { simulate: "generations:3,cost:1" });
    const { id, usage } = await answer.json();
    assert.deepEqual([usage.cost, usage.completion_tokens], [1, 4]);
    const { data } = await (await call(`/generation?id=${id}`)).json();
    assert.ok(data.total_cost < 0.34);
    const query = { metrics: ["credits_usage"], dimensions: ["generation_id"] };
    const rows = (await (await manage("POST", "/analytics/query", query)).json()).data.data;
    const requests = await Promise.all(
      rows.map(async ({ generation_id }: { generation_id: string }) =>
        (await (await call(`/generation?id=${generation_id}`)).json()).data.request_id
      ),
    );
    assert.deepEqual(requests, Array(3).fill(data.request_id));
    assert.equal(simulator.ledger().total_cost, "1");
  }));

Deno.test("a long prompt is dearer, as the list of prices says", () =>
  withSimulator(async (bench) => {
    const model = "anthropic/claude-sonnet-4.5";
    const ask = (tokens: number) => ({
      ...chat(1, { model }),
      messages: [{ role: "user", content: "x".repeat(4 * tokens) }],
    });
    assert.equal((await usageOf(bench, CHAT, ask(199_999))).cost, 0.600012);
    assert.equal((await usageOf(bench, CHAT, ask(200_000))).cost, 1.2000225);
    const { data } = await (await bench.call(`/model/${model}`)).json();
    assert.deepEqual(data.pricing.overrides, [
      { min_prompt_tokens: 200_000, prompt: "0.000006", completion: "0.0000225" },
    ]);
  }));

Deno.test("a model that is dearer than provider.max_price is refused", () =>
  withSimulator(async ({ call, simulator }) => {
    const ask = async (max_price: object) => {
      const response = await call(CHAT, chat(1, { provider: { max_price } }));
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await ask({ prompt: 0.15, completion: 0.6 }), 200);
    assert.equal(await ask({ prompt: 0.14 }), 404);
    assert.equal(await ask({ completion: "0.59" }), 404);
    for (const prompt of ["0x10", "1e-40", {}]) assert.equal(await ask({ prompt }), 400);
    assert.equal(simulator.ledger().generations, 1);
  }));

Deno.test("thoughts, images, requests and searches cost what the list of prices says of each", () =>
  withSimulator(async (bench) => {
    const image = { role: "user", content: [{ type: "image_url", image_url: { url: "data:," } }] };
    const gemini = chat(10, { model: "google/gemini-2.5-pro", messages: [image] });
    assert.equal((await usageOf(bench, CHAT, gemini, "chunks:10,reasoning:4")).cost, 0.00527125);
    const sonar = chat(1, { model: "perplexity/sonar-pro", plugins: [{ id: "web" }] });
    assert.equal((await usageOf(bench, CHAT, sonar, "chunks:1")).cost, 0.011021);
    const { data } = await (await bench.call("/model/google/gemini-2.5-pro")).json();
    assert.deepEqual([data.pricing.internal_reasoning, data.pricing.image], [
      "0.0000125",
      "0.00516",
    ]);
  }));
