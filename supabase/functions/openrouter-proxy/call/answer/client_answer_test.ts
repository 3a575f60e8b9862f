import assert from "node:assert/strict";
import type { Upstream } from "../../openrouter/forward.ts";
import { clientAnswer, wholeIfJson } from "./client_answer.ts";
import type { Answer, Booking, BookingEnding } from "../../books/booking.ts";
import type { Ending } from "../../books/verdict.ts";
import { createLinks } from "../../openrouter/links.ts";

const NEVER = new AbortController().signal;
const utf8 = (text: string) => new TextEncoder().encode(text);

/** How a call ends that nobody waits for. */
const LEFT: Ending = { kind: "left", sent: true, hadUsage: false };

interface Options {
  isBooked?: boolean;
  /** Whether it is heard to its end, and its client has left. */
  isHeard?: boolean;
  hasLinks?: boolean;
}

function answered(upstream: Partial<Upstream>, options: Options = {}) {
  const { isBooked = true, isHeard = false, hasLinks = false } = options;
  const events: (Answer | BookingEnding)[] = [];
  const seen = { firstBytes: 0 };
  const booking: Booking = {
    settled: Promise.resolve(),
    hurry() {},
    answering: (answer) => events.push(answer),
    firstByte: () => seen.firstBytes++,
    end: (ending) => events.push(ending),
  };
  const whole = { status: 200, headers: new Headers(), body: null, abort() {}, ...upstream };
  const response = clientAnswer(whole, {
    apiKey: "sk-or-v1-x",
    booking: isBooked ? booking : null,
    whenRead: whole.status >= 300
      ? { kind: "refused", status: whole.status }
      : { kind: "answered" },
    whenHeard: isHeard ? LEFT : null,
    linkOf: hasLinks ? createLinks("https://openrouter.ai/api/v1", "https://gateway/f") : null,
    errorEvents: () => new Uint8Array(),
    idleTimeoutMs: 1_000,
    clientGone: isHeard ? AbortSignal.abort() : NEVER,
  });
  return { response, events, seen };
}

const JSON_HEADERS = { "content-type": "application/json" };

Deno.test("clientAnswer passes status, headers and bytes on, and tells the booking of them", async () => {
  const body = new Response('{"usage":{"cost":0.5}}').body;
  const headers = new Headers({
    "content-type": "application/json",
    "x-generation-id": "gen-1",
    "set-cookie": "a=b",
  });
  const { response, events } = answered({ status: 202, headers, body });
  assert.equal(response.status, 202);
  assert.deepEqual([...response.headers], [
    ["content-type", "application/json"],
    ["x-generation-id", "gen-1"],
  ]);
  assert.equal(events.length, 1);
  assert.equal(await response.text(), '{"usage":{"cost":0.5}}');
  const { observed, ...answer } = events[0] as Answer;
  assert.deepEqual(answer, {
    httpStatus: 202,
    generationId: "gen-1",
    apiKey: "sk-or-v1-x",
    isCacheHit: false,
    progress: {
      hasBegun: false,
      beginsWithError: false,
      isOver: false,
      mayTellMore: false,
      hasLast: false,
      events: 0,
    },
  });
  assert.equal(observed.cost, "0.5");
  assert.deepEqual(events[1], { kind: "answered" });
});

Deno.test("clientAnswer passes an error on without the operator's account, and ends the booking with its message", async () => {
  const headers = new Headers({ "content-type": "application/json", "retry-after": "7" });
  const body = utf8('{"error":{"code":429,"message":"slow down"},"user_id":"user_2d"}');
  const { response, events } = answered({ status: 429, headers, body });
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "7");
  assert.equal(
    await response.text(),
    '{"error":{"code":429,"message":"slow down"},"user_id":"[redacted]"}',
  );
  assert.equal((events[0] as Answer).observed.error, "429: slow down");
  assert.deepEqual(events[1], { kind: "refused", status: 429 });
});

Deno.test("clientAnswer passes an error without a body on without one", async () => {
  const { response, events } = answered({ status: 404 });
  assert.equal(response.body, null);
  assert.equal(await response.text(), "");
  assert.deepEqual(events[1], { kind: "refused", status: 404 });
});

Deno.test("clientAnswer passes an error on as a whole, however large, without the operator's account", async () => {
  const headers = new Headers({ "content-type": "application/json" });
  const error = (user: string) =>
    `{"error":{"message":"${
      "x".repeat(500_000)
    }","metadata":{"raw":"{\\"user_id\\":\\"${user}\\"}"}}}`;
  const { response } = answered({ status: 400, headers, body: utf8(error("user_2d")) });
  assert.equal(await response.text(), error("[redacted]"));
});

for (const [status, isError] of [[399, false], [400, true], [502, true]] as const) {
  Deno.test(`clientAnswer reads a body that streams in with ${status} as ${isError ? "an error" : "an answer"}`, async () => {
    // A model may write it; an error of a provider's names the operator so.
    const text = '{"choices":[{"message":{"content":"of org-0123456789abcdefghijklmn"}}]}';
    const headers = new Headers({ "content-type": "application/json" });
    const { response } = answered({ status, headers, body: new Response(text).body });
    assert.equal((await response.text()).includes("[redacted]"), isError);
  });
}

Deno.test("clientAnswer ends the booking of an error that is too large to be whole", async () => {
  const { response, events } = answered({ status: 502, body: new Response("<html>").body });
  assert.equal(response.status, 502);
  assert.equal(await response.text(), "<html>");
  assert.deepEqual(events[1], { kind: "refused", status: 502 });
});

for (const status of [204, 205]) {
  Deno.test(`clientAnswer ends the booking of an answer that has no content by its status, ${status}`, () => {
    const { response, events } = answered({ status });
    assert.equal(response.status, status);
    assert.equal(response.body, null);
    assert.deepEqual(events[1], { kind: "answered" });
  });
}

for (
  const [what, body] of [
    ["no body", null],
    ["a whole body of 0 bytes", new Uint8Array()],
    ["a stream of 0 bytes", new Response("").body],
    ["a stream of white space", new Response(" \n").body],
  ] as const
) {
  Deno.test(`clientAnswer ends the booking of a 200 with ${what} as empty`, async () => {
    const { response, events } = answered({ headers: new Headers(JSON_HEADERS), body });
    await response.text();
    assert.deepEqual(events[1], { kind: "empty" });
  });
}

Deno.test("clientAnswer passes on what is not booked", async () => {
  const { response } = answered({ body: new Response("x").body }, { isBooked: false });
  assert.equal(await response.text(), "x");
  const refused = answered({ status: 404, body: utf8("no") }, { isBooked: false });
  assert.equal(refused.response.status, 404);
});

for (
  const [header, generationId] of [
    ["g".repeat(257), "g".repeat(257)],
    ["g".repeat(512), "g".repeat(512)],
    ["g".repeat(513), null],
  ] as const
) {
  Deno.test(`clientAnswer keeps an x-generation-id of ${header.length} characters ${generationId ? "whole" : "not at all"}`, () => {
    const { events } = answered({ headers: new Headers({ "x-generation-id": header }) });
    assert.equal((events[0] as Answer).generationId, generationId);
  });
}

for (const [header, isCacheHit] of [["HIT", true], ["hit", true], ["MISS", false]] as const) {
  Deno.test(`clientAnswer knows a response that came from the cache by x-openrouter-cache-status: ${header}`, () => {
    const headers = new Headers({ "x-openrouter-cache-status": header });
    assert.equal((answered({ headers }).events[0] as Answer).isCacheHit, isCacheHit);
  });
}

const JOB = '{"id":"gen-vid-1","polling_url":"https://openrouter.ai/api/v1/videos/gen-vid-1?a=1",' +
  '"unsigned_urls":["/api/v1/videos/gen-vid-1/content","https://cdn.example/v.mp4"],' +
  '"data":{"polling_url":"https:\\/\\/openrouter.ai\\/api\\/v1\\/videos\\/x"}}';
const JOB_HERE =
  '{"id":"gen-vid-1","polling_url":"https://gateway/f/api/v1/openrouter/videos/gen-vid-1?a=1",' +
  '"unsigned_urls":["https://gateway/f/api/v1/openrouter/videos/gen-vid-1/content",' +
  '"https://cdn.example/v.mp4"],' +
  '"data":{"polling_url":"https://gateway/f/api/v1/openrouter/videos/x"}}';

for (
  const [what, status, bodyOf] of [
    ["POST /videos, which is read whole", 202, () => utf8(JOB)],
    ["GET /videos/{id}, which streams in", 200, () => new Response(JOB).body],
    [
      "GET /videos/{id}, which streams in byte by byte",
      200,
      () => ReadableStream.from(Array.from(utf8(JOB), (byte) => Uint8Array.of(byte))),
    ],
  ] as const
) {
  Deno.test(`clientAnswer leads the URLs of ${what}, back through the gateway`, async () => {
    const headers = new Headers({ ...JSON_HEADERS, "content-length": String(JOB.length) });
    const { response } = answered({ status, headers, body: bodyOf() }, { hasLinks: true });
    assert.equal(response.headers.get("content-length"), null);
    assert.equal(await response.text(), JOB_HERE);
    const untouched = answered({ status, headers, body: bodyOf() });
    assert.equal(await untouched.response.text(), JOB);
  });
}

Deno.test("clientAnswer keeps the length that was told, whatever is taken out of what streams in", async () => {
  const told = '{"id":"gen-1","user_id":"user_2dXyZ0123456789"}';
  const headers = new Headers({ ...JSON_HEADERS, "content-length": String(told.length) });
  const { response } = answered({ headers, body: new Response(told).body });
  assert.equal(response.headers.get("content-length"), String(told.length));
  const passed = await response.text();
  assert.equal(passed.length, told.length);
  assert.ok(!passed.includes("2dXyZ"), passed);
});

for (const body of [utf8('{"usage":{"cost":1}}'), new Response('{"usage":{"cost":1}}').body]) {
  const how = body instanceof Uint8Array ? "whole" : "as a stream";
  Deno.test(`clientAnswer reads an answer that came ${how} to its end although nobody waits for it`, async () => {
    const { events } = answered({ headers: new Headers(JSON_HEADERS), body }, { isHeard: true });
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal((events[0] as Answer).observed.cost, "1");
    assert.deepEqual(events[1], LEFT);
  });
}

// A content-type may be wrong.
for (const how of ["whole", "as a stream"]) {
  Deno.test(`clientAnswer passes no part of an answer for all of it, of events that came ${how} and as JSON`, async () => {
    const part = 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
    const body = how === "whole" ? utf8(part) : new Response(part).body;
    await assert.rejects(
      async () => await answered({ headers: new Headers(JSON_HEADERS), body }).response.text(),
      { type: "upstream_unreachable", message: "OpenRouter's answer ended before it was complete" },
    );
  });
}

Deno.test("clientAnswer passes a refusal on, although it is a part of events that call themselves JSON", async () => {
  const part = 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
  const headers = new Headers(JSON_HEADERS);
  const { response, events } = answered({ status: 502, headers, body: utf8(part) });
  assert.equal(await response.text(), part);
  assert.deepEqual(events[1], { kind: "refused", status: 502 });
});

Deno.test("clientAnswer ends a call that was refused as that, although nobody waits for it", () => {
  const { events } = answered({ status: 429, body: utf8("no") }, { isHeard: true });
  assert.deepEqual(events[1], { kind: "refused", status: 429 });
});

for (
  const [what, contentType, length, isWhole] of [
    ["JSON", "application/json", null, true],
    ["JSON whose length is known", "application/json; charset=utf-8", "8", true],
    ["JSON that is large", "application/json", "131073", false],
    ["a stream of events", "text/event-stream", null, false],
    ["audio", "audio/mpeg", "8", false],
    ["what does not say what it is", null, null, false],
  ] as const
) {
  Deno.test(`an answer that comes at once passes as ${isWhole ? "a whole" : "it comes"}: ${what}`, async () => {
    const headers = new Headers({
      ...(contentType && { "content-type": contentType }),
      ...(length && { "content-length": length }),
    });
    const { body } = new Response('{"a": 1}');
    const upstream = await wholeIfJson({ status: 200, headers, body, abort() {} }, () => () => {});
    assert.equal(upstream.body instanceof Uint8Array, isWhole);
    assert.equal(await new Response(upstream.body).text(), '{"a": 1}');
  });
}

for (
  const [what, headers, isInOneStep] of [
    ["whose length is told", { "content-length": "8" }, true],
    ["without a length", {}, false],
    ["that is encoded", { "content-length": "8", "content-encoding": "zstd" }, false],
    ["that is large", { "content-length": "131073" }, false],
    ["that is none", { "content-length": "8", "content-type": "text/plain" }, false],
  ] as const
) {
  Deno.test(`JSON ${what} is ${isInOneStep ? "" : "not "}read in one step`, async () => {
    let steps = 0;
    const response = new Response('{"a": 1}');
    const { body } = await wholeIfJson({
      status: 200,
      headers: new Headers({ ...JSON_HEADERS, ...headers }),
      body: response.body,
      async readWhole() {
        steps++;
        return new Uint8Array(await response.arrayBuffer());
      },
      abort() {},
    }, () => () => {});
    assert.equal(steps, isInOneStep ? 1 : 0);
    assert.equal(await new Response(body).text(), '{"a": 1}');
  });
}

for (
  const [what, status, body, firstBytes] of [
    ["an answer", 200, utf8("{}"), 1],
    ["an answer of one byte that leads elsewhere", 399, utf8("x"), 1],
    ["an empty answer", 200, new Uint8Array(), 0],
    ["the least of errors", 400, utf8("{}"), 0],
    ["an error", 429, utf8("{}"), 0],
  ] as const
) {
  Deno.test(`clientAnswer tells the booking of ${firstBytes === 0 ? "no" : "the"} first byte of ${what} that is here as a whole`, () => {
    const { seen } = answered({ status, headers: new Headers(JSON_HEADERS), body });
    assert.equal(seen.firstBytes, firstBytes);
  });
}
