import assert from "node:assert/strict";
import { sendOnce } from "../http/send_once.ts";
import { fakeFetch, scriptedFetch, silentFetch } from "../testing/fake_fetch.ts";
import { ClientDisconnected } from "../errors.ts";
import { forward, type OutgoingRequest, refusesKey } from "./forward.ts";

const NEVER = new AbortController().signal;
const LONG_MS = 600_000;

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

  const upstream = await forward(request, NEVER, LONG_MS, fetch);

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
  const { body } = await forward(post(), NEVER, LONG_MS, fetch);
  assert.deepEqual(body, new TextEncoder().encode("no"));
});

for (const status of [204, 205, 304]) {
  Deno.test(`forward gives no body with status ${status}`, async () => {
    const { fetch } = scriptedFetch(new Response(null, { status }));
    assert.equal((await forward(post(), NEVER, LONG_MS, fetch)).body, null);
  });
}

// bifrost PR #7199: no headers, and a request that hangs forever.
Deno.test("forward gives up on an upstream that sends no headers", async () => {
  await assert.rejects(forward(post(), NEVER, 1, silentFetch), {
    type: "upstream_timeout",
    status: 504,
    message: "OpenRouter sent no response headers within 1 ms",
  });
});

Deno.test("forward gives up on an error's body that does not end, and keeps its status", async () => {
  const hanging = fakeFetch(({ signal }) => {
    const body = new ReadableStream({
      start(controller) {
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
    });
    return Promise.resolve(new Response(body, { status: 500, headers: { "retry-after": "7" } }));
  });
  const { status, headers, body } = await forward(post(), NEVER, 1, hanging);
  assert.deepEqual([status, headers.get("retry-after")], [500, "7"]);
  assert.ok(body instanceof ReadableStream);
  await assert.rejects(new Response(body).text(), { type: "upstream_timeout" });
});

Deno.test("forward ends the call when the client goes, and sends nothing for one that has gone", async () => {
  const leaving = new AbortController();
  const going = forward(post(), leaving.signal, LONG_MS, silentFetch);
  leaving.abort();
  await assert.rejects(going, ClientDisconnected);
  await assert.rejects(forward(post(), leaving.signal, LONG_MS, silentFetch), ClientDisconnected);
});

Deno.test("forward leaves nothing behind on the client's signal", async () => {
  const leaving = new AbortController();
  let upstreamSignal: AbortSignal | undefined;
  const fetch = fakeFetch(({ signal }) => {
    upstreamSignal = signal;
    return Promise.resolve(new Response("x"));
  });
  const upstream = await forward(post(), leaving.signal, LONG_MS, fetch);
  leaving.abort();
  assert.equal(upstreamSignal?.aborted, false);
  upstream.abort(new Error("now"));
  assert.equal(upstreamSignal?.aborted, true);
});

Deno.test("forward tries a connection that was refused exactly once more", async () => {
  const refused = await connectionRefused();

  const second = scriptedFetch(refused, new Response("x"));
  assert.equal((await forward(post(), NEVER, LONG_MS, second.fetch)).status, 200);
  assert.equal(second.calls.length, 2);
  assert.deepEqual(second.calls[0], second.calls[1]);

  const never = scriptedFetch(refused, refused);
  await assert.rejects(forward(post(), NEVER, LONG_MS, never.fetch), {
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
  await assert.rejects(forward(post(), NEVER, LONG_MS, fetch), {
    type: "upstream_unreachable",
    cause: broken,
  });
  assert.equal(calls.length, 1);
});

Deno.test("forward does not answer with a status that HTTP does not have", async () => {
  const odd = new Response("x");
  Object.defineProperty(odd, "status", { value: 999 });
  const { fetch } = scriptedFetch(odd);
  await assert.rejects(forward(post(), NEVER, LONG_MS, fetch), { type: "upstream_unreachable" });
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
