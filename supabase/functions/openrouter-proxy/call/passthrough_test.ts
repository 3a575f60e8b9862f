import fc from "fast-check";
import assert from "node:assert/strict";
import { chunkReader } from "../bytes/chunk_reader.ts";
import { ClientDisconnected } from "../errors.ts";
import type { BookingEnding } from "../books/booking.ts";
import type { Ending } from "../books/verdict.ts";
import { createMeter } from "../metering/meter.ts";
import { withClock } from "../testing/with_clock.ts";
import { passOn } from "./passthrough.ts";
import { MAX_HELD_BYTES } from "./whole_events.ts";

const LONG_MS = 600_000;
const EVENT = 'data: {"x":1}\n\n';
const USAGE = 'data: {"choices":[],"usage":{"cost":0.5}}\n\n';
const DONE = "data: [DONE]\n\n";
const SUPPLIES = 10;
/** How a call ends whose client has left while it is heard. */
const HEARD: Ending = { kind: "left", sent: true, hadUsage: false };

const utf8 = (text: string) => new TextEncoder().encode(text);

interface Options {
  contentType?: string;
  idleTimeoutMs?: number;
  clientGone?: AbortSignal;
  length?: number;
  /** What OpenRouter has for whoever asks, {@linkcode SUPPLIES} times. */
  supply?: string;
  /** Whether it is heard to its end although its client leaves. */
  isHeard?: boolean;
  whenRead?: BookingEnding;
}

/** A passage whose upstream is a test; `log` holds what happened, in order. */
function passage(
  {
    contentType = "text/event-stream",
    idleTimeoutMs = LONG_MS,
    clientGone,
    length,
    supply,
    isHeard = false,
    whenRead = { kind: "answered" },
  }: Options = {},
) {
  const log: string[] = [];
  const endings: BookingEnding[] = [];
  const meter = createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
  let upstream!: ReadableStreamDefaultController<Uint8Array>;
  let aborted: unknown;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      upstream = controller;
    },
    pull(controller) {
      log.push("asked");
      if (supply === undefined) return;
      if (log.filter((entry) => entry === "asked").length > SUPPLIES) controller.close();
      else controller.enqueue(utf8(supply));
    },
  }, { highWaterMark: 0 });
  const passed = passOn({
    reader: chunkReader(body),
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
    errorEvents: contentType === "text/event-stream"
      ? ({ type, message }) => utf8(errorEvent(type, message))
      : null,
    idleTimeoutMs,
    whenRead,
    whenHeard: isHeard ? HEARD : null,
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

/** What an event of the gateway's looks like here. */
function errorEvent(type: string, message: string): string {
  return `event: error\ndata: {"type":"${type}","message":"${message}"}\n\n`;
}

const CUT = errorEvent(
  "upstream_unreachable",
  "OpenRouter's answer ended before it was complete",
);

/** Longer than what is held back of an event. */
const LONG = "x".repeat(MAX_HELD_BYTES);

function textOf({ value }: ReadableStreamReadResult<Uint8Array>): string {
  return new TextDecoder().decode(value);
}

/** What is left of a stream that breaks, and by what it does. */
async function broken(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ text: string; error: unknown }> {
  let text = "";
  for (;;) {
    try {
      const read = await reader.read();
      assert.ok(!read.done, "it ended as if it were whole");
      text += textOf(read);
    } catch (error) {
      return { text, error };
    }
  }
}

Deno.test("passOn passes on the very chunks that came", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })), async (chunks) => {
      const { passed: stream, sendBytes, close } = passage({ contentType: "audio/mpeg" });
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
  const { log, reader, send } = readPassage({ contentType: "audio/mpeg" });
  const read = reader.read();
  send("a");
  send("b");
  assert.deepEqual((await read).value, utf8("a"));
  assert.equal(log.filter((entry) => entry === "first byte").length, 1);
  assert.deepEqual((await reader.read()).value, utf8("b"));
  await reader.cancel();
});

Deno.test("passOn skips chunks without bytes", async () => {
  const { reader, send } = readPassage({ contentType: "audio/mpeg" });
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
  send(`${EVENT}data: {"half`);
  assert.equal(textOf(await reader.read()), EVENT);
  const broken = new TypeError("connection reset");
  fail(broken);

  // Of half an event no SDK makes anything; the one that says what happened stands by itself.
  assert.equal(
    textOf(await reader.read()),
    errorEvent(
      "upstream_unreachable",
      "OpenRouter's connection broke before the answer was complete",
    ),
  );
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
    assert.deepEqual(endings, [{ kind: "left", sent: true, hadUsage: true }]);
  });

  // vercel/ai #8325: the gateway read on for minutes.
  Deno.test(`passOn ends the call at OpenRouter when the client goes ${how} while OpenRouter is silent`, async () => {
    const going = new AbortController();
    const { endings, reader, aborted } = readPassage({ clientGone: going.signal });
    const read = reader.read().catch(() => {});
    await leave(going, reader);
    assert.ok(aborted() instanceof ClientDisconnected);
    assert.deepEqual(endings, [{ kind: "left", sent: true, hadUsage: false }]);
    await read;
  });
}

Deno.test("passOn ends the call at OpenRouter at once for a client that has gone already", () => {
  const { endings, aborted } = passage({ clientGone: AbortSignal.abort() });
  assert.ok(aborted() instanceof ClientDisconnected);
  assert.deepEqual(endings.map(({ kind }) => kind), ["left"]);
});

const SILENT = errorEvent("upstream_timeout", "OpenRouter was silent for 40 ms within its answer");
const COMMENT = ": keep-alive\n\n";

for (
  const [where, sent, received] of [
    ["before its first event", "", COMMENT + SILENT],
    ["between two events", EVENT, EVENT + COMMENT + SILENT],
    ["within an event", `${EVENT}data: {"x`, EVENT + COMMENT + SILENT],
    ["within an event's end", `${EVENT}data: 1\n`, EVENT + COMMENT + SILENT],
    ["within an event that is too long to be held", `data: ${LONG}`, `data: ${LONG}\n\n${SILENT}`],
  ]
) {
  Deno.test(`passOn tells the client by an event when OpenRouter falls silent ${where}`, async () => {
    // Total deadlines killed long streams (nvcf #1060): silence alone ends one.
    const { endings, reader, send, aborted } = readPassage({ idleTimeoutMs: 40 });
    if (sent) send(sent!);
    // How many comments there are is the timers' affair; where they stand is not.
    const { text, error } = await broken(reader);
    assert.equal(text.replace(/(?:: keep-alive\n\n)+/, COMMENT), received);
    assert.equal(error, aborted());
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
  const { endings, reader, send, close } = readPassage({ idleTimeoutMs: 200 });
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

for (const answer of ["", '{"usage":{"cost":0.5}}']) {
  Deno.test(`passOn ends with the last byte of a length of ${answer.length}, however late the end comes`, async () => {
    const length = answer.length;
    const { log, reader, send, close } = readPassage({ contentType: "application/json", length });
    if (length > 0) send(answer);
    assert.equal(await rest(reader), answer);
    assert.ok(log.includes(length > 0 ? "answered, cost 0.5" : "empty, cost null"), log.join());
    close();
    await settled();
  });
}

Deno.test("passOn breaks off a stream that ends before it said that it was over", async () => {
  const { endings, reader, send, close } = readPassage();
  const event = 'data: {"id":"gen-1","choices":[{"delta":{"content":"x"}}]}\n\n';
  send(event);
  close();
  const { text, error } = await broken(reader);
  assert.equal(text, event + CUT);
  assert.equal((error as { type?: string }).type, "upstream_unreachable");
  assert.deepEqual(endings.map(({ kind }) => kind), ["broken"]);
});

Deno.test("passOn adds nothing to a stream that lasts long without ever being silent", async () => {
  await withClock(async (pass) => {
    const { reader, send, close } = readPassage({ idleTimeoutMs: 60_000 });
    let received = "";
    for (let event = 0; event < 10; event++) {
      const read = reader.read();
      await settled();
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
    await settled();
    pass(59_000);
    assert.equal(endings.length, 0);
    // It brings the comment; the next one waits for OpenRouter.
    await read;
    send(EVENT);
    await reader.read();
    const next = reader.read();
    await settled();
    pass(60_000);
    assert.equal(endings[0]?.kind, "broken");
    await next;
    await reader.cancel();
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
    assert.deepEqual(endings, [{ kind: "left", sent: true, hadUsage: false }]);
    assert.ok(aborted() instanceof ClientDisconnected);
    // One that reads on after all can tell that this was not all of it.
    await assert.rejects(reader.read(), ClientDisconnected);
  });
});

Deno.test("passOn takes a client's pause for no silence of OpenRouter's", async () => {
  await withClock(async (pass) => {
    const { endings, reader, send } = readPassage({ idleTimeoutMs: 60_000 });
    send(EVENT);
    await reader.read();
    await settled();
    pass(3_000_000);
    const read = reader.read();
    await settled();
    pass(59_999);
    assert.equal(endings.length, 0);
    pass(1);
    assert.equal(endings[0]?.kind, "broken");
    await read;
    await reader.cancel();
  });
});

Deno.test("passOn sends one comment for each silence of 15 s", async () => {
  await withClock(async (pass) => {
    const { reader } = readPassage({ idleTimeoutMs: 600_000 });
    for (let comment = 0; comment < 3; comment++) {
      let isHere = false;
      const read = reader.read().then(({ value }) => {
        isHere = true;
        return value;
      });
      await settled();
      pass(14_999);
      await settled();
      assert.equal(isHere, false);
      pass(1);
      assert.deepEqual(await read, utf8(COMMENT));
    }
    await reader.cancel();
  });
});

Deno.test("passOn takes for quiet what the client gets nothing of, although something comes", async () => {
  await withClock(async (pass) => {
    const { reader, send } = readPassage({ idleTimeoutMs: 600_000 });
    const read = reader.read();
    await settled();
    pass(10_000);
    send('data: {"x"');
    await settled();
    pass(5_000);
    assert.deepEqual((await read).value, utf8(COMMENT));
    await reader.cancel();
  });
});

Deno.test("passOn has one comment at most wait for a client that takes nothing", async () => {
  await withClock(async (pass) => {
    const { reader } = readPassage({ idleTimeoutMs: 600_000 });
    const read = reader.read();
    await settled();
    for (let times = 0; times < 5; times++) pass(15_000);
    assert.deepEqual([(await read).value, (await reader.read()).value], [
      utf8(COMMENT),
      utf8(COMMENT),
    ]);
    let hasMore = false;
    const next = reader.read().then(({ done }) => hasMore = !done);
    await settled();
    assert.equal(hasMore, false);
    await reader.cancel();
    await next;
  });
});

for (const [how, leave] of GOINGS) {
  for (
    const [when, beforeLeaving] of [["before its first byte", ""], ["within it", '{"usage":']]
  ) {
    Deno.test(`passOn hears a call to its end whose client goes ${how} ${when}`, async () => {
      const going = new AbortController();
      const { log, endings, reader, send, close, aborted } = readPassage({
        contentType: "application/json",
        clientGone: going.signal,
        isHeard: true,
      });
      if (beforeLeaving) {
        send(beforeLeaving);
        await reader.read();
      }
      const pending = reader.read().catch(() => {});
      await settled();
      await leave(going, reader);
      send(beforeLeaving ? '{"cost":0.25}}' : '{"usage":{"cost":0.25}}');
      await settled();
      assert.deepEqual(endings, [], "it has not ended");
      close();
      await settled();
      assert.deepEqual(endings, [HEARD]);
      assert.equal(log.at(-1), "left, cost 0.25");
      assert.equal(aborted(), undefined);
      await pending;
    });
  }
}

Deno.test("passOn hears a call whose client had gone before its headers came", async () => {
  const { endings, log, send, close } = passage({
    contentType: "application/json",
    clientGone: AbortSignal.abort(),
    isHeard: true,
  });
  send('{"usage":{"cost":0.25}}');
  close();
  await settled();
  assert.deepEqual(endings, [HEARD]);
  assert.equal(log.at(-1), "left, cost 0.25");
});

Deno.test("passOn reads what a client that left had not asked for, and passes nothing of it on", async () => {
  const { log, endings, reader } = readPassage({
    contentType: "audio/mpeg",
    supply: "x".repeat(1_000),
    isHeard: true,
  });
  await reader.read();
  await settled();
  const asked = () => log.filter((entry) => entry === "asked").length;
  assert.equal(asked(), 1);
  await reader.cancel();
  await settled();
  assert.equal(asked(), SUPPLIES + 1);
  assert.deepEqual(endings, [HEARD]);
});

Deno.test("passOn hears a call that is silent no longer than any other", async () => {
  await withClock(async (pass) => {
    const going = new AbortController();
    const { endings, reader, aborted } = readPassage({
      contentType: "application/json",
      clientGone: going.signal,
      isHeard: true,
      idleTimeoutMs: 60_000,
    });
    const read = reader.read();
    await settled();
    going.abort();
    await read;
    await settled();
    pass(59_999);
    assert.deepEqual(endings, []);
    pass(1);
    assert.deepEqual(endings, [HEARD]);
    assert.ok(aborted() instanceof Error);
  });
});

Deno.test("passOn hears a call to its end whose client takes nothing for an hour", async () => {
  await withClock(async (pass) => {
    const { endings, reader, send, close, aborted } = readPassage({
      contentType: "application/json",
      isHeard: true,
    });
    send('{"usage":');
    await reader.read();
    await settled();
    pass(3_600_000);
    await assert.rejects(reader.read(), ClientDisconnected);
    send('{"cost":0.25}}');
    close();
    await settled();
    assert.deepEqual(endings, [HEARD]);
    assert.equal(aborted(), undefined);
  });
});

for (
  const [what, ending] of [
    ["[DONE]", DONE],
    ["the last event of a message", 'event: message_stop\ndata: {"type":"message_stop"}\n\n'],
    ["[DONE] in lines that end in CR LF", "data: [DONE]\r\n\r\n"],
  ] as const
) {
  Deno.test(`passOn ends a stream with ${what}, cut in two anywhere, while its connection stays open`, async () => {
    for (let cut = 0; cut <= ending.length; cut++) {
      const { log, reader, send, close } = readPassage();
      for (const part of [USAGE, ending.slice(0, cut), ending.slice(cut)]) send(part);
      assert.equal(await rest(reader), USAGE + ending, `cut at ${cut}`);
      assert.ok(log.includes("answered, cost 0.5"), log.join());
      close();
      await settled();
    }
  });
}

Deno.test("passOn ends a stream with [DONE] in lines that end in CR with its connection", async () => {
  const { log, reader, send, close } = readPassage();
  const stream = (USAGE + DONE).replaceAll("\n", "\r");
  send(stream);
  close();
  assert.equal(await rest(reader), stream);
  assert.equal(log.at(-1), "answered, cost 0.5");
});

Deno.test("passOn lets a connection end by itself on which everything has come, for 5 s", async () => {
  const { setTimeout } = globalThis;
  const timers: [run: () => void, ms: number | undefined][] = [];
  const { reader, send, aborted } = readPassage();
  send(DONE);
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    timers.push([run, ms]);
    return 0;
  }) as unknown as typeof setTimeout;
  try {
    await rest(reader);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assert.equal(aborted(), undefined);
  assert.deepEqual(timers.map(([, ms]) => ms), [5_000]);
  timers[0]![0]();
  assert.ok(aborted() instanceof ClientDisconnected);
});

const BREAKS: [what: string, sent: string, isWhole: boolean][] = [
  ["after [DONE]", USAGE + DONE, true],
  [
    "after a reason to stop and usage",
    'data: {"choices":[{"finish_reason":"stop"}],"usage":{"cost":0.5}}\n\n',
    true,
  ],
  [
    "after the last event of a response",
    'data: {"type":"response.completed","response":{"status":"completed"}}\n\n',
    true,
  ],
  ["after the last event of a message", 'data: {"type":"message_stop"}\n\n', true],
  ["after a reason to stop alone", 'data: {"choices":[{"finish_reason":"stop"}]}\n\n', false],
  ["after usage alone", USAGE, false],
];

for (const [when, sent, isWhole] of BREAKS) {
  Deno.test(`passOn passes a stream whose connection breaks ${when} on as ${isWhole ? "whole" : "broken"}`, async () => {
    const { endings, reader, send, fail } = readPassage();
    send(sent);
    assert.deepEqual((await reader.read()).value, utf8(sent));
    fail(new TypeError("connection reset"));
    if (isWhole) assert.equal((await reader.read()).done, true);
    else assert.match((await broken(reader)).text, /^event: error\n/);
    assert.equal(endings[0]?.kind, isWhole ? "answered" : "broken");
  });
}

Deno.test("passOn ends a stream that has said that it is over, and falls silent, without an error", async () => {
  const { endings, reader, send } = readPassage({ idleTimeoutMs: 40 });
  const last = 'data: {"type":"response.completed","response":{"status":"completed"}}\n\n';
  send(last);
  assert.equal((await rest(reader)).replaceAll(COMMENT, ""), last);
  assert.deepEqual(endings, [{ kind: "answered" }]);
});

for (
  const [what, sent] of [
    ["0 bytes", ""],
    ["comments alone", ": OPENROUTER PROCESSING\n\n"],
    ["[DONE] alone", DONE],
  ] as const
) {
  Deno.test(`passOn ends a stream of ${what} as empty`, async () => {
    const { endings, reader, send, close } = readPassage();
    if (sent) send(sent);
    close();
    assert.equal(await rest(reader), sent);
    assert.deepEqual(endings, [{ kind: "empty" }]);
  });
}

Deno.test("passOn adds no error of its own to one of OpenRouter's, and breaks where that broke", async () => {
  const { endings, reader, send, fail } = readPassage();
  const last = 'data: {"error":{"code":502,"message":"gone"},"choices":[]}\n\n';
  send(last);
  assert.equal(textOf(await reader.read()), last);
  fail(new TypeError("connection reset"));
  assert.equal((await broken(reader)).text, "");
  assert.equal(endings[0]?.kind, "broken");
});

Deno.test("passOn passes a last event on that lacks its end, where the stream ends by itself", async () => {
  const { reader, send, close } = readPassage();
  const last = 'data: {"choices":[{"finish_reason":"stop"}]}';
  send(last);
  close();
  assert.equal(await rest(reader), last);
});

Deno.test("passOn tells a client of an error some time before its connection breaks", async () => {
  const { setTimeout } = globalThis;
  const timers: [run: () => void, ms: number | undefined][] = [];
  const { reader, fail } = readPassage();
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    timers.push([run, ms]);
    return 0;
  }) as unknown as typeof setTimeout;
  try {
    fail(new TypeError("connection reset"));
    assert.match(textOf(await reader.read()), /^event: error/);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  const next = reader.read();
  assert.deepEqual(timers.map(([, ms]) => ms), [250]);
  timers[0]![0]();
  await assert.rejects(next, { type: "upstream_unreachable" });
});

Deno.test("passOn lets a client go that has heard of the error", async () => {
  const { reader, fail } = readPassage();
  fail(new TypeError("connection reset"));
  await reader.read();
  await reader.cancel();
});

Deno.test("passOn passes JSON that ends within itself on as it is, and ends it as empty", async () => {
  const { endings, reader, send, close } = readPassage({ contentType: "application/json" });
  send('{"id":"gen-1",');
  close();
  assert.equal(await rest(reader), '{"id":"gen-1",');
  assert.deepEqual(endings, [{ kind: "empty" }]);
});

for (
  const [what, end] of [
    ["breaks", ({ fail }: ReturnType<typeof readPassage>) => fail(new TypeError("reset"))],
    ["its client leaves", ({ reader }: ReturnType<typeof readPassage>) => void reader.cancel()],
  ] as const
) {
  Deno.test(`passOn ends an error as refused when ${what} within its body`, async () => {
    const refused: BookingEnding = { kind: "refused", status: 502 };
    const passed = readPassage({ contentType: "text/html", whenRead: refused });
    passed.send("<html>");
    await passed.reader.read();
    end(passed);
    await passed.reader.read().catch(() => {});
    assert.deepEqual(passed.endings, [refused]);
  });
}

Deno.test("passOn breaks off a stream of two choices that ends after one of them", async () => {
  const { endings, reader, send, close } = readPassage();
  send('data: {"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}\n\n');
  send('data: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n');
  close();
  assert.ok((await broken(reader)).text.endsWith(CUT));
  assert.equal(endings[0]?.kind, "broken");
});
