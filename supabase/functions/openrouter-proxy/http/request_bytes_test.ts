import assert from "node:assert/strict";
import { ClientDisconnected } from "../errors.ts";
import { UNCOUNTED_BYTES } from "../bytes/memory_budget.ts";
import { memoryBudget } from "../bytes/memory_budget.ts";
import { requestBytes } from "./request_bytes.ts";

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
  return new TextDecoder().decode(await requestBytes(request, maxBytes, memoryBudget(1000)()));
}

Deno.test("requestBytes reads a body, in one chunk or in many", async () => {
  assert.equal(await text(new Request(URL)), "");
  assert.equal(await text(post("")), "");
  assert.equal(await text(post("abc")), "abc");
  assert.equal(await text(post(chunked(["a", "bc", "", "déf"]))), "abcdéf");
  assert.equal(await text(post(chunked(["a", "bc"]), { "content-length": "3" })), "abc");
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

const MEGABYTE = 1024 * 1024;

Deno.test("requestBytes refuses what all requests together may not hold, until one gives it back", async () => {
  const openShare = memoryBudget(2 * MEGABYTE);
  const large = () => post(new Uint8Array(2 * MEGABYTE));
  const first = openShare();
  await requestBytes(large(), 5 * MEGABYTE, first);
  {
    using second = openShare();
    await assert.rejects(requestBytes(large(), 5 * MEGABYTE, second), {
      type: "overloaded",
      status: 503,
      headers: { "retry-after": "1" },
    });
  }
  first[Symbol.dispose]();
  using third = openShare();
  assert.equal((await requestBytes(large(), 5 * MEGABYTE, third)).length, 2 * MEGABYTE);
});

Deno.test("requestBytes takes ordinary bodies while large ones hold all that there is", async () => {
  const openShare = memoryBudget(2 * MEGABYTE);
  using first = openShare();
  assert.equal(first.hold(2 * MEGABYTE + UNCOUNTED_BYTES), true);
  for (let i = 0; i < 100; i++) {
    const ordinary = post("x".repeat(UNCOUNTED_BYTES));
    assert.equal((await requestBytes(ordinary, MEGABYTE, openShare())).length, UNCOUNTED_BYTES);
  }
});

for (const headers of [{}, { "content-length": "3000000" }]) {
  Deno.test(`requestBytes holds at most twice of what has come, with ${JSON.stringify(headers)}`, async () => {
    const log: [size: number, held: number][] = [];
    let sent = 0;
    const share = {
      hold(bytes: number) {
        log.push([sent, bytes]);
        return true;
      },
      [Symbol.dispose]() {},
    };
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent === 3_000_000) return controller.close();
        sent += 50_000;
        controller.enqueue(new Uint8Array(50_000));
      },
    }, { highWaterMark: 0 });
    const bytes = await requestBytes(post(body, headers), 20 * MEGABYTE, share);
    assert.equal(bytes.length, 3_000_000);
    assert.ok(log.length > 1);
    for (const [size, held] of log) assert.ok(held <= 2 * size, `${held} for ${size}`);
    assert.equal(bytes.buffer.byteLength, log.at(-1)?.[1]);
  });
}

Deno.test("requestBytes keeps a body in chunks of one byte in one small buffer", async () => {
  const bytes = await requestBytes(
    post(chunked(Array.from({ length: 5000 }, () => "x"))),
    MEGABYTE,
    memoryBudget(0)(),
  );
  assert.deepEqual([bytes.length, bytes.buffer.byteLength], [5000, 8192]);
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
