import assert from "node:assert/strict";
import { ClientDisconnected } from "../../errors.ts";
import { HEARD, passage, readPassage, settled, SUPPLIES } from "../../testing/passages.ts";
import { withClock } from "../../testing/with_clock.ts";

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

  Deno.test(`passOn says that usage came too early of a client that goes ${how} within the answer`, async () => {
    const going = new AbortController();
    const { endings, reader, send } = readPassage({ clientGone: going.signal });
    send('data: {"id":"gen-1","choices":[{"index":0}],"usage":{"cost":0.5}}\n\n');
    await reader.read();
    await leave(going, reader);
    assert.deepEqual(endings, [{ kind: "left", sent: true, hadUsage: false }]);
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

Deno.test("passOn closes OpenRouter's body itself, where its abort does not reach that", async () => {
  const { reader, aborted, cancelled } = readPassage({ isDeaf: true });
  await reader.cancel();
  assert.ok(aborted() instanceof ClientDisconnected);
  assert.equal(cancelled(), aborted());
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

Deno.test("passOn hears a call that falls silent after what its client had asked for", async () => {
  await withClock(async (pass) => {
    const going = new AbortController();
    const { endings, reader, send } = readPassage({
      contentType: "application/json",
      clientGone: going.signal,
      isHeard: true,
      idleTimeoutMs: 60_000,
    });
    const read = reader.read();
    await settled();
    going.abort();
    await read;
    send('{"usage":');
    await settled();
    pass(60_000);
    assert.deepEqual(endings, [HEARD]);
  });
});

Deno.test("passOn hears a call whose client goes in one way and then in another", async () => {
  for (const [first, second] of [GOINGS, GOINGS.toReversed()]) {
    const going = new AbortController();
    const { endings, reader, close } = readPassage({ clientGone: going.signal, isHeard: true });
    await first![1](going, reader);
    await second![1](going, reader);
    close();
    await settled();
    assert.deepEqual(endings, [HEARD]);
  }
});

Deno.test("passOn tells nobody of a silence whose client has left a stream that is heard", async () => {
  await withClock(async (pass) => {
    const { endings, reader, close } = readPassage({ isHeard: true });
    await reader.cancel();
    await settled();
    pass(15_000);
    close();
    await settled();
    assert.deepEqual(endings, [HEARD]);
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
