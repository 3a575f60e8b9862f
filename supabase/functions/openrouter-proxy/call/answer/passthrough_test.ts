import fc from "fast-check";
import assert from "node:assert/strict";
import {
  errorEvent,
  EVENT,
  passage,
  readPassage,
  rest,
  settled,
  textOf,
  utf8,
} from "../../testing/passages.ts";

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
