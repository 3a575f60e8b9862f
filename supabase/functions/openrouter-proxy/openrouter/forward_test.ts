import assert from "node:assert/strict";
import type { GatewayError } from "../errors.ts";
import { concat, utf8 } from "../bytes/encodings.ts";
import { sendOnce } from "../http/send_once.ts";
import { fakeFetch, scriptedFetch, silentFetch } from "../testing/fake_fetch.ts";
import { timersLeft } from "../testing/timers_left.ts";
import { ClientDisconnected } from "../errors.ts";
import {
  forward,
  isUnconnected,
  knowsNoSuchPath,
  type OutgoingRequest,
  type Patience,
  refusesKey,
  StillAnswering,
  wholeJob,
} from "./forward.ts";
import { responseHeaders } from "./headers.ts";

const LONG_MS = 600_000;
/** Of a stream, whose client stays. */
const PATIENCE: Patience = {
  clientGone: new AbortController().signal,
  timeoutMs: LONG_MS,
  isHeard: false,
};

function post(url = "https://openrouter.example/x"): OutgoingRequest {
  const body = new TextEncoder().encode("{}");
  return { url, method: "POST", headers: {}, body };
}

/** What Deno's own fetch throws when nobody listens there, with a body as the gateway sends it. */
async function connectionRefused(): Promise<Error> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return await sendOnce(fetch)(`http://127.0.0.1:${port}/`, { method: "POST", body: "{}" }).then(
    () => assert.fail("somebody listens"),
    (error) => error,
  );
}

Deno.test("forward gives status, headers and the body as it streams in, and follows no redirect", async () => {
  const answer = new Response("moved", {
    status: 302,
    headers: { location: "https://evil.example" },
  });
  const { calls, fetch } = scriptedFetch(answer);
  const request = post();

  const upstream = await forward(request, PATIENCE, fetch);

  assert.equal(upstream.status, 302);
  assert.equal(upstream.headers.get("location"), "https://evil.example");
  assert.equal(upstream.body, answer.body);
  const { url, method, body, redirect } = calls[0]!;
  assert.deepEqual({ url, method, body, redirect }, {
    url: request.url,
    method: "POST",
    body: request.body,
    redirect: "manual",
  });
});

for (const status of [400, 418, 599]) {
  Deno.test(`forward reads the whole body of the error ${status}`, async () => {
    const { fetch } = scriptedFetch(new Response("no", { status }));
    const { body } = await forward(post(), PATIENCE, fetch);
    assert.deepEqual(body, new TextEncoder().encode("no"));
  });
}

for (const status of [204, 205, 304]) {
  Deno.test(`forward gives no body with status ${status}`, async () => {
    const { fetch } = scriptedFetch(new Response(null, { status }));
    assert.equal((await forward(post(), PATIENCE, fetch)).body, null);
  });
}

// bifrost PR #7199: no headers, and a request that hangs forever.
Deno.test("forward gives up on an upstream that sends no headers", async () => {
  await assert.rejects(forward(post(), { ...PATIENCE, timeoutMs: 1 }, silentFetch), {
    type: "upstream_timeout",
    status: 504,
    message: "OpenRouter sent no response headers within 1 ms",
  });
});

for (const isHeard of [false, true]) {
  const whose = isHeard ? "a heard call" : "a stream";
  Deno.test(`forward gives up on the body of an error of ${whose} that does not end, and keeps its status`, async () => {
    const hanging = fakeFetch(({ signal }) => {
      const body = new ReadableStream({
        start(controller) {
          signal?.addEventListener("abort", () => controller.error(signal.reason));
        },
      });
      return Promise.resolve(new Response(body, { status: 500, headers: { "retry-after": "7" } }));
    });
    const patience = { ...PATIENCE, timeoutMs: 20, isHeard };
    const { status, headers, body } = await forward(post(), patience, hanging);
    assert.deepEqual([status, headers.get("retry-after")], [500, "7"]);
    assert.ok(body instanceof ReadableStream);
    await assert.rejects(new Response(body).text(), { type: "upstream_timeout" });
  });
}

Deno.test("forward ends the call when the client goes, and sends nothing for one that has gone", async () => {
  const leaving = new AbortController();
  const going = forward(post(), { ...PATIENCE, clientGone: leaving.signal }, silentFetch);
  leaving.abort();
  await assert.rejects(going, ClientDisconnected);
  await assert.rejects(
    forward(post(), { ...PATIENCE, clientGone: leaving.signal }, silentFetch),
    ClientDisconnected,
  );
});

Deno.test("forward goes on with a call that is heard when the client goes", async () => {
  const leaving = new AbortController();
  const headers = Promise.withResolvers<Response>();
  let signal: AbortSignal | undefined;
  const fetch = fakeFetch((sent) => {
    signal = sent.signal;
    return headers.promise;
  });
  const patience = { ...PATIENCE, clientGone: leaving.signal, isHeard: true };
  const going = forward(post(), patience, fetch);
  leaving.abort();
  headers.resolve(new Response("x"));
  assert.equal((await going).status, 200);
  assert.equal(signal?.aborted, false);
});

/**
 * Runs a test of a heard call whose answer is late, on timers that a test lets run out.
 *
 * @param test is given what `forward` throws in place of the answer
 */
async function withLateAnswer(
  test: (given: {
    late: StillAnswering;
    answer: PromiseWithResolvers<Response>;
    isAborted: () => boolean | undefined;
    sendings: () => number;
    /** Whether the last timer was not taken back. */
    isWaiting: () => boolean;
    /** Lets the timer that is running run out. */
    timeOut: () => void;
  }) => Promise<void>,
) {
  const { setTimeout, clearTimeout } = globalThis;
  const timers: (() => void)[] = [];
  const takenBack = new Set<unknown>();
  const answer = Promise.withResolvers<Response>();
  let signal: AbortSignal | undefined;
  let sendings = 0;
  const fetch = fakeFetch((sent) => {
    signal = sent.signal;
    sendings++;
    signal?.addEventListener("abort", () => answer.reject(signal?.reason));
    return answer.promise;
  });
  globalThis.setTimeout = ((run: () => void) => timers.push(run)) as unknown as typeof setTimeout;
  globalThis.clearTimeout = (timer) => void takenBack.add(timer);
  try {
    const forwarded = forward(post(), { ...PATIENCE, isHeard: true }, fetch);
    timers.at(-1)!();
    const late = await forwarded.then(() => assert.fail("it was in time"), (error) => error);
    assert.ok(late instanceof StillAnswering);
    assert.deepEqual([late.name, late.message], ["StillAnswering", late.refusal.message]);
    assert.equal(late.refusal.type, "upstream_timeout");
    assert.deepEqual(late.refusal.headers, { "x-should-retry": "false" });
    await test({
      late,
      answer,
      isAborted: () => signal?.aborted,
      sendings: () => sendings,
      isWaiting: () => !takenBack.has(timers.length),
      timeOut: () => timers.at(-1)!(),
    });
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}

Deno.test("forward tells that a heard call is late, and goes on with it", async () => {
  await withLateAnswer(async ({ late, answer, isAborted, isWaiting }) => {
    assert.deepEqual([isAborted(), isWaiting()], [false, true]);
    answer.resolve(new Response("x"));
    const upstream = await late.answer;
    assert.equal(await new Response(upstream.body as ReadableStream).text(), "x");
    assert.equal(isWaiting(), false);
  });
});

Deno.test("forward waits for a heard call twice as long, and no longer", async () => {
  await withLateAnswer(async ({ late, isAborted, timeOut }) => {
    timeOut();
    await assert.rejects(late.answer, { type: "upstream_timeout" });
    assert.equal(isAborted(), true);
  });
});

Deno.test("forward sends a call that is late no more, even if it never was connected", async () => {
  const refused = await connectionRefused();
  await withLateAnswer(async ({ late, answer, sendings }) => {
    answer.reject(refused);
    const error = await late.answer.then(() => assert.fail("it was answered"), (error) => error);
    assert.deepEqual([isUnconnected(error), sendings()], [true, 1]);
  });
});

Deno.test("forward takes an answer that came while the process stood still", async () => {
  const { setTimeout } = globalThis;
  const { now } = performance;
  const timers: (() => void)[] = [];
  const answer = Promise.withResolvers<Response>();
  globalThis.setTimeout = ((run: () => void) => timers.push(run)) as unknown as typeof setTimeout;
  let ms = 0;
  performance.now = () => ms;
  try {
    const forwarded = forward(post(), PATIENCE, fakeFetch(() => answer.promise));
    ms = PATIENCE.timeoutMs + 60_000;
    timers.at(-1)!();
    assert.equal(timers.length, 2, "it looks once more");
    answer.resolve(new Response("x"));
    assert.equal((await forwarded).status, 200);
  } finally {
    globalThis.setTimeout = setTimeout;
    performance.now = now;
  }
});

Deno.test("forward leaves nothing behind on the client's signal", async () => {
  const leaving = new AbortController();
  let upstreamSignal: AbortSignal | undefined;
  const fetch = fakeFetch(({ signal }) => {
    upstreamSignal = signal;
    return Promise.resolve(new Response("x"));
  });
  const upstream = await forward(post(), { ...PATIENCE, clientGone: leaving.signal }, fetch);
  leaving.abort();
  assert.equal(upstreamSignal?.aborted, false);
  upstream.abort(new Error("now"));
  assert.equal(upstreamSignal?.aborted, true);
});

Deno.test("forward tries a connection that was refused exactly once more", async () => {
  const refused = await connectionRefused();

  const second = scriptedFetch(refused, new Response("x"));
  assert.equal((await forward(post(), PATIENCE, second.fetch)).status, 200);
  assert.equal(second.calls.length, 2);
  assert.deepEqual(second.calls[0], second.calls[1]);

  const never = scriptedFetch(refused, refused);
  await assert.rejects(forward(post(), PATIENCE, never.fetch), {
    type: "upstream_unreachable",
    status: 502,
    cause: refused,
  });
  assert.equal(never.calls.length, 2);
});

Deno.test("forward never sends a request again once a connection had come about", async () => {
  const broken = new TypeError(
    "error sending request: client error (SendRequest): connection closed before message completed",
  );
  const { calls, fetch } = scriptedFetch(broken);
  await assert.rejects(forward(post(), PATIENCE, fetch), {
    type: "upstream_unreachable",
    cause: broken,
  });
  assert.equal(calls.length, 1);
});

/** An answer with a body that says when it is let go of, and a status that Response does not take. */
function oddAnswer(status: number) {
  const cancelled: unknown[] = [];
  const body = new ReadableStream({ cancel: (reason) => void cancelled.push(reason) });
  const answer = new Response(body);
  Object.defineProperty(answer, "status", { value: status });
  return { fetch: scriptedFetch(answer).fetch, cancelled };
}

for (const status of [101, 199, 600, 999]) {
  Deno.test(`forward does not answer with the status ${status}, which is none of an answer`, async () => {
    const { fetch, cancelled } = oddAnswer(status);
    await assert.rejects(forward(post(), PATIENCE, fetch), (error: GatewayError) => {
      assert.deepEqual([error.type, error.message, String(error.cause)], [
        "upstream_unreachable",
        "OpenRouter could not be reached",
        `RangeError: ${status} is no status of an answer`,
      ]);
      return true;
    });
    assert.equal(cancelled.length, 1);
  });
}

for (const status of [204, 205, 304]) {
  Deno.test(`forward lets go of a body that comes with status ${status}, which has none`, async () => {
    const { fetch, cancelled } = oddAnswer(status);
    const upstream = await forward(post(), PATIENCE, fetch);
    assert.deepEqual([upstream.status, upstream.body, cancelled.length], [status, null, 1]);
  });
}

Deno.test("forward takes its time-out back once there is an answer or a failure", async () => {
  for (const answer of [new Response("x"), new TypeError("unreachable")]) {
    const { fetch } = scriptedFetch(answer);
    assert.equal(await timersLeft(() => forward(post(), PATIENCE, fetch).catch(() => {})), 0);
  }
});

for (
  const [status, body, isKnown, knowsNone] of [
    [405, "{}", true, true],
    [404, "{}", false, true],
    [404, '{"error":{"message":"Not Found"}}', true, true],
    [404, '{"error":{"message":"No endpoints found"}}', true, false],
    [404, "<html>", true, false],
    [404, null, true, false],
    [400, '{"error":{"message":"Not Found"}}', true, false],
    [200, "{}", false, false],
  ] as const
) {
  const path = isKnown ? "a path of OpenRouter's" : "another path";
  Deno.test(`${status} with ${body} says ${knowsNone ? "that there is no" : "nothing of"} ${path}`, () => {
    const bytes = body && new TextEncoder().encode(body);
    const upstream = { status, headers: new Headers(), body: bytes, abort() {} };
    assert.equal(knowsNoSuchPath(upstream, isKnown), knowsNone);
  });
}

Deno.test("an answer that begins a job is whole once it has come, and is given up in time", async () => {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      controller.enqueue(new TextEncoder().encode("{}"));
      controller.close();
    },
  });
  const aborted: unknown[] = [];
  const abort = (reason: unknown) => void aborted.push(reason);
  const upstream = { status: 200, headers: new Headers(), body, abort };
  const whole = await wholeJob(upstream, LONG_MS);
  assert.ok(whole.body instanceof Uint8Array);
  assert.equal(new TextDecoder().decode(whole.body), "{}");
  assert.equal(await wholeJob(whole, 0), whole);
  assert.deepEqual(aborted, []);
  const other = new Response("{}").body!;
  assert.equal(await timersLeft(() => wholeJob({ ...upstream, body: other }, LONG_MS)), 0);

  let fail = (_reason: unknown) => {};
  const silent = new ReadableStream<Uint8Array>({ start: (c) => void (fail = (e) => c.error(e)) });
  const late = {
    ...upstream,
    body: silent,
    abort: (reason: unknown) => (abort(reason), fail(reason)),
  };
  const { body: left } = await wholeJob(late, 1);
  assert.ok(left instanceof ReadableStream, "who reads it learns why");
  await assert.rejects(new Response(left).text(), {
    type: "upstream_timeout",
    message: "OpenRouter took over 1 ms to answer",
  });
  assert.equal(aborted.length, 1);
});

Deno.test("refusesKey knows OpenRouter's refusal of a key from every other 401", () => {
  const answer = (status: number, text: string) => ({
    status,
    headers: new Headers(),
    body: new TextEncoder().encode(text),
    abort() {},
  });
  assert.equal(refusesKey(answer(401, '{"error":{"message":"User not found.","code":401}}')), true);
  assert.equal(refusesKey(answer(401, '{"error":{"message":"Invalid token"}}')), false);
  assert.equal(refusesKey(answer(403, "User not found.")), false);
  assert.equal(refusesKey({ ...answer(401, ""), body: null }), false);
});

/** Forwards a body of this size to a server that answers its first bytes so, and closes. */
async function forwardedTo(answer: string | Uint8Array, bodyBytes: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(16_384));
    await connection.write(typeof answer === "string" ? utf8(answer) : answer);
  })();
  try {
    const { port } = listener.addr as Deno.NetAddr;
    const request = { ...post(`http://127.0.0.1:${port}/`), body: new Uint8Array(bodyBytes) };
    return await forward(request, PATIENCE, sendOnce(fetch));
  } finally {
    await served;
    listener.close();
  }
}

Deno.test("forward gives the answer of an upstream that closes while the body is still being sent", async () => {
  const answer =
    "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large";
  const { status, body } = await forwardedTo(answer, 20_000_000);
  assert.deepEqual([status, body], [413, new TextEncoder().encode("too large")]);
});

// better-ccflare PR #243, one spelling further.
for (const encoding of ["gzip", "GZIP", "x-gzip"]) {
  for (const status of [200, 500]) {
    Deno.test(`forward decodes an answer of ${status} in ${encoding}, whatever fetch makes of it`, async () => {
      const packed = new Blob(["{}"]).stream().pipeThrough(new CompressionStream("gzip"));
      const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
      const head = `HTTP/1.1 ${status} x\r\ncontent-encoding: ${encoding}\r\n` +
        `content-length: ${bytes.length}\r\nconnection: close\r\n\r\n`;
      const { headers, body } = await forwardedTo(concat(utf8(head), bytes), 2);
      assert.equal(await new Response(body as BodyInit).text(), "{}");
      assert.equal(responseHeaders(headers).has("content-encoding"), false);
      assert.equal(responseHeaders(headers).has("content-length"), false);
    });
  }
}

Deno.test("forward takes no other protocol for an answer", async () => {
  const answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
  await assert.rejects(forwardedTo(answer, 2), { type: "upstream_unreachable", status: 502 });
});

Deno.test("a body is read in one step where it is fetch's own, and no error's", async () => {
  const json = { "content-type": "application/json" };
  for (
    const [response, isOwn] of [
      [new Response("[1,2]", { headers: json }), true],
      [new Response("[1,2]", { status: 400, headers: json }), false],
      [new Response("[1,2]", { headers: { ...json, "content-encoding": "x-gzip" } }), false],
      [new Response(null, { status: 204 }), false],
    ] as const
  ) {
    const { readWhole } = await forward(post(), PATIENCE, () => Promise.resolve(response));
    assert.equal(readWhole !== undefined, isOwn);
    if (readWhole) assert.equal(new TextDecoder().decode(await readWhole()), "[1,2]");
  }
});

for (const ending of ["falls silent", "breaks"] as const) {
  Deno.test(`the step that reads a whole body ends where that ${ending}`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const accepted = listener.accept();
    const answer = forward(post(`http://127.0.0.1:${port}/`), PATIENCE, sendOnce(fetch));
    using connection = await accepted;
    await connection.read(new Uint8Array(4_096));
    await connection.write(utf8("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[1,2"));
    const { readWhole, abort } = await answer;
    const whole = readWhole!();
    const told = assert.rejects(whole);
    if (ending === "breaks") await connection.closeWrite();
    else abort(new Error("silent for too long"));
    await told;
    // The connection is closed: what is still read of it is the request's end.
    const rest = new Uint8Array(4_096);
    while (await connection.read(rest).catch(() => null) !== null);
  });
}
