import fc from "fast-check";
import assert from "node:assert/strict";
import { ClientDisconnected } from "../errors.ts";
import type { Ending } from "../books/booking.ts";
import { createMeter } from "../metering/meter.ts";
import { passOn } from "./passthrough.ts";

const LONG_MS = 600_000;
const EVENT = 'data: {"x":1}\n\n';

const utf8 = (text: string) => new TextEncoder().encode(text);

interface Options {
  contentType?: string;
  idleTimeoutMs?: number;
  clientGone?: AbortSignal;
  length?: number;
  /** What OpenRouter has for whoever asks. */
  supply?: string;
}

/** A passage whose upstream is a test; `log` holds what happened, in order. */
function passage(
  { contentType = "text/event-stream", idleTimeoutMs = LONG_MS, clientGone, length, supply }:
    Options = {},
) {
  const log: string[] = [];
  const endings: Ending[] = [];
  const meter = createMeter({ contentType, isError: false, keepsLength: false });
  let upstream!: ReadableStreamDefaultController<Uint8Array>;
  let aborted: unknown;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      upstream = controller;
    },
    pull(controller) {
      log.push("asked");
      if (supply !== undefined) controller.enqueue(utf8(supply));
    },
  }, { highWaterMark: 0 });
  const passed = passOn({
    body,
    abort(reason) {
      aborted ??= reason;
      log.push("aborted");
      upstream.error(reason);
    },
    meter,
    booking: {
      settled: Promise.resolve(),
      answering() {},
      firstByte: () => log.push("first byte"),
      end(ending) {
        endings.push(ending);
        log.push(`${ending.kind}, cost ${meter.observed.cost}`);
      },
    },
    isEventStream: contentType === "text/event-stream",
    idleTimeoutMs,
    whenRead: { kind: "answered" },
    length: length ?? null,
    clientGone: clientGone ?? new AbortController().signal,
  });
  return {
    log,
    endings,
    meter,
    passed,
    send: (text: string) => upstream.enqueue(utf8(text)),
    sendBytes: (bytes: Uint8Array) => upstream.enqueue(bytes),
    close: () => upstream.close(),
    fail: (error: Error) => upstream.error(error),
    aborted: () => aborted,
  };
}

/** A passage, and the client that reads it. */
function readPassage(options: Options = {}) {
  const { passed, ...others } = passage(options);
  return { reader: passed.getReader(), ...others };
}

/** Resolves when nothing is left to do without a further event. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** What is left of a stream, as text. */
async function rest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += new TextDecoder().decode(value);
  }
}

Deno.test("passOn passes on the very chunks that came", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })), async (chunks) => {
      const { passed: stream, sendBytes, close } = passage();
      for (const chunk of chunks) sendBytes(chunk);
      close();
      const passed = await Array.fromAsync(stream);
      assert.equal(passed.length, chunks.length);
      for (const [index, chunk] of passed.entries()) assert.equal(chunk, chunks[index]);
    }),
    { numRuns: 200 },
  );
});

Deno.test("passOn asks OpenRouter for a chunk only when the client wants one", async () => {
  const { log, reader } = readPassage({ supply: EVENT });
  const asked = () => log.filter((entry) => entry === "asked").length;
  await settled();
  assert.equal(asked(), 0);
  for (let wanted = 1; wanted <= 3; wanted++) {
    assert.deepEqual((await reader.read()).value, utf8(EVENT));
    await settled();
    assert.equal(asked(), wanted);
  }
  await reader.cancel();
});

Deno.test("passOn passes on what is more than the client wants only when it wants it", async () => {
  const { log, reader, send } = readPassage();
  const read = reader.read();
  send("a");
  send("b");
  assert.deepEqual((await read).value, utf8("a"));
  assert.equal(log.filter((entry) => entry === "first byte").length, 1);
  assert.deepEqual((await reader.read()).value, utf8("b"));
  await reader.cancel();
});

Deno.test("passOn skips chunks without bytes", async () => {
  const { reader, send } = readPassage();
  const read = reader.read();
  send("");
  send("a");
  assert.deepEqual((await read).value, utf8("a"));
  await reader.cancel();
});

for (
  const [contentType, body] of [
    ["text/event-stream", 'data: {"usage":{"cost":0.5}}'],
    ["application/json", '{"usage":{"cost":0.5}}'],
  ] as const
) {
  Deno.test(`passOn ends the booking of ${contentType} as answered, with all that the meter learnt, before the client knows`, async () => {
    const leaving = new AbortController();
    const { log, reader, send, close } = readPassage({ contentType, clientGone: leaving.signal });
    send(body);
    close();
    assert.equal(await rest(reader), body);
    leaving.abort();
    assert.deepEqual(log, ["first byte", "answered, cost 0.5"]);
  });
}

Deno.test("passOn breaks the client's connection when OpenRouter's breaks", async () => {
  // bifrost #5546: upstream died mid-stream, and the client saw a clean end.
  const { endings, reader, send, fail, aborted } = readPassage();
  send('data: {"half');
  await reader.read();
  const broken = new TypeError("connection reset");
  fail(broken);

  await assert.rejects(reader.read(), { type: "upstream_unreachable", cause: broken });
  assert.equal(endings.length, 1);
  assert.ok(endings[0]?.kind === "broken");
  assert.match(
    String(endings[0].error),
    /OpenRouter's connection broke before the answer was complete/,
  );
  assert.equal(aborted(), endings[0].error);
});

const GOINGS: [
  how: string,
  leave: (going: AbortController, reader: ReadableStreamDefaultReader) => Promise<void>,
][] = [
  ["by cancelling", (_going, reader) => reader.cancel()],
  ["by the request's signal", (going) => Promise.resolve(going.abort())],
];

for (const [how, leave] of GOINGS) {
  Deno.test(`passOn ends the call at OpenRouter when the client goes ${how} between two chunks`, async () => {
    const going = new AbortController();
    const { endings, reader, send, aborted } = readPassage({ clientGone: going.signal });
    send('data: {"id":"gen-1","usage":{"cost":0.5}}\n\n');
    await reader.read();
    await leave(going, reader);
    assert.ok(aborted() instanceof ClientDisconnected);
    assert.equal(endings[0]?.kind, "client_disconnected");
    assert.ok(endings.every(({ kind }, index) => index === 0 || kind !== "answered"));
  });

  // vercel/ai #8325: the gateway read on for minutes.
  Deno.test(`passOn ends the call at OpenRouter when the client goes ${how} while OpenRouter is silent`, async () => {
    const going = new AbortController();
    const { endings, reader, aborted } = readPassage({ clientGone: going.signal });
    const read = reader.read().catch(() => {});
    await leave(going, reader);
    assert.ok(aborted() instanceof ClientDisconnected);
    assert.equal(endings[0]?.kind, "client_disconnected");
    await read;
  });
}

Deno.test("passOn ends the call at OpenRouter at once for a client that has gone already", () => {
  const { endings, aborted } = passage({ clientGone: AbortSignal.abort() });
  assert.ok(aborted() instanceof ClientDisconnected);
  assert.deepEqual(endings.map(({ kind }) => kind), ["client_disconnected"]);
});

const ERROR_EVENT =
  'event: error\ndata: {"type":"error","error":{"code":504,"type":"upstream_timeout","message":"OpenRouter was silent for 40 ms within its answer"}}\n\n';
const COMMENT = ": keep-alive\n\n";

for (
  const [where, sent, received] of [
    ["before its first event", "", COMMENT + ERROR_EVENT],
    ["between two events", EVENT, EVENT + COMMENT + ERROR_EVENT],
    ["within an event", 'data: {"x', `data: {"x\n\n${ERROR_EVENT}`],
    ["within an event's end", "data: 1\n", `data: 1\n\n\n${ERROR_EVENT}`],
  ]
) {
  Deno.test(`passOn tells the client by an event when OpenRouter falls silent ${where}`, async () => {
    // Total deadlines killed long streams (nvcf #1060): silence alone ends one.
    const { endings, reader, send, aborted } = readPassage({ idleTimeoutMs: 40 });
    if (sent) send(sent!);
    // How many comments there are is the timers' affair; where they stand is not.
    assert.equal((await rest(reader)).replace(/(?:: keep-alive\n\n)+/, COMMENT), received);
    assert.equal(endings.length, 1);
    assert.ok(endings[0]?.kind === "broken");
    assert.equal((endings[0].error as { type?: string }).type, "upstream_timeout");
    assert.equal(aborted(), endings[0].error);
  });
}

Deno.test("passOn breaks an answer that is no stream when OpenRouter falls silent", async () => {
  const { endings, reader, send } = readPassage({
    contentType: "application/json",
    idleTimeoutMs: 40,
  });
  send('{"half":');
  await reader.read();
  await assert.rejects(reader.read(), { type: "upstream_timeout" });
  assert.equal(endings[0]?.kind, "broken");
});

Deno.test("passOn loses nothing of a stream that goes on after a silence", async () => {
  const { endings, reader, send, close } = readPassage({ idleTimeoutMs: 40 });
  let received = "";
  for (let event = 0; event < 5; event++) {
    // Each silence is longer than a fourth of the limit; together they are longer than the limit.
    received += new TextDecoder().decode((await reader.read()).value);
    assert.ok(received.endsWith(COMMENT));
    send(EVENT);
    received += new TextDecoder().decode((await reader.read()).value);
    assert.ok(received.endsWith(EVENT));
  }
  close();
  assert.equal(await rest(reader), "");
  assert.equal(received, (COMMENT + EVENT).repeat(5));
  assert.deepEqual(endings.map(({ kind }) => kind), ["answered"]);
});

/** Runs a test whose time passes only when it says so: `pass(ms)` lets the passage look at its clock. */
async function withClock(test: (pass: (ms: number) => void) => Promise<void>): Promise<void> {
  const { setInterval } = globalThis;
  const { now } = performance;
  let ms = 0;
  let look = () => {};
  globalThis.setInterval = ((tick: () => void) => {
    look = tick;
    return 0;
  }) as unknown as typeof setInterval;
  performance.now = () => ms;
  try {
    await test((passed) => {
      ms += passed;
      look();
    });
  } finally {
    globalThis.setInterval = setInterval;
    performance.now = now;
  }
}

for (const answer of ["", '{"usage":{"cost":0.5}}']) {
  Deno.test(`passOn ends with the last byte of a length of ${answer.length}, however late the end comes`, async () => {
    const length = answer.length;
    const { log, reader, send } = readPassage({ contentType: "application/json", length });
    if (length > 0) send(answer);
    assert.equal(await rest(reader), answer);
    assert.ok(log.includes(`answered, cost ${length > 0 ? "0.5" : "null"}`), log.join());
  });
}

Deno.test("passOn breaks off a stream that ends before it said that it was over", async () => {
  const { endings, reader, send, close } = readPassage();
  const event = 'data: {"id":"gen-1","choices":[{"delta":{"content":"x"}}]}\n\n';
  send(event);
  close();
  assert.equal(new TextDecoder().decode((await reader.read()).value), event);
  await assert.rejects(reader.read(), { type: "upstream_unreachable" });
  assert.deepEqual(endings.map(({ kind }) => kind), ["broken"]);
});

Deno.test("passOn adds nothing to a stream that lasts long without ever being silent", async () => {
  await withClock(async (pass) => {
    const { reader, send, close } = readPassage({ idleTimeoutMs: 60_000 });
    let received = "";
    for (let event = 0; event < 10; event++) {
      const read = reader.read();
      pass(10_000);
      send(EVENT);
      received += new TextDecoder().decode((await read).value);
    }
    close();
    assert.equal(received + await rest(reader), EVENT.repeat(10));
  });
});

Deno.test("passOn counts silence from its beginning, not from the clock's last look", async () => {
  await withClock(async (pass) => {
    const { endings, reader, send } = readPassage({ idleTimeoutMs: 60_000 });
    pass(59_000);
    const read = reader.read();
    pass(59_000);
    assert.equal(endings.length, 0);
    send(EVENT);
    await read;
    const next = reader.read();
    await settled();
    pass(60_000);
    assert.equal(endings[0]?.kind, "broken");
    await next;
  });
});

Deno.test("passOn lets go of a client that has stopped reading", async () => {
  await withClock(async (pass) => {
    const { endings, reader, send, aborted } = readPassage({ idleTimeoutMs: 60_000 });
    send(EVENT);
    await reader.read();
    await settled();
    pass(3_599_999);
    assert.equal(endings.length, 0);
    pass(1);
    assert.deepEqual(endings, [{ kind: "client_disconnected" }]);
    assert.ok(aborted() instanceof ClientDisconnected);
    // One that reads on after all can tell that this was not all of it.
    await assert.rejects(reader.read(), ClientDisconnected);
  });
});
