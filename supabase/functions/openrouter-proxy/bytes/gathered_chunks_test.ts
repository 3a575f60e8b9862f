import fc from "fast-check";
import assert from "node:assert/strict";
import type { LoanedChunks } from "./chunk_reader.ts";
import { gatheredChunks } from "./gathered_chunks.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Resolves when nothing is left to do without a further event. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A stream whose chunks, clock and timers are a test's. */
function gathering() {
  let now = 0;
  let waiting: (() => void)[] = [];
  let waitingLonger: (() => void)[] = [];
  let asked = 0;
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
      return inner.read();
    },
    giveBack: (chunk) => chunk.fill(0),
    cancel: (reason) => inner.cancel(reason),
  };
  const gathered = gatheredChunks(reader, {
    now: () => now,
    soon: (callback) => waiting.push(callback),
    later: (callback) => waitingLonger.push(callback),
  });
  return {
    upstream,
    asked: () => asked,
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

/** A stream of which so many chunks were given, each so long after the one before it. */
async function afterChunks(count: number, ms: number) {
  const stream = gathering();
  for (let n = 0; n < count; n++) {
    const given = stream.read();
    await settled();
    stream.pass(ms);
    stream.send(`${n}`);
    await settled();
    await stream.timersRun();
    await stream.longerTimersRun();
    await given;
  }
  return stream;
}

Deno.test("gatheredChunks gives a flood together, a longer while later", async () => {
  const { read, pass, send, timersRun, longerTimersRun } = await afterChunks(20, 1);
  const given = read();
  for (const token of ["a", "b", "c"]) {
    await settled();
    pass(2.5);
    send(token);
    await timersRun();
  }
  await longerTimersRun();
  assert.equal(await given, "abc");
});

Deno.test("gatheredChunks gives a chunk at once that comes after a flood", async () => {
  const { read, pass, send } = await afterChunks(20, 1);
  const given = read();
  await settled();
  pass(20);
  send("late");
  assert.equal(await given, "late");
});

for (const [ms, isFlood] of [[2.9, true], [3, false]] as const) {
  Deno.test(`gatheredChunks ${isFlood ? "has" : "has not"} a flood in chunks every ${ms} ms`, async () => {
    const { read, pass, send, timersWait } = await afterChunks(60, ms);
    read();
    await settled();
    pass(ms);
    send("next");
    await settled();
    assert.equal(timersWait(), isFlood ? 1 : 0);
  });
}

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
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { send, read, pass, upstream, timersRun, longerTimersRun, timersWait } = gathering();
      const all = (async () => {
        let text = "";
        for (;;) {
          const given = await read();
          if (given === null) return text;
          text += given;
        }
      })();
      for (const { text, ms } of steps) {
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
