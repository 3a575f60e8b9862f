import assert from "node:assert/strict";
import { type Bench, chat, dataOf, until, withSimulator } from "./testing.ts";

const read = async ({ call }: Bench, simulate: string, tokens = 3) =>
  await (await call("/chat/completions", chat(tokens, { stream: true }), { simulate })).text();

Deno.test("error: an error event ends the stream, and what was sent is billed", () =>
  withSimulator(async (bench) => {
    const events = dataOf(await read(bench, "error:429:1"));
    assert.equal(events.length, 2);
    assert.deepEqual(events[1].error, {
      code: 429,
      message: "Rate limit exceeded",
      metadata: { error_type: "rate_limit_exceeded" },
    });
    assert.deepEqual(events[1].choices, [
      { index: 0, delta: { content: "" }, finish_reason: "error" },
    ]);
    assert.equal(bench.simulator.ledger().total_cost, "0.0000009");
    const worded = dataOf(await read(bench, "error:rate_limit_exceeded:0"));
    assert.deepEqual([worded.length, worded[0].error.code], [1, "rate_limit_exceeded"]);
  }));

Deno.test("error: /responses fails with response.failed, /images with an error event", () =>
  withSimulator(async ({ call }) => {
    const simulate = { simulate: "error:502:1" };
    const body = { model: "openai/gpt-4o-mini", input: "hi", prompt: "hi", stream: true };
    const failed = dataOf(await (await call("/responses", body, simulate)).text()).at(-1);
    assert.equal(failed.type, "response.failed");
    assert.deepEqual(failed.response.error, { code: "502", message: "Provider returned error" });
    const image = dataOf(await (await call("/images", body, simulate)).text()).at(-1);
    assert.equal(image.type, "error");
    assert.equal(image.error.code, "502");
  }));

Deno.test("error and choice-error inside a JSON answer of status 200", () =>
  withSimulator(async ({ call, simulator }) => {
    const alone = await call("/chat/completions", chat(3), { simulate: "error:502" });
    assert.equal(alone.status, 200);
    assert.deepEqual(await alone.json(), {
      error: { code: 502, message: "Provider returned error" },
    });
    assert.equal(simulator.ledger().total_cost, "0");
    for (const path of ["/embeddings", "/rerank", "/images"]) {
      const body = {
        model: "openai/gpt-4o-mini",
        input: "x",
        prompt: "x",
        query: "x",
        documents: [],
      };
      assert.equal((await (await call(path, body, { simulate: "error" })).json()).error.code, 429);
    }
    const inside = await call("/chat/completions", chat(3), { simulate: "choice-error" });
    const { choices, usage } = await inside.json();
    assert.equal(choices[0].error.code, 502);
    assert.equal(usage.completion_tokens, 3);
  }));

Deno.test("the usage faults: none, twice, null after it, without choices, without details", () =>
  withSimulator(async (bench) => {
    const usages = async (fault: string) =>
      dataOf(await read(bench, fault)).filter((chunk) => "usage" in Object(chunk))
        .map(({ usage }) => usage?.completion_tokens);
    assert.deepEqual(await usages(""), [3]);
    assert.deepEqual(await usages("no-usage"), []);
    assert.deepEqual(await usages("usage-twice"), [0, 3]);
    assert.deepEqual(await usages("null-usage"), [3, undefined]);
    assert.deepEqual(await usages("running-usage"), [1, 2, 3, 3]);
    const empty = dataOf(await read(bench, "empty-choices")).at(-2);
    assert.deepEqual(empty.choices, []);
    const { usage } = dataOf(await read(bench, "null-details")).at(-2);
    assert.deepEqual(
      [usage.prompt_tokens_details, usage.completion_tokens_details, usage.cost_details],
      [null, null, null],
    );
    assert.ok((await read(bench, "exponent")).includes('"cost":2.1e-06,'));
    const hit = dataOf(await read(bench, "cache-hit")).at(-2).usage;
    assert.deepEqual([hit.prompt_tokens, hit.completion_tokens, hit.cost], [0, 0, 0]);
  }));

Deno.test("the framing faults: line ends, missing space, missing ends, comments, debug chunks", () =>
  withSimulator(async (bench) => {
    const plain = dataOf(await read(bench, "")).map((chunk) => chunk.usage?.cost);
    for (const fault of ["crlf", "cr", "no-space", "split", "split:7", "gzip", "unterminated"]) {
      const text = await read(bench, fault);
      assert.deepEqual(dataOf(text).map((chunk) => chunk.usage?.cost), plain, fault);
    }
    assert.doesNotMatch(await read(bench, "crlf"), /[^\r]\n/);
    assert.doesNotMatch(await read(bench, "cr"), /\n/);
    assert.ok((await read(bench, "no-space")).includes('\ndata:{"id"'));
    assert.ok((await read(bench, "unterminated")).endsWith("data: [DONE]"));
    assert.match(await read(bench, "no-done,unterminated"), /"audio_tokens":0\}\}\}$/);
    assert.ok((await read(bench, "comments:0")).startsWith("data: "));
    const debug = dataOf(await read(bench, "debug"));
    assert.ok(debug[0].debug.echo_upstream_body);
    assert.ok(debug[1].openrouter_metadata);
  }));

Deno.test("split: the client reads single bytes of multibyte text, which are whole together", () =>
  withSimulator(async ({ call }) => {
    const body = chat(6, { stream: true });
    const response = await call("/chat/completions", body, { simulate: "split,multibyte" });
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body!) chunks.push(chunk);
    assert.ok(chunks.every((chunk) => chunk.length === 1));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(
      Uint8Array.from(chunks, (chunk) => chunk[0]!),
    );
    const deltas = dataOf(text).slice(0, 6).map((chunk) => chunk.choices[0].delta.content);
    assert.equal(deltas.join(""), "é 日本語 🙂 𝄞 ñandú 👩‍👩‍👧");
  }));

Deno.test("chunks, huge and big: as many, as large, as long as asked", () =>
  withSimulator(async (bench) => {
    assert.equal(dataOf(await read(bench, "chunks:500")).length, 503);
    const huge = dataOf(await read(bench, "huge:3"));
    assert.equal(huge[0].choices[0].delta.content.length, 3 * 1024 * 1024);
    assert.equal(huge[1].choices[0].delta.content.length, 3);
    const big = dataOf(await read(bench, "big:2"));
    assert.equal(big.length, 32 + 3);
    assert.equal(big.at(-2).usage.completion_tokens, 32);
  }));

Deno.test("drop:N breaks the connection after N chunks, drop:0 after the headers", () =>
  withSimulator(async ({ call, simulator }) => {
    for (const n of [0, 2]) {
      const body = chat(5, { stream: true });
      const response = await call("/chat/completions", body, { simulate: `drop:${n}` });
      assert.equal(response.status, 200);
      const decoder = new TextDecoder();
      let text = "";
      await assert.rejects(async () => {
        for await (const chunk of response.body!) text += decoder.decode(chunk, { stream: true });
      });
      assert.equal(dataOf(text).length, n);
      if (n === 0) assert.equal(text, "");
    }
    assert.equal(simulator.ledger().cancelled_generations, 2);
    assert.equal(simulator.ledger().total_cost, "0.0000018");
  }));

Deno.test("drop:1 and hang:1 break a JSON answer in its middle", () =>
  withSimulator(async ({ call, simulator }) => {
    const dropped = await call("/chat/completions", chat(5), { simulate: "drop:1" });
    await assert.rejects(dropped.text());
    const leaving = new AbortController();
    const hanging = await call("/chat/completions", chat(5), {
      simulate: "hang:1",
      signal: leaving.signal,
    });
    const reader = hanging.body!.getReader();
    assert.equal((await reader.read()).value?.[0], "{".charCodeAt(0));
    leaving.abort();
    await assert.rejects(reader.read());
    assert.equal(simulator.ledger().generations, 2);
  }));

Deno.test("gzip: a compressed stream still arrives event by event", () =>
  withSimulator(async ({ call, simulator }) => {
    const leaving = new AbortController();
    const response = await call("/chat/completions", chat(5, { stream: true }), {
      simulate: "gzip,hang:2",
      signal: leaving.signal,
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes(" hi")) text += (await reader.read()).value;
    leaving.abort();
    await assert.rejects(reader.read(), { name: "AbortError" });
    await until(() => simulator.ledger().cancelled_generations === 1);
  }));

Deno.test("slow waits between chunks, and each arrives on its own", () =>
  withSimulator(async ({ call }) => {
    const body = chat(3, { stream: true });
    const response = await call("/chat/completions", body, { simulate: "slow:5,comments:0" });
    const contents = [];
    for await (const chunk of response.body!) {
      contents.push(dataOf(new TextDecoder().decode(chunk))[0].choices?.[0].delta.content);
    }
    assert.deepEqual(contents, ["say", " hi", " say", "", "", undefined]);
  }));

Deno.test("simulate/<faults> as the model does what the header does, at gpt-4o-mini's prices", () =>
  withSimulator(async ({ call }) => {
    const body = chat(9, { model: "simulate/chunks:2,no-done", stream: true });
    const events = dataOf(await (await call("/chat/completions", body)).text());
    assert.equal(events.length, 4);
    assert.equal(events.at(-1).model, "simulate/chunks:2,no-done");
    assert.equal(events.at(-1).usage.cost, 0.0000015);
  }));

Deno.test("error:CODE:0: the error is the first event and the last, on every endpoint", () =>
  withSimulator(async ({ call }) => {
    const body = { ...chat(3), input: "x", stream: true };
    for (const path of ["/chat/completions", "/messages", "/responses"]) {
      const stream = await call(path, body, { simulate: "error:529:0,comments:0" });
      const [first] = dataOf(await stream.text());
      assert.equal(first.error?.message ?? first.message, "Provider overloaded", path);
    }
  }));

Deno.test("spaced: a space stands after the colons of JSON, and nothing else changes", () =>
  withSimulator(async (bench) => {
    const body = chat(1, { messages: [{ role: "user", content: 'a":"b\\' }] });
    const whole = await (await bench.call("/chat/completions", body, { simulate: "spaced" }))
      .text();
    assert.match(whole, /"usage": \{"prompt_tokens": \d/);
    assert.equal(JSON.parse(whole).choices[0].message.content, 'a":"b\\');
    const stream = await read(bench, "spaced");
    assert.match(stream, /^data: \{"id": "gen-/m);
    assert.equal(dataOf(stream).length, dataOf(await read(bench, "")).length);
  }));
