import assert from "node:assert/strict";
import { testWithTimers as test } from "./testing/with_timers.ts";
import { ANSWER, errorOf, gatewayWith, requestFrom } from "./testing/gateways.ts";

test("a client that hangs up mid-stream ends the call at OpenRouter and the row", async () => {
  const aborted = Promise.withResolvers<void>();
  const gateway = await gatewayWith({
    openrouter: (request) => {
      request.signal.addEventListener("abort", () => aborted.resolve());
      const endless = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('data: {"id":"gen-1","model":"m"}\n\n'));
        },
      });
      return new Response(endless, { headers: { "content-type": "text/event-stream" } });
    },
  });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, gateway.fetch);
  try {
    const base = `http://127.0.0.1:${server.addr.port}/openrouter-proxy`;
    const hangUp = new AbortController();
    const request = await requestFrom(gateway.signer, { body: '{"stream":true}' }, base);
    const response = await fetch(request, { signal: hangUp.signal });
    await response.body!.getReader().read();
    hangUp.abort();
    await aborted.promise;
    await gateway.idle();
    assert.equal(gateway.seen.settlements[0]!.errorMessage, "client_disconnected");
  } finally {
    await server.shutdown();
  }
});

test("a completed stream is completed although the runtime aborts its signal afterwards", async () => {
  const gateway = await gatewayWith();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, gateway.fetch);
  try {
    const base = `http://127.0.0.1:${server.addr.port}/openrouter-proxy`;
    const response = await fetch(await requestFrom(gateway.signer, {}, base));
    assert.equal(await response.text(), ANSWER);
    await gateway.idle();
    assert.deepEqual(
      gateway.seen.settlements.map(({ status, cost }) => [status, cost]),
      [["completed", "0.000001"]],
    );
  } finally {
    await server.shutdown();
  }
});

test("a call that is no stream is heard to its end when its client hangs up before the headers", async () => {
  const forwarded = Promise.withResolvers<Request>();
  const answer = Promise.withResolvers<Response>();
  const gateway = await gatewayWith({
    openrouter: (request) => {
      forwarded.resolve(request);
      return answer.promise;
    },
  });
  const gone = Promise.withResolvers<void>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    request.signal.addEventListener("abort", () => gone.resolve());
    return gateway.fetch(request);
  });
  try {
    const base = `http://127.0.0.1:${server.addr.port}/openrouter-proxy`;
    const hangUp = new AbortController();
    const request = await requestFrom(gateway.signer, { body: '{"model":"m"}' }, base);
    const response = fetch(request, { signal: hangUp.signal });
    const sent = await forwarded.promise;
    hangUp.abort();
    await assert.rejects(response);
    await gone.promise;
    assert.equal(sent.signal.aborted, false);
    answer.resolve(new Response(ANSWER, { headers: { "content-type": "application/json" } }));
    await gateway.idle();
    assert.deepEqual(
      gateway.seen.settlements.map(({ errorMessage, cost }) => [errorMessage, cost]),
      [["client_disconnected", "0.000001"]],
    );
  } finally {
    await server.shutdown();
  }
});

test("a call that OpenRouter is late for is 504, and goes on until its cost is booked", async () => {
  const answer = Promise.withResolvers<Response>();
  const gateway = await gatewayWith({
    openrouter: () => answer.promise,
    env: { UPSTREAM_HEADERS_TIMEOUT_MS: "300" },
  });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"model":"m"}' }),
  );
  assert.equal(response.status, 504);
  assert.equal((await errorOf(response)).type, "upstream_timeout");
  assert.deepEqual(gateway.seen.settlements, []);
  answer.resolve(new Response(ANSWER, { headers: { "content-type": "application/json" } }));
  await gateway.idle();
  assert.deepEqual(
    gateway.seen.settlements.map((
      { status, errorMessage, cost, generationId },
    ) => [status, errorMessage, cost, generationId]),
    [[
      "failed",
      "upstream_timeout: OpenRouter sent no response headers within 300 ms",
      "0.000001",
      "gen-1",
    ]],
  );
});

test("a late call that is refused after all is settled as that, at no cost", async () => {
  const answer = Promise.withResolvers<Response>();
  const gateway = await gatewayWith({
    openrouter: () => answer.promise,
    env: { UPSTREAM_HEADERS_TIMEOUT_MS: "300" },
  });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"model":"m"}' }),
  );
  assert.equal(response.status, 504);
  answer.resolve(Response.json({ error: { code: 429, message: "slow down" } }, { status: 429 }));
  await gateway.idle();
  assert.deepEqual(
    gateway.seen.settlements.map((
      { errorMessage, cost, mayBeRepeated },
    ) => [errorMessage, cost, mayBeRepeated]),
    [["429: slow down", "0", true]],
  );
});

test("a stream that OpenRouter is late for is 504, and ends", async () => {
  const forwarded = Promise.withResolvers<Request>();
  const gateway = await gatewayWith({
    openrouter: (request) => {
      forwarded.resolve(request);
      return new Promise((_, reject) =>
        request.signal.addEventListener("abort", () => reject(request.signal.reason))
      );
    },
    env: { UPSTREAM_HEADERS_TIMEOUT_MS: "300" },
  });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"stream":true}' }),
  );
  assert.equal(response.status, 504);
  assert.equal((await forwarded.promise).signal.aborted, true);
  await gateway.idle();
  assert.deepEqual(gateway.seen.settlements.map(({ cost }) => cost), [null]);
});
