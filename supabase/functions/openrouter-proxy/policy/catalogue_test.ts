import assert from "node:assert/strict";
import { fakeFetch, type Sent } from "../testing/fake_fetch.ts";
import { withTimeouts } from "../testing/with_timeouts.ts";
import { createCatalogue } from "./catalogue.ts";

const MINUTE_MS = 60_000;

function list(...ids: string[]): Response {
  const pricing = { prompt: "0.000001", completion: "0.000002" };
  return Response.json({ data: ids.map((id) => ({ id, pricing })) });
}

/** A catalogue whose clock stands still, and whose fetches the test answers. */
function bench(...answers: (() => Response | Promise<Response>)[]) {
  const sent: Sent[] = [];
  const logged: Record<string, unknown>[] = [];
  const slept: { ms: number; wake: () => void }[] = [];
  const underWay: Promise<unknown>[] = [];
  const clock = { ms: 0 };
  const catalogue = createCatalogue({
    openrouterUrl: "https://openrouter.example/api/v1",
    fetch: fakeFetch(async (request) => {
      sent.push(request);
      const answer = answers[sent.length - 1];
      if (answer === undefined) throw new Error("one request too many");
      return await answer();
    }),
    now: () => clock.ms,
    sleep: (ms) => new Promise((wake) => slept.push({ ms, wake })),
    waitUntil: (promise) => underWay.push(promise),
    log: (event) => logged.push(event),
  });
  return { catalogue, sent, logged, slept, clock, settled: () => Promise.all(underWay) };
}

Deno.test("the catalogue asks once for all models, without a key", async () => {
  const { catalogue, sent } = bench(() => list("a/b", "c/D"));
  await Promise.all([catalogue.ready(["a/b"]), catalogue.ready(["c/d"])]);
  assert.equal(catalogue.find("a/b")?.prices.prompt, 10n ** 12n);
  assert.equal(catalogue.find("C/d")?.id, "c/D");
  assert.equal(catalogue.find("x/y"), null);
  assert.deepEqual(sent.map(({ url, headers }) => [url, headers]), [[
    "https://openrouter.example/api/v1/models?output_modalities=all",
    { accept: "application/json" },
  ]]);
});

Deno.test("only those wait that come before there is a list, and no longer than a second", async () => {
  const answer = Promise.withResolvers<Response>();
  const { catalogue, slept, settled } = bench(() => answer.promise);
  const first = catalogue.ready(["a/b"]);
  const second = catalogue.ready(["a/b"]);
  assert.deepEqual(slept.map(({ ms }) => ms), [1_000]);
  slept[0]!.wake();
  await Promise.all([first, second]);
  assert.equal(catalogue.find("a/b"), null);
  await catalogue.ready(["a/b"]);
  answer.resolve(list("a/b"));
  await settled();
  assert.notEqual(catalogue.find("a/b"), null);
});

Deno.test("the list is fetched again after an hour, while requests go on with the old one", async () => {
  const answer = Promise.withResolvers<Response>();
  const { catalogue, sent, clock, settled } = bench(() => list("a/b"), () => answer.promise);
  await catalogue.ready(["a/b"]);
  clock.ms = 60 * MINUTE_MS - 1;
  await catalogue.ready(["a/b"]);
  assert.equal(sent.length, 1);
  clock.ms = 60 * MINUTE_MS;
  await catalogue.ready(["a/b"]);
  await catalogue.ready(["a/b"]);
  assert.equal(sent.length, 2);
  assert.notEqual(catalogue.find("a/b"), null);
  answer.resolve(list("c/d"));
  await settled();
  assert.deepEqual([catalogue.find("a/b"), catalogue.find("c/d")?.id], [null, "c/d"]);
});

Deno.test("a list is as old as its arrival", async () => {
  const { catalogue, sent, clock } = bench(() => {
    clock.ms = 5 * MINUTE_MS;
    return list("a/b");
  }, () => list("a/b"));
  await catalogue.ready(["a/b"]);
  clock.ms = 65 * MINUTE_MS - 1;
  await catalogue.ready(["a/b"]);
  assert.equal(sent.length, 1);
  clock.ms = 65 * MINUTE_MS;
  await catalogue.ready(["a/b"]);
  assert.equal(sent.length, 2);
});

Deno.test("when the clock is set back the list is fetched again", async () => {
  const { catalogue, sent, clock, settled } = bench(() => list("a/b"), () => list("a/b"));
  await catalogue.ready(["a/b"]);
  clock.ms -= 1;
  await catalogue.ready(["a/b"]);
  await settled();
  await catalogue.ready(["a/b"]);
  assert.equal(sent.length, 2);
});

Deno.test("for a model that is not listed it is fetched again, once a minute", async () => {
  const { catalogue, sent, clock, settled } = bench(() => list("a/b"), () => list("a/b", "x/y"));
  await catalogue.ready(["a/b"]);
  await catalogue.ready(["a/b", "x/y"]);
  clock.ms = MINUTE_MS - 1;
  await catalogue.ready(["a/b", "x/y"]);
  assert.equal(sent.length, 1);
  clock.ms = MINUTE_MS;
  await catalogue.ready(["a/b:nitro:online"]);
  assert.equal(sent.length, 1);
  await catalogue.ready(["a/b", "x/y"]);
  await settled();
  assert.equal(sent.length, 2);
  assert.notEqual(catalogue.find("x/y"), null);
});

const FAILURES: [what: string, error: RegExp, answer: () => Response | Promise<Response>][] = [
  [
    "no answer",
    /^TypeError: connection refused$/,
    () => Promise.reject(new TypeError("connection refused")),
  ],
  [
    "an error",
    /^Error: GET \/models was answered with status 503$/,
    () => new Response("busy", { status: 503 }),
  ],
  ["no JSON", /^SyntaxError: /, () => new Response("<html>")],
  ["no list", /has no `data`$/, () => Response.json({ data: {} })],
  [
    "an endless answer",
    /^Error: GET \/models was answered with over 16777216 bytes$/,
    () =>
      new Response(
        new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(2 ** 20)) }),
      ),
  ],
];

for (const [what, error, answer] of FAILURES) {
  Deno.test(`after ${what} there are no prices, a warning, and another try after some seconds`, async () => {
    const { catalogue, sent, logged, clock, settled } = bench(answer, answer, () => list("a/b"));
    await catalogue.ready(["a/b"]);
    assert.equal(catalogue.find("a/b"), null);
    clock.ms = 4_999;
    await catalogue.ready(["a/b"]);
    assert.equal(sent.length, 1);
    clock.ms = 5_000;
    await catalogue.ready(["a/b"]);
    await settled();
    assert.deepEqual(
      logged.map(({ level, event }) => `${level} ${event}`),
      Array(2).fill("warn prices_unavailable"),
    );
    assert.match(String(logged[0]?.error), error);
    clock.ms = 10_000;
    await catalogue.ready(["a/b"]);
    await settled();
    assert.equal(logged.length, 2);
    assert.notEqual(catalogue.find("a/b"), null);
  });
}

for (
  const [what, status, chunk] of [
    ["no list", 500, new Uint8Array(1)],
    ["no end", 200, new Uint8Array(2 ** 20)],
  ] as const
) {
  Deno.test(`an answer that has ${what} gives its connection back`, async () => {
    let isCancelled = false;
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(chunk),
      cancel: () => void (isCancelled = true),
    });
    const { catalogue, logged } = bench(() => new Response(body, { status }));
    await catalogue.ready(["a/b"]);
    assert.deepEqual([isCancelled, logged.length], [true, 1]);
  });
}

Deno.test("a list is taken of OpenRouter alone, wherever that leads", async () => {
  const { catalogue, sent } = bench(() => list("a/b"));
  await catalogue.ready(["a/b"]);
  assert.equal(sent[0]?.redirect, "error");
});

Deno.test("a list has 10 s to come, with all of its body", async () => {
  const waits = await withTimeouts(async () => {
    const { catalogue, sent } = bench(() => list("a/b"));
    await catalogue.ready(["a/b"]);
    assert.equal(sent[0]?.signal?.aborted, true);
  });
  assert.deepEqual(waits, [10_000]);
});

Deno.test("a failure leaves the prices that were there", async () => {
  const { catalogue, clock, settled } = bench(() => list("a/b"), () => new Response("[]"));
  await catalogue.ready([]);
  clock.ms = 60 * MINUTE_MS;
  await catalogue.ready([]);
  await settled();
  assert.notEqual(catalogue.find("a/b"), null);
});
