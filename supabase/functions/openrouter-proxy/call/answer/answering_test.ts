import assert from "node:assert/strict";
import type { Answer, Booking, BookingEnding } from "../../books/booking.ts";
import { GatewayError } from "../../errors.ts";
import { StillAnswering, type Upstream } from "../../openrouter/forward.ts";
import { openedBy } from "../../policy/endpoints.ts";
import { broken, utf8 } from "../../testing/passages.ts";
import { createAnswering } from "./answering.ts";
import { type Order, orderOf } from "../order.ts";

function answeringWith(sleep: (ms: number) => Promise<void>) {
  return createAnswering({
    config: {
      openrouterUrl: "https://openrouter.example/api/v1",
      audience: "https://gateway.example",
      upstreamIdleTimeoutMs: 600_000,
    },
    now: () => 1_795_773_600_999,
    sleep,
  });
}

const answering = answeringWith(() => new Promise(() => {}));
const CLIENT = { requestId: "request-1", clientGone: new AbortController().signal };

async function ordered(path: string, body: string, headers = {}): Promise<Order> {
  const opened = openedBy(body === "" ? "GET" : "POST", { path, search: "" }, []);
  return await orderOf(opened, new Headers(headers), utf8(body));
}

function upstreamOf(
  body: Upstream["body"],
  contentType = "application/json",
  status = 200,
): Upstream {
  return { status, headers: new Headers({ "content-type": contentType }), body, abort() {} };
}

/** A booking that is settled when a test says so. */
function booked() {
  const endings: BookingEnding[] = [];
  const answers: Answer[] = [];
  let hurried = 0;
  const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
  const booking: Booking = {
    answering: (answer) => void answers.push(answer),
    firstByte() {},
    end: (ending) => void endings.push(ending),
    settled,
    hurry: () => hurried++,
  };
  return { booking, endings, answers, settle, hurried: () => hurried };
}

/** Whether this is still under way when nothing else is left to do. */
async function isWaiting(promise: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  promise.then(() => isOver = true);
  await new Promise((resolve) => setTimeout(resolve));
  return !isOver;
}

Deno.test("an answer that costs nothing passes before it has come to its end", async () => {
  const order = await ordered("/models", "");
  const endless = new ReadableStream<Uint8Array>({ start: (c) => c.enqueue(utf8("[1,")) });
  const upstream = upstreamOf(endless);
  const response = await answering.pass(order, upstream, null, null, CLIENT);
  assert.equal(response.status, 200);
  await response.body!.cancel();
});

Deno.test("the answer that begins a job passes once the job is booked, another one at once", async () => {
  const body = () => utf8('{"id":"job-1","status":"pending"}');
  for (const [path, waits] of [["/videos", true], ["/chat/completions", false]] as const) {
    const { booking, settle } = booked();
    const upstream = upstreamOf(body());
    const order = await ordered(path, '{"model":"a/b"}');
    const response = answering.pass(order, upstream, "sk-own", booking, CLIENT);
    assert.equal(await isWaiting(response), waits, path);
    settle();
    assert.equal(await (await response).text(), '{"id":"job-1","status":"pending"}');
  }
});

Deno.test("a job that Postgres does not book within 10 s is told of all the same", async () => {
  const waits: number[] = [];
  const { promise: time, resolve: pass } = Promise.withResolvers<void>();
  const impatient = answeringWith((ms) => {
    waits.push(ms);
    return time;
  });
  const order = await ordered("/videos", '{"model":"a/b"}');
  const upstream = upstreamOf(utf8('{"id":"job-1"}'));
  const response = impatient.pass(order, upstream, "sk-own", booked().booking, CLIENT);
  assert.equal(await isWaiting(response), true);
  pass();
  assert.equal(await (await response).text(), '{"id":"job-1"}');
  assert.deepEqual(waits, [10_000]);
});

Deno.test("a job is reached by the links in its answer through the gateway", async () => {
  const url = "https://openrouter.example/api/v1/videos/job-1";
  const upstream = upstreamOf(utf8(JSON.stringify({ id: "job-1", polling_url: url })));
  const order = await ordered("/videos/job-1", "");
  const { booking, settle } = booked();
  settle();
  const response = await answering.pass(order, upstream, "sk-own", booking, CLIENT);
  assert.deepEqual(await response.json(), {
    id: "job-1",
    polling_url: "https://gateway.example/api/v1/openrouter/videos/job-1",
  });
});

Deno.test("an answer that leads to no job passes as it came, whatever its members are called", async () => {
  const text = '{"polling_url":"https://openrouter.example/api/v1/videos/job-1"}';
  for (const [path, body] of [["/chat/completions", '{"model":"a/b"}'], ["/models", ""]] as const) {
    const upstream = upstreamOf(utf8(text));
    const response = await answering.pass(
      await ordered(path, body),
      upstream,
      "sk-own",
      null,
      CLIENT,
    );
    assert.equal(await response.text(), text);
  }
});

Deno.test("a refusal passes once it is booked, where it may be sent again under its key", async () => {
  for (const [headers, waits] of [[{ "idempotency-key": "k" }, true], [{}, false]] as const) {
    const { booking, settle, endings } = booked();
    const upstream = upstreamOf(utf8('{"error":{"code":429}}'), "application/json", 429);
    const order = await ordered("/chat/completions", '{"model":"a/b"}', headers);
    const response = answering.pass(order, upstream, "sk-own", booking, CLIENT);
    assert.equal(await isWaiting(response), waits);
    settle();
    assert.equal((await response).status, 429);
    assert.deepEqual(endings, [{ kind: "refused", status: 429 }]);
  }
});

Deno.test("an answer that leads elsewhere passes as it came, and is booked as refused", async () => {
  for (const status of [300, 301, 302, 307, 308]) {
    const { booking, endings, settle } = booked();
    const order = await ordered("/chat/completions", '{"model":"a/b"}', { "idempotency-key": "k" });
    const upstream = upstreamOf(null, "text/html", status);
    const response = answering.pass(order, upstream, "sk-own", booking, CLIENT);
    assert.equal(await isWaiting(response), true);
    settle();
    assert.equal((await response).status, status);
    assert.deepEqual(endings, [{ kind: "refused", status }]);
  }
});

Deno.test("the answer that begins a job is awaited although it comes in parts", async () => {
  const { booking, endings, settle } = booked();
  let chunks!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void (chunks = controller),
  });
  const upstream = upstreamOf(body, "application/json", 202);
  const order = await ordered("/videos", '{"model":"a/b"}');
  const response = answering.pass(order, upstream, "sk-own", booking, CLIENT);
  chunks.enqueue(utf8('{"id":"job-1",'));
  assert.equal(await isWaiting(response), true);
  chunks.enqueue(utf8('"status":"pending"}'));
  chunks.close();
  assert.equal(await isWaiting(response), true);
  assert.deepEqual(endings, [{ kind: "answered" }]);
  settle();
  assert.equal(await (await response).text(), '{"id":"job-1","status":"pending"}');
});

Deno.test("a path that OpenRouter does not have is booked as none", async () => {
  const { booking, endings } = booked();
  const upstream = upstreamOf(utf8("{}"), "application/json", 405);
  const order = await ordered("/chat/completions", '{"model":"a/b"}');
  await answering.pass(order, upstream, "sk-own", booking, CLIENT);
  assert.deepEqual(endings, [{ kind: "no_such_path" }]);
});

/** The data of the event by which a stream that breaks tells of it. */
async function toldOf(
  events: string[],
  headers: Record<string, string> = {},
  path = "/chat/completions",
  asked = '{"model":"a/b","stream":true}',
): Promise<Record<string, unknown>> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const event of events) controller.enqueue(utf8(event));
    },
    pull: (controller) => controller.error(new TypeError("connection reset")),
  });
  const upstream = upstreamOf(body, "text/event-stream");
  for (const [name, value] of Object.entries(headers)) upstream.headers.set(name, value);
  const order = await ordered(path, asked);
  const response = await answering.pass(order, upstream, "sk-own", null, CLIENT);
  const { text } = await broken(response.body!.getReader());
  return JSON.parse(text.split("data: ").at(-1)!);
}

Deno.test("a stream that breaks tells of it under the id and the model that its client has seen", async () => {
  const header = { "x-generation-id": "gen-2" };
  const event = 'data: {"id":"gen-1","model":"a/c","choices":[]}\n\n';
  for (const headers of [{}, header]) {
    const seen = await toldOf([event], headers);
    assert.deepEqual([seen.id, seen.model, seen.created], ["gen-1", "a/c", 1_795_773_600]);
  }
  const unseen = await toldOf([": OPENROUTER PROCESSING\n\n"]);
  assert.deepEqual([unseen.id, unseen.model], ["request-1", "a/b"]);
  assert.equal((await toldOf([": OPENROUTER PROCESSING\n\n"], header)).id, "gen-2");
});

Deno.test("a stream that breaks tells the request's id, the model that was asked for, and how far it came", async () => {
  const BEGUN = [": a\n\n", 'data: {"type":"response.created","sequence_number":0}\n\n'];
  const told = await toldOf(BEGUN, {}, "/responses", '{"models":["a/b"],"stream":true}');
  const { response, ...event } = told as { response: { id: string; model: string } };
  assert.deepEqual(event, { type: "response.failed", sequence_number: 2 });
  assert.deepEqual([response.id, response.model], ["request-1", ""]);
  const chunk = await toldOf([":\n\n"], {}, undefined, '{"models":["a/b"],"stream":true}');
  assert.deepEqual([chunk.id, chunk.model], ["request-1", ""]);
  const error = await toldOf([":\n\n"], {}, "/messages");
  assert.equal(error.request_id, "request-1");
});

Deno.test("what may be sent again is awaited for a second, and nothing without a key of its own", async () => {
  const slept: number[] = [];
  let wake!: () => void;
  const { settledSoon } = createAnswering({
    config: { openrouterUrl: "https://a", audience: "https://b", upstreamIdleTimeoutMs: 1 },
    now: () => 0,
    sleep(ms) {
      slept.push(ms);
      return new Promise((resolve) => wake = resolve);
    },
  });
  const { booking, hurried } = booked();
  const key = await ordered("/chat/completions", '{"model":"a/b"}', { "idempotency-key": "k" });
  const waiting = settledSoon(key, booking);
  assert.equal(await isWaiting(waiting), true);
  assert.deepEqual(slept, [1_000]);
  wake();
  await waiting;
  await settledSoon(key, null);
  await settledSoon({ idempotency: null }, booking);
  assert.deepEqual(slept, [1_000, 1_000]);
  assert.equal(hurried(), 1, "who waits for it lets it wait for no others");
});

Deno.test("a call that is heard although its client left is one that OpenRouter got", async () => {
  const gone = { ...CLIENT, clientGone: AbortSignal.abort() };
  const text = utf8('{"id":"gen-1","usage":{"cost":0.5}}');
  for (const body of [text, new Blob([text]).stream()]) {
    const { booking, endings, answers } = booked();
    const order = await ordered("/chat/completions", '{"model":"a/b"}');
    await answering.pass(order, upstreamOf(body), "sk-own", booking, gone);
    for (let turn = 0; endings.length === 0 && turn < 1_000; turn++) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert.deepEqual(endings, [{ kind: "left", sent: true, hadUsage: false }]);
    assert.equal(answers[0]?.observed.cost, "0.5");
  }
});

Deno.test("a call that is not booked may break off, or begin a job", async () => {
  const order = await ordered("/videos", '{"model":"a/b"}');
  const response = await answering.pass(order, upstreamOf(utf8("{}")), "sk-own", null, CLIENT);
  assert.equal(await response.text(), "{}");
  const late = new StillAnswering(REFUSAL, Promise.reject(new TypeError("connection reset")));
  await answering.hear(order, late, "sk-own", null, "request-1");
});

Deno.test("a late call whose answer is part of one is booked as broken", async () => {
  const { booking, endings } = booked();
  const part = upstreamOf(utf8('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'));
  const order = await ordered("/chat/completions", '{"model":"a/b"}');
  const late = new StillAnswering(REFUSAL, Promise.resolve(part));
  await answering.hear(order, late, "sk-own", booking, "request-1");
  assert.deepEqual(endings, [{ kind: "broken", sent: true, error: REFUSAL }]);
});

const REFUSAL = new GatewayError("upstream_timeout", "late");

for (
  const [what, error, sent] of [
    ["breaks off", new TypeError("connection reset"), true],
    ["was never connected", new TypeError("client error (Connect)"), false],
  ] as const
) {
  Deno.test(`a late call that ${what} is booked as broken, ${sent ? "" : "not "}sent`, async () => {
    const { booking, endings } = booked();
    const late = new StillAnswering(REFUSAL, Promise.reject(error));
    const order = await ordered("/chat/completions", '{"model":"a/b"}');
    await answering.hear(order, late, "sk-own", booking, "request-1");
    assert.deepEqual(endings, [{ kind: "broken", sent, error: REFUSAL }]);
  });
}

Deno.test("a late call is heard to its end for the books alone", async () => {
  const { booking, endings, answers } = booked();
  const answer = Promise.resolve(upstreamOf(utf8('{"id":"gen-1","usage":{"cost":0.5}}')));
  const order = await ordered("/chat/completions", '{"model":"a/b"}');
  await answering.hear(order, new StillAnswering(REFUSAL, answer), "sk-own", booking, "request-1");
  assert.deepEqual(endings, [{ kind: "broken", sent: true, error: REFUSAL }]);
  assert.equal(answers[0]?.observed.cost, "0.5");
});
