import fc from "fast-check";
import assert from "node:assert/strict";
import type { LoanedChunks } from "./chunk_reader.ts";
import { chunkRate, gatheredChunks, REAL_PACE } from "./gathered_chunks.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Resolves when nothing is left to do without a further event. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A stream whose chunks, clock and timers are a test's. */
function gathering() {
  let now = 0;
  let isFlood = false;
  let waiting: (() => void)[] = [];
  let waitingLonger: (() => void)[] = [];
  let asked = 0;
  let counted = 0;
  let lent = 0;
  let upstream!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      upstream = controller;
    },
  }, { highWaterMark: 0 });
  const inner = body.getReader();
  const reader: LoanedChunks = {
    read() {
      asked++;
      assert.equal(lent, 0, "the last chunk has been given back");
      const reading = inner.read();
      reading.then(({ done }) => done || lent++, () => {});
      return reading;
    },
    giveBack(chunk) {
      lent--;
      chunk.fill(0);
    },
    cancel: (reason) => inner.cancel(reason),
  };
  const gathered = gatheredChunks(reader, {
    now: () => now,
    soon(callback) {
      waiting.push(callback);
      return () => waiting = waiting.filter((other) => other !== callback);
    },
    later(callback) {
      waitingLonger.push(callback);
      return () => waitingLonger = waitingLonger.filter((other) => other !== callback);
    },
    rate: { count: () => void counted++, isFlood: () => isFlood },
  });
  return {
    upstream,
    asked: () => asked,
    counted: () => counted,
    flood(is = true) {
      isFlood = is;
    },
    pass(ms: number) {
      now += ms;
    },
    timersWait: () => waiting.length + waitingLonger.length,
    async timersRun() {
      const due = waiting;
      waiting = [];
      for (const callback of due) callback();
      await settled();
    },
    async longerTimersRun() {
      const due = waitingLonger;
      waitingLonger = [];
      for (const callback of due) callback();
      await settled();
    },
    send: (text: string) => upstream.enqueue(utf8(text)),
    cancel: gathered.cancel,
    async read() {
      const { done, value } = await gathered.read();
      return done ? null : new TextDecoder().decode(value as Uint8Array);
    },
  };
}

Deno.test("gatheredChunks gives what comes slowly at once, without a timer", async () => {
  const { send, read, pass, timersWait } = gathering();
  for (const token of ["a", "b", "c"]) {
    const given = read();
    await settled();
    pass(2);
    send(token);
    assert.equal(await given, token);
    assert.equal(timersWait(), 0);
  }
});

Deno.test("gatheredChunks gives what comes fast together, a turn of the timers later", async () => {
  const { send, read, pass, timersRun } = gathering();
  send("a");
  assert.equal(await read(), "a");
  pass(1.9);
  const given = read();
  send("b");
  await settled();
  send("c");
  await settled();
  send("d");
  await timersRun();
  assert.equal(await given, "bcd");
});

Deno.test("gatheredChunks gives the first chunk of a flood at once, and the others together, a longer while later", async () => {
  const { send, read, pass, flood, timersRun, longerTimersRun } = gathering();
  flood();
  send("a");
  assert.equal(await read(), "a");
  const given = read();
  for (const token of ["b", "c", "d"]) {
    pass(5);
    send(token);
    await settled();
    await timersRun();
  }
  await longerTimersRun();
  assert.equal(await given, "bcd");
});

for (const isFlood of [false, true]) {
  Deno.test(`gatheredChunks leaves no timer when a stream ends ${isFlood ? "in a flood" : "fast"}`, async () => {
    const { send, read, flood, upstream, timersWait } = gathering();
    flood(isFlood);
    send("a");
    await read();
    const given = read();
    send("b");
    await settled();
    assert.equal(timersWait(), 1);
    upstream.close();
    assert.equal(await given, "b");
    assert.equal(timersWait(), 0);
  });
}

Deno.test("what comes fast waits as short as timers can, and a flood for 16 ms, at 60 pictures a second", () => {
  const { setTimeout, clearTimeout } = globalThis;
  const waits: unknown[] = [];
  try {
    globalThis.setTimeout = ((_ring: () => void, ms: unknown) =>
      waits.push(ms)) as unknown as typeof setTimeout;
    globalThis.clearTimeout = () => {};
    const stopWaiting = [REAL_PACE.soon(() => {}), REAL_PACE.later(() => {})];
    for (const stop of stopWaiting) stop();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  assert.deepEqual(waits, [0, 16]);
});

Deno.test("chunkRate calls 80 chunks in 10 ms a flood, for the next 10 ms", () => {
  for (const [chunks, isFlood] of [[79, false], [80, true]] as const) {
    let now = 0;
    const rate = chunkRate(() => now);
    for (let n = 0; n < chunks; n++) rate.count();
    assert.equal(rate.isFlood(), false);
    now = 10;
    rate.count();
    assert.equal(rate.isFlood(), isFlood);
    now = 19.9;
    rate.count();
    assert.equal(rate.isFlood(), isFlood);
    now = 20;
    rate.count();
    assert.equal(rate.isFlood(), false);
  }
});

for (const [what, then] of [["a pause", 20], ["a clock that was set back", -1]] as const) {
  Deno.test(`chunkRate sees the end of a flood after ${what}`, () => {
    let now = 0;
    const rate = chunkRate(() => now);
    for (let n = 0; n < 500; n++) rate.count();
    now = then;
    rate.count();
    assert.equal(rate.isFlood(), what !== "a pause");
    now = then + 10;
    rate.count();
    assert.equal(rate.isFlood(), false);
  });
}

Deno.test("gatheredChunks keeps what came before its memory grew, and counts each chunk", async () => {
  const { send, read, timersRun, counted } = gathering();
  send("a");
  await read();
  const given = read();
  const pieces = ["b", "c", "d"].map((letter) => letter.repeat(3_000));
  for (const piece of pieces) {
    send(piece);
    await settled();
  }
  await timersRun();
  assert.equal(await given, pieces.join(""));
  assert.equal(counted(), 4);
});

Deno.test("gatheredChunks waits no longer once it has enough", async () => {
  const { send, read } = gathering();
  send("a");
  await read();
  const large = "x".repeat(10_000);
  const given = read();
  send(large);
  send(large);
  send("rest");
  assert.equal(await given, large + large);
});

Deno.test("gatheredChunks asks for one chunk more than it was asked for at most", async () => {
  const { send, read, asked } = gathering();
  await settled();
  assert.equal(asked(), 0);
  for (const token of ["a", "b", "c"]) send(token);
  assert.equal(await read(), "a");
  await settled();
  assert.equal(asked(), 2);
});

Deno.test("gatheredChunks gives all that came before the stream ended or broke", async () => {
  for (const error of [null, new Error("broken")]) {
    const { send, read, upstream } = gathering();
    send("a");
    await read();
    send("b");
    send("c");
    if (error === null) upstream.close();
    const given = read();
    if (error !== null) {
      await settled();
      upstream.error(error);
    }
    assert.equal(await given, "bc");
    for (let again = 0; again < 2; again++) {
      if (error === null) assert.equal(await read(), null);
      else await assert.rejects(read(), error);
    }
  }
});

Deno.test("gatheredChunks cancels what it reads, and a read that waits ends", async () => {
  const { read, cancel } = gathering();
  const given = read();
  await cancel("enough");
  assert.equal(await given, null);
});

Deno.test("gatheredChunks gives all bytes in their order, however fast they come", async () => {
  const step = fc.record({
    text: fc.string({ minLength: 0, maxLength: 5 }),
    ms: fc.integer({ min: 0, max: 4 }),
    isFlood: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { send, read, pass, flood, upstream, timersRun, longerTimersRun, timersWait } =
        gathering();
      const all = (async () => {
        let text = "";
        for (;;) {
          const given = await read();
          if (given === null) return text;
          text += given;
        }
      })();
      for (const { text, ms, isFlood } of steps) {
        flood(isFlood);
        pass(ms);
        send(text);
        await Promise.resolve();
        if (timersWait() > 0 && ms % 2 === 0) await timersRun();
        if (timersWait() > 0 && ms % 3 === 0) await longerTimersRun();
      }
      upstream.close();
      await timersRun();
      await longerTimersRun();
      assert.equal(await all, steps.map(({ text }) => text).join(""));
    }),
    { numRuns: 100 },
  );
});

for (const [bytes, asked] of [[16_383, 2], [16_384, 1]] as const) {
  Deno.test(`gatheredChunks, given ${bytes} bytes, asks for ${asked === 1 ? "no" : "a"} chunk beside`, async () => {
    const stream = gathering();
    stream.send("a".repeat(bytes));
    stream.send("b");
    assert.equal((await stream.read())?.length, bytes);
    assert.equal(stream.asked(), asked);
  });
}
