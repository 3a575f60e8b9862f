import assert from "node:assert/strict";
import { sendOnce } from "../http/send_once.ts";
import { fakeFetch, scriptedFetch, silentFetch } from "../testing/fake_fetch.ts";
import { ClientDisconnected } from "../errors.ts";
import {
  forward,
  isUnconnected,
  type OutgoingRequest,
  type Patience,
  refusesKey,
  StillAnswering,
} from "./forward.ts";

const LONG_MS = 600_000;
/** Of a stream, whose client stays. */
const PATIENCE: Patience = {
  clientGone: new AbortController().signal,
  timeoutMs: LONG_MS,
  isHeard: false,
};

function post(url = "https://openrouter.example/x"): OutgoingRequest {
  const body = new TextEncoder().encode("{}");
  return { url, method: "POST", headers: new Headers(), body };
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

Deno.test("forward reads the whole body of an error", async () => {
  const { fetch } = scriptedFetch(new Response("no", { status: 418 }));
  const { body } = await forward(post(), PATIENCE, fetch);
  assert.deepEqual(body, new TextEncoder().encode("no"));
});

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

/** What `forward` throws in place of an answer that is late, and what became of the request. */
async function lateAnswer(answer: Promise<Response>) {
  let signal: AbortSignal | undefined;
  let sendings = 0;
  const fetch = fakeFetch((sent) => {
    signal = sent.signal;
    sendings++;
    return Promise.race([
      answer,
      new Promise<never>((_, reject) =>
        sent.signal!.addEventListener("abort", () => reject(sent.signal!.reason))
      ),
    ]);
  });
  const late = await forward(post(), { ...PATIENCE, timeoutMs: 20, isHeard: true }, fetch).then(
    () => assert.fail("it was in time"),
    (error) => error,
  );
  assert.ok(late instanceof StillAnswering);
  assert.equal(late.refusal.type, "upstream_timeout");
  return { late, isAborted: () => signal?.aborted, sendings: () => sendings };
}

Deno.test("forward tells that a heard call is late, and goes on with it", async () => {
  const headers = Promise.withResolvers<Response>();
  const { late, isAborted } = await lateAnswer(headers.promise);
  assert.equal(isAborted(), false);
  headers.resolve(new Response("x"));
  const upstream = await late.answer;
  assert.equal(await new Response(upstream.body as ReadableStream).text(), "x");
});

Deno.test("forward waits for a heard call twice as long, and no longer", async () => {
  const { late, isAborted } = await lateAnswer(new Promise(() => {}));
  await assert.rejects(late.answer, { type: "upstream_timeout" });
  assert.equal(isAborted(), true);
});

Deno.test("forward sends a call that is late no more, even if it never was connected", async () => {
  const headers = Promise.withResolvers<Response>();
  const { late, sendings } = await lateAnswer(headers.promise);
  headers.reject(await connectionRefused());
  const error = await late.answer.then(() => assert.fail("it was answered"), (error) => error);
  assert.deepEqual([isUnconnected(error), sendings()], [true, 1]);
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

for (const status of [101, 199, 600, 999]) {
  Deno.test(`forward does not answer with the status ${status}, which is none of an answer`, async () => {
    const odd = new Response("x");
    Object.defineProperty(odd, "status", { value: status });
    const { fetch } = scriptedFetch(odd);
    await assert.rejects(forward(post(), PATIENCE, fetch), { type: "upstream_unreachable" });
  });
}

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
