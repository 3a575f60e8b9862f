import assert from "node:assert/strict";
import { chat, dataOf, withSimulator } from "./testing.ts";

Deno.test("/responses: JSON, and a stream that ends with its usage", () =>
  withSimulator(async ({ call }) => {
    const body = { model: "openai/gpt-4o-mini", input: "say hi", max_output_tokens: 1 };
    const whole = await (await call("/responses", body)).json();
    assert.equal(whole.object, "response");
    assert.equal(whole.status, "incomplete");
    assert.equal(whole.output[0].content[0].text, "say");
    const usage = {
      input_tokens: 2,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 1,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 3,
      cost: 0.0000009,
      is_byok: false,
    };
    const { cost_details, ...rest } = whole.usage;
    assert.deepEqual(rest, usage);
    assert.equal(cost_details.upstream_inference_cost, 0.0000009);

    const unlimited = { ...body, max_output_tokens: undefined, stream: true };
    const events = dataOf(await (await call("/responses", unlimited)).text());
    assert.equal(events[0].type, "response.created");
    const [end, done] = events.slice(-2);
    assert.equal(end.type, "response.completed");
    assert.equal(end.sequence_number, events.length - 2);
    assert.equal(end.response.usage.output_tokens, 2);
    assert.equal(done, "[DONE]");

    assert.equal((await call(`/responses/${whole.id}`)).status, 404);
    const following = await call("/responses", { ...body, previous_response_id: whole.id });
    assert.equal(following.status, 400);
    await following.body?.cancel();
    assert.equal((await call("/responses", { ...body, previous_response_id: null })).status, 200);
  }));

Deno.test("/messages: JSON, and a stream with usage at its start and end", () =>
  withSimulator(async ({ call }) => {
    const body = chat(3, {
      model: "anthropic/claude-sonnet-4.5",
      messages: [{ role: "user", content: [{ type: "text", text: "x".repeat(40) }] }],
    });
    const whole = await (await call("/messages", body, { simulate: "chunks:3,cached:4" })).json();
    assert.equal(whole.type, "message");
    assert.equal(whole.stop_reason, "max_tokens");
    assert.deepEqual(
      [whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.usage.output_tokens],
      [6, 4, 3],
    );
    assert.equal(whole.usage.cost, 0.0000642);

    const text =
      await (await call("/messages", { ...body, stream: true }, { simulate: "chunks:3" })).text();
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
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
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
    assert.deepEqual(embeddings.data[1].embedding, [
      0.5,
      -0.25,
      0.5,
      -0.25,
      0.5,
      -0.25,
      0.5,
      -0.25,
    ]);
    assert.deepEqual(embeddings.usage, { prompt_tokens: 2, total_tokens: 2, cost: 0.00000004 });
    const rerank = await (await call("/rerank", {
      model: "cohere/rerank-v3.5",
      query: "abcd",
      documents: Array.from({ length: 101 }, () => "efgh"),
    })).json();
    assert.equal(rerank.results.length, 101);
    assert.deepEqual(rerank.usage, { total_tokens: 102, search_units: 2, cost: 0.004 });
    const byTokens = await (await call("/rerank", {
      model: "voyageai/rerank-2.5",
      query: "abcdefgh",
      documents: ["abcd", "efgh", "ijkl"],
    })).json();
    assert.deepEqual(byTokens.usage, { total_tokens: 9, search_units: 1, cost: 0.00000045 });
  }));

Deno.test("/embeddings of the length and in the encoding that are asked for", () =>
  withSimulator(async ({ call }) => {
    const vectorOf = async (asked: object) => {
      const answer = await call("/embeddings", {
        model: "openai/text-embedding-3-small",
        input: [5, 6, 7],
        ...asked,
      });
      assert.equal(answer.status, 200);
      const { data: [{ embedding }], usage } = await answer.json();
      assert.equal(usage.prompt_tokens, 3);
      return embedding;
    };
    assert.deepEqual(await vectorOf({ dimensions: 2 }), [-0.25, 0.5]);
    const base64 = await vectorOf({ dimensions: 3, encoding_format: "base64" });
    const { buffer } = Uint8Array.from(Buffer.from(base64, "base64"));
    assert.deepEqual([...new Float32Array(buffer)], [-0.25, 0.5, -0.25]);
    const refused = await call("/embeddings", {
      model: "openai/text-embedding-3-small",
      input: "x",
      dimensions: 0,
    });
    assert.equal(refused.status, 400);
  }));

Deno.test("/completions has a choice for each prompt, in a stream too", () =>
  withSimulator(async ({ call }) => {
    const body = { model: "openai/gpt-3.5-turbo", max_tokens: 2 };
    const prompt = ["one two three", "four"];
    const whole = await (await call("/completions", { ...body, prompt })).json();
    const choices = [
      { index: 0, finish_reason: "length", native_finish_reason: "length", text: "one two" },
      { index: 1, finish_reason: "stop", native_finish_reason: "stop", text: "four" },
    ];
    assert.deepEqual(whole.choices, choices);
    assert.equal(whole.usage.completion_tokens, 3);
    const stream = await call("/completions", { ...body, prompt, stream: true });
    const events = dataOf(await stream.text());
    assert.deepEqual(events.at(-2).usage, whole.usage);
    // The one before the usage repeats the last end.
    const streamed = events.slice(0, -2).flatMap((event) => event.choices);
    for (const { index, text, finish_reason } of choices) {
      const of = streamed.filter((choice) => choice.index === index);
      assert.equal(of.map((choice) => choice.text).join(""), text);
      assert.equal(of.at(-1).finish_reason, finish_reason);
    }
    for (const [tokens, texts] of [[[5, 6], 1], [[[5, 6], [7]], 2]] as const) {
      const answer = await (await call("/completions", { ...body, prompt: tokens })).json();
      assert.equal(answer.choices.length, texts);
      assert.equal(answer.usage.prompt_tokens, tokens.flat().length);
    }
    for (const none of [undefined, null, [], 7]) {
      assert.equal((await call("/completions", { ...body, prompt: none })).status, 400);
    }
  }));

Deno.test("/images: JSON, and a stream whose last event has the usage", () =>
  withSimulator(async ({ call }) => {
    const body = { model: "google/gemini-2.5-flash-image", prompt: "a cat", n: 2 };
    const whole = await (await call("/images", body)).json();
    assert.equal(whole.data.length, 2);
    assert.equal(whole.usage.completion_tokens, 2580);
    assert.equal(whole.usage.completion_tokens_details.image_tokens, 2580);
    assert.equal(whole.usage.cost, 0.0774006);
    const events = dataOf(await (await call("/images", { ...body, stream: true })).text());
    assert.deepEqual(events.map((event) => event.type ?? event), [
      "image_generation.partial_image",
      "image_generation.partial_image",
      "image_generation.completed",
      "[DONE]",
    ]);
    assert.deepEqual(events[2].usage, whole.usage);
    assert.ok(Number.isInteger(events[2].created));
  }));

Deno.test("/audio/transcriptions reads a form or JSON; /audio/speech answers bytes and no usage", () =>
  withSimulator(async ({ call }) => {
    const form = new FormData();
    form.set("model", "openai/whisper-1");
    form.set("file", new File([new Uint8Array(48_000)], "talk.wav"));
    const transcription = await (await call("/audio/transcriptions", form)).json();
    const usage = {
      seconds: 3,
      input_tokens: 30,
      output_tokens: 4,
      total_tokens: 34,
      cost: 0.0003,
    };
    assert.deepEqual(transcription.usage, usage);
    const input_audio = { data: btoa("x".repeat(48_000)), format: "wav" };
    const json = { model: "openai/whisper-1", input_audio };
    assert.deepEqual((await (await call("/audio/transcriptions", json)).json()).usage, usage);
    assert.equal((await call("/audio/transcriptions", { model: "openai/whisper-1" })).status, 400);

    const body = { model: "openai/gpt-4o-mini-tts", input: "hello", voice: "alloy" };
    const speech = await call("/audio/speech", body);
    assert.equal(speech.headers.get("content-type"), "audio/mpeg");
    assert.equal((await speech.bytes()).length, 500);
    const id = speech.headers.get("x-generation-id");
    const { data } = await (await call(`/generation?id=${id}`)).json();
    assert.equal(data.total_cost, 0.000075);
  }));

Deno.test("/systemone answers each question, and tells tokens and cost", () =>
  withSimulator(async ({ call }) => {
    const body = {
      model: "openai/gpt-4o-mini",
      state: "a wet street",
      questions: {
        weather: { type: "choice", instructions: "which?", criteria: { rain: "wet", sun: "dry" } },
        cold: { type: "noul", instructions: "is it?" },
        wind: { type: "score", instructions: "how much?", criteria: ["none", "some"] },
      },
    };
    const { answers, usage } = await (await call("/systemone", body)).json();
    assert.deepEqual(answers, {
      weather: { type: "choice", choice: "rain" },
      cold: { type: "noul", noul: 0.5 },
      wind: { type: "score", score: 0 },
    });
    assert.deepEqual(usage, { input_tokens: 59, output_tokens: 3, cost: 0.00001065 });
    for (
      const wrong of [{ state: undefined }, { questions: undefined }, { questions: { a: {} } }]
    ) {
      assert.equal((await call("/systemone", { ...body, ...wrong })).status, 400);
    }
    const bare = await (await call("/systemone", { ...body, model: "jev-1.13" })).json();
    assert.equal(bare.model, "typesafe/jev-1.13");
    assert.equal(bare.usage.cost, 0.0000059);
    const free = await call("/systemone", body, { simulate: "cache-hit,no-cost" });
    assert.deepEqual((await free.json()).usage, { input_tokens: 0, output_tokens: 0 });
    assert.equal(free.headers.get("x-openrouter-cache-status"), "HIT");
  }));

Deno.test("an unknown path is a JSON 404, and a known one with another method a 405", () =>
  withSimulator(async ({ call, simulator }) => {
    const notFound = { error: { message: "Not Found", code: 404 } };
    for (const path of ["/nothing", "/keys/a/b", "/messages/count_tokens", "/responses/gen-1"]) {
      for (const method of ["GET", "POST"]) {
        const response = await call(path, method === "POST" ? {} : undefined);
        assert.equal(response.status, 404, path);
        assert.equal(response.headers.get("content-type"), "application/json");
        assert.deepEqual(await response.json(), notFound);
      }
    }
    assert.deepEqual(await (await fetch(new URL("/", simulator.url))).json(), notFound);
    const wrong = await call("/keys/a", undefined, { method: "PUT" });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get("allow"), "GET, PATCH, DELETE");
    assert.equal((await wrong.json()).error.code, 405);
  }));

Deno.test("HEAD is GET without a body", () =>
  withSimulator(async ({ call }) => {
    const response = await call("/models", undefined, { method: "HEAD" });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "");
  }));
