import assert from "node:assert/strict";
import { chat, dataOf, withSimulator } from "./testing.ts";

Deno.test("/responses: JSON, and a stream that ends with its usage", () =>
  withSimulator(async ({ call, simulator }) => {
    const body = { model: "openai/gpt-4o-mini", input: "say hi", max_output_tokens: 3 };
    const whole = await (await call("/responses", body)).json();
    assert.equal(whole.object, "response");
    assert.equal(whole.status, "incomplete");
    assert.equal(whole.output[0].content[0].text, "say hi say");
    const usage = {
      input_tokens: 2,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 3,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 5,
      cost: 0.0000021,
      is_byok: false,
    };
    const { cost_details, ...rest } = whole.usage;
    assert.deepEqual(rest, usage);
    assert.equal(cost_details.upstream_inference_cost, 0.0000021);

    const unlimited = { ...body, max_output_tokens: undefined, stream: true };
    const events = dataOf(await (await call("/responses", unlimited)).text());
    assert.equal(events[0].type, "response.created");
    const [end, done] = events.slice(-2);
    assert.equal(end.type, "response.completed");
    assert.equal(end.sequence_number, events.length - 2);
    assert.equal(end.response.usage.output_tokens, 2);
    assert.equal(done, "[DONE]");

    const stored = await (await call(`/responses/${whole.id}`)).json();
    assert.deepEqual(stored.usage, whole.usage);
    assert.equal(simulator.ledger().generations, 2);
  }));

Deno.test("/messages: JSON, and a stream with usage at its start and end", () =>
  withSimulator(async ({ call }) => {
    const body = chat(3, {
      model: "anthropic/claude-sonnet-4.5",
      messages: [{ role: "user", content: [{ type: "text", text: "x".repeat(40) }] }],
    });
    const whole = await (await call("/messages", body, { simulate: "cached:4" })).json();
    assert.equal(whole.type, "message");
    assert.equal(whole.stop_reason, "max_tokens");
    assert.deepEqual(
      [whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.usage.output_tokens],
      [6, 4, 3],
    );
    assert.equal(whole.usage.cost, 0.0000642);

    const text = await (await call("/messages", { ...body, stream: true })).text();
    const events = dataOf(text);
    assert.deepEqual(events.map((event) => event.type), [
      "message_start",
      "content_block_start",
      "ping",
      "content_block_delta",
      "content_block_delta",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    assert.deepEqual(events[0].message.usage, {
      input_tokens: 10,
      output_tokens: 1,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    });
    assert.equal(events[7].usage.output_tokens, 3);
    assert.equal(events[7].usage.cost, 0.000075);
    assert.ok(text.includes("event: message_delta\ndata: {"));
  }));

Deno.test("/messages has Anthropic's errors", () =>
  withSimulator(async ({ call }) => {
    const refused = await call("/messages", chat(1), { key: "sk-or-v1-0" });
    assert.equal(refused.status, 401);
    assert.deepEqual(await refused.json(), {
      type: "error",
      error: { type: "authentication_error", message: "User not found." },
      request_id: null,
    });
    const broken = await call("/messages", chat(3, { stream: true }), { simulate: "error:529:1" });
    const text = await broken.text();
    assert.ok(text.includes("event: error\ndata: "));
    assert.equal(dataOf(text).at(-1).error.type, "overloaded_error");
  }));

Deno.test("/embeddings and /rerank", () =>
  withSimulator(async ({ call }) => {
    const embeddings = await (await call("/embeddings", {
      model: "openai/text-embedding-3-small",
      input: ["abcd", "efgh"],
    })).json();
    assert.equal(embeddings.data.length, 2);
    assert.deepEqual(embeddings.usage, { prompt_tokens: 2, total_tokens: 2, cost: 0.00000004 });
    const rerank = await (await call("/rerank", {
      model: "cohere/rerank-v3.5",
      query: "abcd",
      documents: Array.from({ length: 101 }, () => "efgh"),
    })).json();
    assert.equal(rerank.results.length, 101);
    assert.deepEqual(rerank.usage, { total_tokens: 102, search_units: 2, cost: 0.004 });
  }));

Deno.test("/images: JSON, and a stream whose last event has the usage", () =>
  withSimulator(async ({ call }) => {
    const body = { model: "google/gemini-2.5-flash-image", prompt: "a cat", n: 2 };
    const whole = await (await call("/images", body)).json();
    assert.equal(whole.data.length, 2);
    assert.equal(whole.usage.completion_tokens, 2580);
    assert.equal(whole.usage.cost, 0.0774006);
    const events = dataOf(await (await call("/images", { ...body, stream: true })).text());
    assert.deepEqual(events.map((event) => event.type ?? event), [
      "image_generation.partial_image",
      "image_generation.partial_image",
      "image_generation.completed",
      "[DONE]",
    ]);
    assert.deepEqual(events[2].usage, whole.usage);
  }));

Deno.test("/audio/transcriptions reads a form; /audio/speech answers bytes and no usage", () =>
  withSimulator(async ({ call }) => {
    const form = new FormData();
    form.set("model", "openai/whisper-1");
    form.set("file", new File([new Uint8Array(48_000)], "talk.wav"));
    const transcription = await (await call("/audio/transcriptions", form)).json();
    assert.deepEqual(transcription.usage, { seconds: 3, cost: 0.0003 });

    const body = { model: "openai/gpt-4o-mini-tts", input: "hello", voice: "alloy" };
    const speech = await call("/audio/speech", body);
    assert.equal(speech.headers.get("content-type"), "audio/mpeg");
    assert.equal((await speech.bytes()).length, 500);
    const id = speech.headers.get("x-generation-id");
    const { data } = await (await call(`/generation?id=${id}`)).json();
    assert.equal(data.total_cost, 0.000075);
  }));

Deno.test("a video is a job; its usage appears when it is completed, and is booked once", () =>
  withSimulator(async ({ call, simulator }) => {
    const body = { model: "google/veo-3.1", prompt: "a cat", duration: 5 };
    const accepted = await call("/videos", body, { simulate: "pending:1" });
    assert.equal(accepted.status, 202);
    const { id, status } = await accepted.json();
    assert.equal(status, "pending");
    const poll = async () => await (await call(`/videos/${id}`)).json();
    const pending = await poll();
    assert.deepEqual([pending.status, pending.usage], ["in_progress", undefined]);
    const content = await call(`/videos/${id}/content`);
    assert.equal(content.headers.get("content-type"), "video/mp4");
    await content.body?.cancel();
    for (let n = 0; n < 2; n++) {
      assert.deepEqual((await poll()).usage, { cost: 2, is_byok: false });
    }
    assert.equal(simulator.ledger().total_cost, "2");
    assert.equal((await call("/videos/unknown")).status, 404);
  }));

Deno.test("GET /models needs no key and lists prices as strings", () =>
  withSimulator(async ({ simulator }) => {
    const { data } = await (await fetch(`${simulator.url}/models`)).json();
    const model = data.find(({ id }: { id: string }) => id === "openai/gpt-4o-mini");
    assert.deepEqual(model, {
      id: "openai/gpt-4o-mini",
      name: "openai/gpt-4o-mini",
      context_length: 128000,
      pricing: { prompt: "0.00000015", completion: "0.0000006", request: "0" },
      top_provider: { max_completion_tokens: 16384 },
    });
    const router = data.find(({ id }: { id: string }) => id === "openrouter/auto");
    assert.equal(router.pricing.prompt, "-1");
  }));

Deno.test("an unknown route is an HTML 404", () =>
  withSimulator(async ({ call, simulator }) => {
    for (const url of ["/nothing", "/chat/completions", "/keys/a/b"]) {
      const response = await call(url);
      assert.equal(response.status, 404, url);
      assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
      assert.match(await response.text(), /^<!DOCTYPE html>/);
    }
    const outside = await fetch(new URL("/", simulator.url));
    assert.equal(outside.status, 404);
    await outside.body?.cancel();
  }));
