import assert from "node:assert/strict";
import { ClientDisconnected } from "../errors.ts";
import { bodyBudget, requestBytes } from "./request_bytes.ts";

const URL = "http://127.0.0.1/";

function post(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  const init: RequestInit & { duplex: "half" } = { method: "POST", headers, body, duplex: "half" };
  return new Request(URL, init);
}

/** A body in these chunks; `log` says when it is cancelled. */
function chunked(chunks: string[], log: string[] = []): ReadableStream<Uint8Array> {
  const left = [...chunks];
  return new ReadableStream({
    pull(controller) {
      const chunk = left.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(chunk));
    },
    cancel() {
      log.push("cancelled");
    },
  });
}

async function text(request: Request, maxBytes = 100): Promise<string> {
  return new TextDecoder().decode(await requestBytes(request, maxBytes, bodyBudget(1000)()));
}

Deno.test("requestBytes reads a body, in one chunk or in many", async () => {
  assert.equal(await text(new Request(URL)), "");
  assert.equal(await text(post("")), "");
  assert.equal(await text(post("abc")), "abc");
  assert.equal(await text(post(chunked(["a", "bc", "", "déf"]))), "abcdéf");
});

Deno.test("requestBytes takes as many bytes as are allowed, and not one more", async () => {
  assert.equal(await text(post("abcd"), 4), "abcd");
  assert.equal(await text(post(chunked(["ab", "cd"])), 4), "abcd");
  const refusal = { type: "request_too_large", status: 413 };
  await assert.rejects(text(post("abcde"), 4), refusal);
  const log: string[] = [];
  await assert.rejects(text(post(chunked(["ab", "cd", "e", "f", "g"], log)), 4), refusal);
  assert.deepEqual(log, ["cancelled"]);
});

Deno.test("requestBytes believes a content-length that is too large, and no other", async () => {
  const log: string[] = [];
  const large = { "content-length": "5" };
  await assert.rejects(text(post(chunked(["a"], log), large), 4), { type: "request_too_large" });
  await assert.rejects(text(post(chunked(["abcde"]), { "content-length": "1" }), 4), {
    type: "request_too_large",
  });
});

// langwatch PR #6344: a compressed request body was "model missing".
for (const encoding of ["gzip", "br", "deflate", "zstd", "gzip, identity"]) {
  Deno.test(`requestBytes refuses a body encoded as ${encoding}`, async () => {
    await assert.rejects(text(post("x", { "content-encoding": encoding })), {
      type: "unsupported_media_type",
      status: 415,
      headers: { "accept-encoding": "identity" },
    });
  });
}

Deno.test("requestBytes takes a body that says that it is not encoded", async () => {
  assert.equal(await text(post("x", { "content-encoding": "Identity" })), "x");
});

Deno.test("requestBytes knows a client that went while it sent its body", async () => {
  const body = new ReadableStream({
    pull(controller) {
      controller.error(new TypeError("request body closed"));
    },
  });
  await assert.rejects(text(post(body)), ClientDisconnected);
});

Deno.test("requestBytes refuses what all requests together may not hold, until one gives it back", async () => {
  const openShare = bodyBudget(10);
  const first = openShare();
  await requestBytes(post("12345678"), 100, first);
  {
    using second = openShare();
    await assert.rejects(requestBytes(post(chunked(["12", "3"])), 100, second), {
      type: "overloaded",
      status: 503,
      headers: { "retry-after": "1" },
    });
  }
  first[Symbol.dispose]();
  using third = openShare();
  assert.equal((await requestBytes(post("1234567890"), 100, third)).length, 10);
});

Deno.test("requestBytes waits for a body for a minute, and tells the client that it did", async () => {
  const { setTimeout } = globalThis;
  const delays: unknown[] = [];
  const log: string[] = [];
  const silent = new ReadableStream<Uint8Array>({
    cancel() {
      log.push("cancelled");
    },
  });
  try {
    // A minute is over as soon as it has begun.
    globalThis.setTimeout = ((late: () => void, ms: unknown) => {
      delays.push(ms);
      return setTimeout(late, 0);
    }) as typeof setTimeout;
    await assert.rejects(text(post(silent)), { type: "invalid_request", status: 400 });
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assert.deepEqual([delays, log], [[60_000], ["cancelled"]]);
});
