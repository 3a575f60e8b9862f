import assert from "node:assert/strict";
import { ClientDisconnected } from "../../errors.ts";
import { MAX_HELD_BYTES } from "./whole_events.ts";
import {
  broken,
  COMMENT,
  errorEvent,
  EVENT,
  readPassage,
  rest,
  settled,
  utf8,
} from "../../testing/passages.ts";
import { withClock } from "../../testing/with_clock.ts";

/** Longer than what is held back of an event. */
const LONG = "x".repeat(MAX_HELD_BYTES);

const SILENT = errorEvent("upstream_timeout", "OpenRouter was silent for 40 ms within its answer");

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

Deno.test("passOn ends events that do not say what they are, once they are over and silent", async () => {
  const { endings, reader, send } = readPassage({ contentType: "text/plain", idleTimeoutMs: 40 });
  const event = 'data: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n';
  send(event);
  assert.equal(await rest(reader), event);
  assert.deepEqual(endings, [{ kind: "answered" }]);
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
    // They bring the comments; the next one waits for OpenRouter.
    await read;
    await reader.read();
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
