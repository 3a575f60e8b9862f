import assert from "node:assert/strict";
import { chat, dataOf, withSimulator } from "./testing.ts";

Deno.test("a stream ends like the captured one", () =>
  withSimulator(async ({ call }) => {
    const body = chat(8, {
      model: "deepseek/deepseek-v4.1-flash",
      messages: [{ role: "user", content: "x".repeat(37 * 4) }],
      stream: true,
    });
    const response = await call("/chat/completions", body, { simulate: "chunks:8,reasoning:8" });
    const text = await response.text();
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.ok(text.startsWith(": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {"));
    assert.ok(text.endsWith("\n\ndata: [DONE]\n\n"));
    const [finish, last, done] = dataOf(text).slice(-3);
    const { id, created } = finish;
    assert.equal(id, response.headers.get("x-generation-id"));
    const expected = {
      id,
      object: "chat.completion.chunk",
      created,
      model: "deepseek/deepseek-v4.1-flash",
      provider: "InferenceNet",
      choices: [{
        index: 0,
        delta: { content: "", role: "assistant" },
        finish_reason: "length",
        native_finish_reason: "length",
      }],
    };
    assert.deepEqual(finish, expected);
    const usage = '"usage":{"prompt_tokens":37,"completion_tokens":8,"total_tokens":45,' +
      '"cost":0.000007765,"is_byok":false,"prompt_tokens_details":{"cached_tokens":0,' +
      '"cache_write_tokens":0,"audio_tokens":0,"video_tokens":0},"cost_details":{' +
      '"upstream_inference_cost":0.000007765,"upstream_inference_prompt_cost":0.000005365,' +
      '"upstream_inference_completions_cost":0.0000024},"completion_tokens_details":{' +
      '"reasoning_tokens":8,"image_tokens":0,"audio_tokens":0}}}\n\ndata: [DONE]';
    assert.ok(text.includes(usage), text);
    assert.deepEqual({ ...last, usage: undefined }, { ...expected, usage: undefined });
    assert.equal(done, "[DONE]");
  }));

for (const name of ["max_tokens", "max_completion_tokens"]) {
  Deno.test(`${name} bounds the answer, which echoes the request, and cuts what is longer`, () =>
    withSimulator(async ({ call }) => {
      const ask = async (bound?: number) => {
        const model = "openai/gpt-4o-mini";
        const body = { ...chat(0, { model }), [name]: bound };
        const { choices: [{ message, finish_reason }], usage } =
          await (await call("/chat/completions", body)).json();
        return [message.content, finish_reason, usage.completion_tokens, usage.cost];
      };
      for (const wide of [undefined, 2, 5, 100_000]) {
        assert.deepEqual(await ask(wide), ["say hi", "stop", 2, 0.0000015]);
      }
      assert.deepEqual(await ask(1), ["say", "length", 1, 0.0000009]);
    }));
}

Deno.test("a stream has one chunk for each completion token", () =>
  withSimulator(async ({ call }) => {
    const text = await (await call("/chat/completions", chat(5, { stream: true }))).text();
    const deltas = dataOf(text).slice(0, -3).map((chunk) => chunk.choices[0].delta.content);
    assert.deepEqual(deltas, ["say", " hi", " say", " hi", " say"]);
  }));

Deno.test("29 + 33 tokens of gpt-4o-mini cost 0.00002415", () =>
  withSimulator(async ({ call, simulator, hash }) => {
    const body = { ...chat(33), messages: [{ role: "user", content: "x".repeat(29 * 4) }] };
    const text = await (await call("/chat/completions", body)).text();
    assert.ok(text.includes('"cost":0.00002415,'), text);
    const [key] = simulator.ledger().keys;
    assert.deepEqual([key?.hash, key?.usage, key?.generations], [hash, "0.00002415", 1]);
  }));

Deno.test("/completions streams and answers text", () =>
  withSimulator(async ({ call }) => {
    const body = { model: "openai/gpt-4o-mini", prompt: "once upon", max_tokens: 2 };
    const whole = await (await call("/completions", body)).json();
    assert.equal(whole.choices[0].text, "once upon");
    assert.equal(whole.usage.completion_tokens, 2);
    const text = await (await call("/completions", { ...body, stream: true })).text();
    assert.equal(dataOf(text)[1].choices[0].text, " upon");
    assert.equal(dataOf(text).at(-2).usage.completion_tokens, 2);
  }));

Deno.test("with the customer's own key, cost is a fee of 5 % and upstream's price stands beside", () =>
  withSimulator(async ({ call, simulator }) => {
    const body = chat(100, { model: "mistralai/mistral-small-byok" });
    const { usage } = await (await call("/chat/completions", body, { simulate: "chunks:100" }))
      .json();
    assert.equal(usage.is_byok, true);
    assert.equal(usage.cost, 0.00000151);
    assert.equal(usage.cost_details.upstream_inference_cost, 0.0000302);
    assert.equal(simulator.ledger().total_cost, "0.00000151");
  }));

Deno.test("cached tokens are part of the prompt and cheaper", () =>
  withSimulator(async ({ call }) => {
    const body = { ...chat(1), messages: [{ role: "user", content: "x".repeat(400) }] };
    const response = await call("/chat/completions", body, { simulate: "cached:60" });
    const { usage } = await response.json();
    assert.equal(usage.prompt_tokens, 100);
    assert.equal(usage.prompt_tokens_details.cached_tokens, 60);
    assert.equal(usage.cost, 0.0000111);
  }));

Deno.test("a router's answer names the model that served it", () =>
  withSimulator(async ({ call }) => {
    const body = chat(1, { model: "openrouter/auto" });
    const answer = await (await call("/chat/completions", body)).json();
    assert.equal(answer.model, "openai/gpt-4o-mini");
    const free = await call("/chat/completions", chat(1, { model: "openrouter/free" }));
    const { model, usage } = await free.json();
    assert.deepEqual([model, usage.cost], ["meta-llama/llama-3.3-70b-instruct:free", 0]);
  }));

Deno.test("bad requests are 400 with OpenRouter's message and shape", () =>
  withSimulator(async ({ call, simulator }) => {
    const refusal = async (body: unknown) => {
      const response = await call("/chat/completions", body);
      assert.equal(response.status, 400);
      return await response.json();
    };
    const unknown = await refusal(chat(1, { model: "x" }));
    assert.equal(unknown.error.message, "x is not a valid model ID");
    assert.equal(unknown.error.code, 400);
    assert.match(unknown.user_id, /^user_/);
    assert.equal((await refusal([])).error.message, "Invalid request body");
    assert.equal((await refusal(chat(1, { max_tokens: 0 }))).error.code, 400);
    assert.equal((await refusal({ model: "openai/gpt-4o-mini" })).error.code, 400);
    assert.equal(simulator.ledger().generations, 0);
  }));

Deno.test("every answer carries the network's headers, and a generation its own", () =>
  withSimulator(async ({ call }) => {
    const response = await call("/chat/completions", chat(1));
    const { id } = await response.json();
    assert.equal(response.headers.get("x-generation-id"), id);
    assert.match(id, /^gen-\d{10}-[0-9a-f]{20}$/);
    assert.equal(response.headers.get("x-provider-name"), "OpenAI");
    assert.match(response.headers.get("cf-ray") ?? "", /^[0-9a-f]{16}-FRA$/);
    assert.match(response.headers.get("set-cookie") ?? "", /^__cf_bm=/);
  }));
