import assert from "node:assert/strict";
import { answered, failureOf, NO_LIMIT, PLAINTEXT } from "../testing/management_answers.ts";

Deno.test("an error answer is its status and its Retry-After", async () => {
  const { management } = answered(() =>
    new Response(`{"error":"${PLAINTEXT}"}`, { status: 429, headers: { "retry-after": "9" } })
  );
  const { status, retryAfter } = await failureOf(management.createKey("n", NO_LIMIT));
  assert.deepEqual({ status, retryAfter }, { status: 429, retryAfter: "9" });
});

Deno.test("a broken connection has no status", async () => {
  const { management } = answered(() => Promise.reject(new TypeError("connection reset")));
  const failure = await failureOf(management.createKey("n", NO_LIMIT));
  assert.deepEqual([failure.name, failure.message, failure.status, String(failure.cause)], [
    "ManagementError",
    "OpenRouter did not answer POST /keys",
    null,
    "TypeError: connection reset",
  ]);
});

Deno.test("a call is given up after 20 s, which is less than the lease, headers or not", async () => {
  const { timeout } = AbortSignal;
  const expiry = new AbortController();
  const waits: number[] = [];
  AbortSignal.timeout = (ms) => {
    waits.push(ms);
    return expiry.signal;
  };
  try {
    const silent = answered(({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      })
    );
    const silentBody = answered(({ signal }) =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('{"key":'));
            signal.addEventListener("abort", () => controller.error(signal.reason));
          },
        }),
      )
    );
    const failures = [silent, silentBody]
      .map(({ management }) => failureOf(management.createKey("n", NO_LIMIT)));
    expiry.abort(new DOMException("timed out", "TimeoutError"));
    for (const { status } of await Promise.all(failures)) assert.equal(status, null);
    assert.deepEqual(waits, [20_000, 20_000]);
  } finally {
    AbortSignal.timeout = timeout;
  }
});
