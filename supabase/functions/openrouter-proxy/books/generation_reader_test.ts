import assert from "node:assert/strict";
import { fakeFetch, scriptedFetch } from "../testing/fake_fetch.ts";
import { createGenerationReader } from "./generation_reader.ts";

const OPENROUTER = "https://openrouter.example/api/v1";
const notFound = () => new Response('{"error":{"code":404}}', { status: 404 });

/** Reads a generation whose attempts have these outcomes; says how long each wait was. */
async function read(...outcomes: (Response | Error)[]) {
  const { calls, fetch } = scriptedFetch(...outcomes);
  const waits: number[] = [];
  const reader = createGenerationReader(OPENROUTER, "management", fetch, (ms) => {
    waits.push(ms);
    return Promise.resolve();
  });
  return { data: await reader.read("gen-1"), calls, waits };
}

Deno.test("a generation is asked for with the management key, which outlives the one that made it, and its money is exact", async () => {
  const { data, calls, waits } = await read(
    new Response('{"data":{"id":"gen-1","total_cost":0.12345678901234567890}}'),
  );
  assert.deepEqual(data, { id: "gen-1", total_cost: "0.12345678901234567890" });
  assert.equal(calls[0]?.url, `${OPENROUTER}/generation?id=gen-1`);
  assert.equal(new Headers(calls[0]?.headers).get("authorization"), "Bearer management");
  assert.ok(calls[0]?.signal instanceof AbortSignal);
  assert.equal(calls[0]?.redirect, "error", "a redirect could carry the key elsewhere");
  assert.deepEqual(waits, []);
});

Deno.test("a generation's id cannot change the URL", async () => {
  const urls: string[] = [];
  const fetch = fakeFetch(({ url }) => {
    urls.push(url);
    return Promise.resolve(new Response('{"data":{"total_cost":0}}'));
  });
  const reader = createGenerationReader(OPENROUTER, "management", fetch, () => Promise.resolve());
  await reader.read("a&b=/../#é");
  assert.deepEqual(urls, [`${OPENROUTER}/generation?id=a%26b%3D%2F..%2F%23%C3%A9`]);
});

Deno.test("a generation that OpenRouter does not know yet is asked for after 8, 8, 15, 30 and 60 s", async () => {
  const { data, calls, waits } = await read(
    notFound(),
    notFound(),
    notFound(),
    notFound(),
    notFound(),
    new Response('{"data":{"total_cost":1}}'),
  );
  assert.deepEqual(data, { total_cost: "1" });
  assert.equal(calls.length, 6);
  assert.deepEqual(waits, [8_000, 8_000, 15_000, 30_000, 60_000]);
});

Deno.test("a generation that OpenRouter never knows is null", async () => {
  const { data, calls } = await read(...Array.from({ length: 6 }, notFound));
  assert.equal(data, null);
  assert.equal(calls.length, 6);
});

for (
  const [what, outcome] of [
    ["a failed connection", new TypeError("fetch failed")],
    ["an answer that is no JSON", new Response("<html>")],
    ["an answer without data", new Response("{}")],
    ["an answer of null", new Response("null")],
    ["data of null", new Response('{"data":null}')],
    ["data without a cost", new Response('{"data":{"total_cost":null}}')],
    ["status 500", new Response('{"data":{"total_cost":9}}', { status: 500 })],
  ] as const
) {
  Deno.test(`a generation is asked for again after ${what}`, async () => {
    const { data, waits } = await read(outcome, new Response('{"data":{"total_cost":1}}'));
    assert.deepEqual(data, { total_cost: "1" });
    assert.deepEqual(waits, [8_000]);
  });
}

Deno.test("no more than eight generations are asked for at once", async () => {
  let asked = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const fetch = fakeFetch(async () => {
    asked++;
    await promise;
    return new Response('{"data":{"total_cost":1}}');
  });
  const reader = createGenerationReader(
    OPENROUTER,
    "management",
    fetch,
    () => Promise.reject("no waiting"),
  );
  const reads = Array.from({ length: 20 }, (_, index) => reader.read(`gen-${index}`));
  await new Promise((done) => setTimeout(done));
  assert.equal(asked, 8);
  resolve();
  assert.deepEqual(await Promise.all(reads), Array(20).fill({ total_cost: "1" }));
  assert.equal(asked, 20);
});

Deno.test("a job is asked for once, with exact money, and its id cannot change the URL", async () => {
  const answers = [new Response('{"id":"a","usage":{"cost":0.10}}'), notFound()];
  const { calls, fetch } = scriptedFetch(...answers);
  const reader = createGenerationReader(
    OPENROUTER,
    "management",
    fetch,
    () => Promise.reject("no waiting"),
  );
  assert.deepEqual(await reader.readJob("a/../b", "k"), { id: "a", usage: { cost: "0.10" } });
  assert.equal(await reader.readJob("a", "k"), null);
  assert.equal(new Headers(calls[0]?.headers).get("authorization"), "Bearer k");
  assert.deepEqual(calls.map(({ url }) => url), [
    `${OPENROUTER}/videos/a%2F..%2Fb`,
    `${OPENROUTER}/videos/a`,
  ]);
});

Deno.test("what OpenRouter knows of a generation is told although it never knew the cost", async () => {
  const unpriced = () => new Response('{"data":{"model":"m","total_cost":null}}');
  const { data, calls } = await read(unpriced(), ...Array.from({ length: 5 }, notFound));
  assert.deepEqual(data, { model: "m", total_cost: null });
  assert.equal(calls.length, 6);
});

Deno.test("a generation whose cost is not told yet is asked for again, once the wait is over", async () => {
  const seen: string[] = [];
  const answers = [
    '{"data":{"id":"gen-1"}}',
    '{"data":{"total_cost":null}}',
    '{"data":{"total_cost":0}}',
  ];
  const fetch = fakeFetch(() => {
    seen.push("asked");
    return Promise.resolve(new Response(answers.shift()));
  });
  const reader = createGenerationReader(OPENROUTER, "management", fetch, async (ms) => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    seen.push(`${ms} ms later`);
  });
  assert.deepEqual(await reader.read("gen-1"), { total_cost: "0" });
  assert.deepEqual(seen, ["asked", "8000 ms later", "asked", "8000 ms later", "asked"]);
});
