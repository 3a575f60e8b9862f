import assert from "node:assert/strict";
import { ClientDisconnected, GatewayError } from "../../errors.ts";
import { type BodiesUnderWay, bodiesUnderWay } from "./bodies_under_way.ts";
import { requestBytes } from "./request_bytes.ts";
import { timersLeft } from "../../testing/timers_left.ts";

const URL = "http://127.0.0.1/";
const VERIFIED = { kind: "verified", did: "did:key:z6Mk" } as const;
const UNVERIFIED = { kind: "unverified", did: null } as const;

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
  using body = await requestBytes(request, maxBytes, UNVERIFIED, bodiesOf(100_000));
  return new TextDecoder().decode(body.bytes);
}

const BUFFER_BYTES = 16 * 1024;

/** Room for that many bytes of bodies; a body that finds none waits for no time at all. */
function bodiesOf(bytes: number): BodiesUnderWay {
  let now = 0;
  return bodiesUnderWay(
    { slots: 10, slotsOfKind: 10, bytes, bytesOfKind: bytes, waitingOfKind: 10 },
    {
      now: () => now,
      sleep(ms) {
        now += 100 * ms;
        return Promise.resolve();
      },
    },
  );
}

/** Room without end, with what is asked of it. */
function loggingBodies(
  buffers: number[],
  entered: (end: (reason: GatewayError) => void) => void = () => {},
  held: (bytes: number) => void = () => {},
  arrived: (bytes: number) => void = () => {},
): BodiesUnderWay {
  return {
    enter(_kind, bufferBytes) {
      buffers.push(bufferBytes);
      return Promise.resolve({
        hold(bytes) {
          held(bytes);
          return true;
        },
        room: () => Promise.resolve(),
        arrived,
        whenEnded: entered,
        whole() {},
        [Symbol.dispose]() {},
      });
    },
  };
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
  const refusal = {
    type: "request_too_large",
    status: 413,
    message: "the request body is larger than 4 bytes",
  };
  await assert.rejects(text(post("abcde"), 4), refusal);
  const log: string[] = [];
  await assert.rejects(text(post(chunked(["ab", "cd", "e", "f", "g"], log)), 4), refusal);
  assert.deepEqual(log, ["cancelled"]);
});

Deno.test("requestBytes believes a content-length that is too large, and no other", async () => {
  const log: string[] = [];
  const large = { "content-length": "5" };
  const refusal = {
    type: "request_too_large",
    message: "the request body is larger than 4 bytes",
  };
  await assert.rejects(text(post(chunked(["a"], log), large), 4), refusal);
  assert.equal(await text(post(chunked(["abcde"]), large), 5), "abcde");
  await assert.rejects(text(post(chunked(["abcde"]), { "content-length": "1" }), 4), refusal);
});

// langwatch PR #6344: a compressed request body was "model missing".
for (
  const encoding of [
    "gzip",
    "br",
    "deflate",
    "zstd",
    "gzip, identity",
    "identity, gzip",
    "id entity",
  ]
) {
  Deno.test(`requestBytes refuses a body encoded as ${encoding}`, async () => {
    await assert.rejects(text(post("x", { "content-encoding": encoding })), {
      type: "unsupported_media_type",
      status: 415,
      headers: { "accept-encoding": "identity" },
      message: `content-encoding ${encoding} is not supported: send the request body uncompressed`,
    });
  });
}

for (const encoding of ["Identity", "", "identity, ", ",", "identity,identity"]) {
  Deno.test(`requestBytes takes a body whose encoding is "${encoding}", which is none`, async () => {
    assert.equal(await text(post("x", { "content-encoding": encoding })), "x");
  });
}

Deno.test("requestBytes knows a client that went while it sent its body", async () => {
  const body = new ReadableStream({
    pull(controller) {
      controller.error(new TypeError("request body closed"));
    },
  });
  await assert.rejects(text(post(body)), ClientDisconnected);
});

const MEGABYTE = 1024 * 1024;

Deno.test("requestBytes refuses what has no room, until a body that was received gives its own back", async () => {
  const bodies = bodiesOf(2 * MEGABYTE + BUFFER_BYTES);
  const large = () =>
    requestBytes(post(new Uint8Array(2 * MEGABYTE)), 5 * MEGABYTE, UNVERIFIED, bodies);
  const first = await large();
  await assert.rejects(large(), {
    type: "overloaded",
    status: 503,
    headers: { "retry-after": "1" },
  });
  first[Symbol.dispose]();
  using second = await large();
  assert.equal(second.bytes.length, 2 * MEGABYTE);
});

Deno.test("requestBytes gives back the room of a body that it refuses or that breaks off", async () => {
  const bodies = bodiesOf(MEGABYTE + BUFFER_BYTES);
  const broken = () =>
    new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(MEGABYTE / 2)),
      pull: (controller) => controller.error(new TypeError("request body closed")),
    }, { highWaterMark: 0 });
  for (let n = 0; n < 3; n++) {
    await assert.rejects(requestBytes(post(broken()), MEGABYTE, VERIFIED, bodies));
    const tooLarge = post(new Blob([new Uint8Array(MEGABYTE + 1)]).stream());
    await assert.rejects(requestBytes(tooLarge, MEGABYTE, VERIFIED, bodies));
  }
  using whole = await requestBytes(post(new Uint8Array(MEGABYTE)), MEGABYTE, VERIFIED, bodies);
  assert.equal(whole.bytes.length, MEGABYTE);
});

Deno.test("requestBytes ends a body whose place is taken away, and tells why", async () => {
  const log: string[] = [];
  const silent = new ReadableStream<Uint8Array>({
    cancel() {
      log.push("cancelled");
    },
  });
  const reason = new GatewayError("overloaded", "too slow");
  const bodies = loggingBodies([], (end) => queueMicrotask(() => end(reason)));
  await assert.rejects(requestBytes(post(silent), MEGABYTE, UNVERIFIED, bodies), reason);
  assert.deepEqual(log, ["cancelled"]);
});

Deno.test("requestBytes tells the first reason why a body is ended, although it breaks off at that moment", async () => {
  const reason = new GatewayError("overloaded", "too slow");
  let breakOff = () => {};
  const broken = new ReadableStream<Uint8Array>({
    start(controller) {
      breakOff = () => controller.error(new TypeError("request body closed"));
    },
  });
  for (const body of [broken, endless()]) {
    const bodies = loggingBodies([], (end) =>
      queueMicrotask(() => {
        if (body === broken) breakOff();
        end(reason);
        end(new GatewayError("overloaded", "too late"));
      }));
    await assert.rejects(requestBytes(post(body), MEGABYTE, UNVERIFIED, bodies), reason);
  }
});

Deno.test("requestBytes tells what comes as it comes, by which slow bodies are known", async () => {
  const log: number[] = [];
  const bodies = loggingBodies([], () => {}, () => {}, (bytes) => log.push(bytes));
  await requestBytes(post(chunked(["a", "bc", "def"])), MEGABYTE, UNVERIFIED, bodies);
  assert.deepEqual(log, [1, 2, 3]);
});

for (const headers of [{}, { "content-length": "3000000" }]) {
  Deno.test(`requestBytes holds at most twice of what has come, with ${JSON.stringify(headers)}`, async () => {
    let sent = 0;
    const log: [size: number, held: number][] = [];
    const bodies = loggingBodies([], () => {}, (held) => log.push([sent, held]));
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent === 3_000_000) return controller.close();
        sent += 50_000;
        controller.enqueue(new Uint8Array(50_000));
      },
    }, { highWaterMark: 0 });
    const { bytes } = await requestBytes(post(body, headers), 20 * MEGABYTE, VERIFIED, bodies);
    assert.equal(bytes.length, 3_000_000);
    assert.ok(log.length > 1);
    for (const [size, held] of log) assert.ok(held <= 2 * size, `${held} for ${size}`);
    assert.equal(bytes.buffer.byteLength, log.at(-1)?.[1]);
  });
}

Deno.test("requestBytes keeps a body in chunks of one byte in one small buffer", async () => {
  const { bytes } = await requestBytes(
    post(chunked(Array.from({ length: 5000 }, () => "x"))),
    MEGABYTE,
    UNVERIFIED,
    bodiesOf(8192 + BUFFER_BYTES),
  );
  assert.deepEqual([bytes.length, bytes.buffer.byteLength], [5000, 8192]);
});

Deno.test("requestBytes asks for a read buffer no larger than the body is said to be", async () => {
  const asked: number[] = [];
  const bodies = loggingBodies(asked);
  for (const length of [3, 20_000]) {
    const headers = { "content-length": String(length) };
    await requestBytes(post(new Uint8Array(length), headers), MEGABYTE, VERIFIED, bodies);
  }
  await requestBytes(post(chunked(["abc"])), MEGABYTE, VERIFIED, bodies);
  assert.deepEqual(asked, [3, BUFFER_BYTES, BUFFER_BYTES]);
});

for (const method of ["GET", "HEAD"]) {
  Deno.test(`requestBytes asks for no room for ${method}, whatever length it tells`, async () => {
    const buffers: number[] = [];
    const request = new Request(URL, { method, headers: { "content-length": "5" } });
    using body = await requestBytes(request, 100, VERIFIED, loggingBodies(buffers));
    assert.deepEqual([body.bytes.length, buffers], [0, []]);
  });
}

Deno.test("requestBytes asks for no room where there is no body", async () => {
  const asked: number[] = [];
  await requestBytes(new Request(URL), MEGABYTE, VERIFIED, loggingBodies(asked));
  assert.deepEqual(asked, []);
});

Deno.test("requestBytes waits no longer for a body that is there, that broke off or that it refuses", async () => {
  const broken = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new TypeError("request body closed")),
    });
  for (const body of [() => chunked(["abc"]), broken, () => chunked(["a".repeat(200)])]) {
    assert.equal(await timersLeft(() => text(post(body())).catch(() => {})), 0);
    const receive = short(body(), 3);
    assert.equal(await timersLeft(() => receive(bodiesOf(100_000)).catch(() => {})), 0);
  }
});

/** Runs this while every wait is over as soon as it has begun. @returns how long each was to last */
async function withoutWaiting(run: () => Promise<void>): Promise<unknown[]> {
  const { setTimeout } = globalThis;
  const delays: unknown[] = [];
  globalThis.setTimeout = ((late: () => void, ms: unknown) => {
    delays.push(ms);
    return setTimeout(late, 0);
  }) as typeof setTimeout;
  try {
    await run();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return delays;
}

const LATE = {
  type: "invalid_request",
  status: 400,
  message: "the request body did not arrive within 60 s",
};

Deno.test("requestBytes waits for a body for a minute, and tells the client that it did", async () => {
  const log: string[] = [];
  const silent = new ReadableStream<Uint8Array>({
    cancel() {
      log.push("cancelled");
    },
  });
  const delays = await withoutWaiting(() => assert.rejects(text(post(silent)), LATE));
  assert.deepEqual([delays, log], [[60_000], ["cancelled"]]);
});

Deno.test("requestBytes frees at once what it has of a body that is refused, or breaks off", async () => {
  const { transfer } = ArrayBuffer.prototype;
  const capacities: (number | undefined)[] = [];
  ArrayBuffer.prototype.transfer = function (this: ArrayBuffer, bytes?: number) {
    capacities.push(bytes);
    return transfer.call(this, bytes);
  };
  const broken = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(3)),
    pull: (controller) => controller.error(new TypeError("request body closed")),
  }, { highWaterMark: 0 });
  try {
    const refused = requestBytes(post(chunked(["abc", "def"])), 4, UNVERIFIED, bodiesOf(100));
    await assert.rejects(refused, { type: "request_too_large" });
    await assert.rejects(
      requestBytes(post(broken), 10, UNVERIFIED, bodiesOf(100)),
      ClientDisconnected,
    );
  } finally {
    ArrayBuffer.prototype.transfer = transfer;
  }
  assert.deepEqual(capacities, [4, 0, 10, 0]);
});

/** A short body of a known sender, whose length is known. */
function short(body: ReadableStream<Uint8Array>, length: number) {
  return (bodies: BodiesUnderWay, maxBytes = 100) =>
    requestBytes(
      post(body, { "content-length": String(length) }),
      maxBytes,
      VERIFIED,
      bodies,
    );
}

const endless = () => new ReadableStream<Uint8Array>({}, { highWaterMark: 0 });

Deno.test("requestBytes receives a short body of a known sender, and gives its room back", async () => {
  const bodies = bodiesOf(6);
  for (let n = 0; n < 3; n++) {
    using body = await short(chunked(["ab", "c"]), 3)(bodies);
    assert.equal(new TextDecoder().decode(body.bytes), "abc");
  }
});

Deno.test("requestBytes refuses a short body of a known sender that is longer than it was said to be", async () => {
  const lied = short(chunked(["abcde"]), 1);
  await assert.rejects(lied(bodiesOf(100), 4), {
    type: "request_too_large",
    message: "the request body is larger than 4 bytes",
  });
});

// Deno 2.1.4 takes a request that has both, and leaves its headers as they came.
Deno.test("requestBytes takes no body for short that comes in chunks, whatever else it is said to be", async () => {
  let sent = 0;
  const long = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (++sent === 10) controller.close();
      else controller.enqueue(new Uint8Array(60));
    },
  }, { highWaterMark: 0 });
  const headers = { "content-length": "3", "transfer-encoding": "chunked" };
  const received = requestBytes(post(long, headers), 100, VERIFIED, bodiesOf(100_000));
  await assert.rejects(received, { type: "request_too_large" });
  assert.equal(sent, 2);
});

Deno.test("requestBytes knows a sender that went in the middle of a short body", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new TypeError("request body closed")),
  });
  const bodies = bodiesOf(6);
  for (const body of [broken, chunked(["abc"])]) {
    if (body === broken) await assert.rejects(short(body, 3)(bodies), ClientDisconnected);
    else (await short(body, 3)(bodies))[Symbol.dispose]();
  }
});

Deno.test("requestBytes lets go of a short body's connection where nobody knows its sender", async () => {
  const log: string[] = [];
  const silent = new ReadableStream<Uint8Array>({ cancel: () => void log.push("cancelled") });
  const reason = new GatewayError("overloaded", "too slow");
  const bodies = loggingBodies([], (end) => queueMicrotask(() => end(reason)));
  const request = post(silent, { "content-length": "3" });
  await assert.rejects(requestBytes(request, MEGABYTE, UNVERIFIED, bodies), reason);
  assert.deepEqual(log, ["cancelled"]);
});

Deno.test("requestBytes counts a short body beside its buffer, as it does any other", async () => {
  await assert.rejects(short(chunked(["abc"]), 3)(bodiesOf(5)), { type: "overloaded" });
});

Deno.test("requestBytes ends a short body whose place is taken away, and tells why", async () => {
  const reason = new GatewayError("overloaded", "too slow");
  const bodies = loggingBodies([], (end) => queueMicrotask(() => end(reason)));
  await assert.rejects(short(endless(), 3)(bodies), reason);
});

Deno.test("requestBytes waits for a short body for a minute", async () => {
  const delays = await withoutWaiting(() =>
    assert.rejects(short(endless(), 3)(bodiesOf(100)), LATE)
  );
  assert.deepEqual(delays, [60_000]);
});
