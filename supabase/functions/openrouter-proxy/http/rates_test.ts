import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse, type ErrorType, GatewayError } from "../errors.ts";
import { fakeClock } from "../testing/maintenance.ts";
import { onAnswer } from "../testing/on_answer.ts";
import { createRates } from "./rates.ts";
import type { RequestEnv } from "./request_log.ts";

/** A server that counts how often a request got past the rates, and refuses those as it is told. */
function serverWith(readsPerMinute: number, refusal: ErrorType | null = null) {
  const clock = fakeClock();
  const rates = createRates(readsPerMinute, clock.now);
  const seen = { passed: 0 };
  const app = new Hono<RequestEnv>();
  app.use(onAnswer(rates.countRefusals));
  app.all("/:did", (c) => {
    const did = c.req.param("did");
    c.set("did", did);
    rates.hear(did);
    rates.countRead(c, did);
    seen.passed++;
    if (refusal !== null) throw new GatewayError(refusal, "no");
    return c.json(c.get("rate") ?? null);
  });
  app.onError((error) => errorResponse(error, "request-1"));
  return {
    clock,
    seen,
    async send(did: string, method: string) {
      const response = await app.request(`/${did}`, { method });
      return { response, body: method === "HEAD" ? null : await response.json() };
    },
  };
}

Deno.test("GET and HEAD of a DID take from one bucket, and what is refused says when one passes", async () => {
  const { send, clock, seen } = serverWith(2);
  assert.deepEqual((await send("a", "GET")).body, {
    limit: 2,
    remaining: 1,
    resetSeconds: 30,
    retryAfterSeconds: 0,
  });
  assert.equal((await send("a", "HEAD")).response.status, 200);

  const { response, body } = await send("a", "GET");
  assert.equal(response.status, 429);
  assert.equal(body.error.type, "rate_limited");
  assert.equal(body.error.scope, "did");
  assert.match(body.error.message, /^this DID has read 2 times within a minute: wait for 30 s$/);
  const headers = ["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];
  assert.deepEqual(headers.map((name) => response.headers.get(name)), ["30", "2", "0", "60"]);
  assert.equal(seen.passed, 2);

  assert.equal((await send("b", "GET")).response.status, 200, "another DID reads");
  clock.pass(29_999);
  assert.equal((await send("a", "GET")).response.status, 429);
  clock.pass(1);
  assert.equal((await send("a", "GET")).response.status, 200);
  assert.equal((await send("a", "GET")).response.status, 429);
});

for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
  Deno.test(`${method} is no read, and counts in no rate of reads`, async () => {
    const { send, seen } = serverWith(1);
    for (let call = 0; call < 3; call++) {
      assert.equal((await send("a", method)).body, null);
    }
    assert.equal(seen.passed, 3);
  });
}

for (
  const type of [
    "budget_exceeded",
    "access_denied",
    "model_not_allowed",
    "feature_not_allowed",
    "not_found",
    "duplicate_request",
    "rate_limited",
  ] as const
) {
  Deno.test(`a DID that was refused 120 times as ${type} goes no further, until a part of a minute has passed`, async () => {
    const { send, clock, seen } = serverWith(1, type);
    for (let call = 0; call < 300; call++) await send("a", "POST");
    assert.equal(seen.passed, 120);

    const { response, body } = await send("a", "POST");
    assert.equal(response.status, 429);
    assert.deepEqual([body.error.type, body.error.scope], ["rate_limited", "did"]);
    assert.match(
      body.error.message,
      /^this DID has been refused 120 times within a minute: wait for 1 s$/,
    );
    assert.equal(response.headers.get("retry-after"), "1");
    assert.equal((await send("b", "POST")).response.headers.get("ratelimit-limit"), null);
    assert.equal(seen.passed, 121);

    // Refusals from memory do not count: half a second after the last one that does, one passes.
    for (const [passMs, passed] of [[400, 121], [400, 122], [1_000, 123]] as const) {
      clock.pass(passMs);
      await send("a", "POST");
      assert.equal(seen.passed, passed);
    }
  });
}

for (
  const type of [
    "invalid_request",
    "replayed_request",
    "path_forbidden",
    "store_unavailable",
  ] as const
) {
  Deno.test(`${type} does not count as a refusal of the DID`, async () => {
    const { send, seen } = serverWith(1, type);
    for (let call = 0; call < 200; call++) await send("a", "POST");
    assert.equal(seen.passed, 200);
  });
}
