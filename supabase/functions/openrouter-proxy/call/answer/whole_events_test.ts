import fc from "fast-check";
import assert from "node:assert/strict";
import { MAX_HELD_BYTES, wholeEvents } from "./whole_events.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** What passes of each piece. */
function passedOf(pieces: string[]): string[] {
  const events = wholeEvents();
  return pieces.map((piece) => textOf(events.feed(utf8(piece))));
}

for (
  const [pieces, passed] of [
    [["data: 1\n\n"], ["data: 1\n\n"]],
    [["data: 1\n\ndata: 2\n\n"], ["data: 1\n\ndata: 2\n\n"]],
    [["data: 1\n\ndata", ": 2\n\n"], ["data: 1\n\n", "data: 2\n\n"]],
    [["data: 1", "\n", "\n"], ["", "", "data: 1\n\n"]],
    [["data: 1\n", "\ndata: 2"], ["", "data: 1\n\n"]],
    [["data: 1\nid: 2", "\n\n"], ["", "data: 1\nid: 2\n\n"]],
    [["data: 1\r\n\r\ndata: 2\r\n"], ["data: 1\r\n\r\n"]],
    [["data: 1\r\n", "\r\n"], ["", "data: 1\r\n\r\n"]],
    // The CR of a blank line's CR LF ends the event already, and its LF belongs to no other one.
    [["data: 1\r\n\r", "\n", "data: 2"], ["data: 1\r\n\r", "\n", ""]],
    [["data: 1\r\rdata: 2\r"], ["data: 1\r\r"]],
    [[": comment\n", "\n"], ["", ": comment\n\n"]],
    [[": comment\n\n\n"], [": comment\n\n\n"]],
    [["", "data: 1\n\n", ""], ["", "data: 1\n\n", ""]],
  ]
) {
  Deno.test(`of ${JSON.stringify(pieces)}, ${JSON.stringify(passed)} passes`, () => {
    assert.deepEqual(passedOf(pieces!), passed);
  });
}

Deno.test("a whole event in one chunk passes as that very chunk", () => {
  const events = wholeEvents();
  const chunk = utf8("data: 1\n\n");
  assert.equal(events.feed(chunk), chunk);
});

/** The longest beginning of a text that ends with a blank line. */
function wholeOf(text: string): string {
  const endsWithBlankLine = (part: string) => /\n\n$/.test(part.replace(/\r\n?/g, "\n"));
  for (let length = text.length; length > 0; length--) {
    if (endsWithBlankLine(text.slice(0, length))) return text.slice(0, length);
  }
  return "";
}

Deno.test("however a stream is cut, what has passed are its whole events", () => {
  const text = fc.string({ unit: fc.constantFrom("\n", "\r", "\r\n", "a", "é"), maxLength: 12 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 6 }), (pieces) => {
      const events = wholeEvents();
      let came = "";
      let passed = "";
      for (const piece of pieces) {
        came += piece;
        passed += textOf(events.feed(utf8(piece)));
        assert.equal(passed, wholeOf(came));
        assert.ok(events.isBetween());
        assert.equal(events.isAtEnd(), passed === came);
      }
      assert.equal(passed + textOf(events.release()), came);
    }),
    { numRuns: 20_000 },
  );
});

Deno.test("an event that is longer than what is held passes as it comes, and the next one waits again", () => {
  const events = wholeEvents();
  const half = "x".repeat(MAX_HELD_BYTES / 2);
  assert.equal(events.feed(utf8(half)).length, 0);
  assert.ok(events.isBetween());
  assert.equal(events.feed(utf8(half)).length, 0);
  assert.equal(textOf(events.feed(utf8("y"))), `${half}${half}y`);
  assert.ok(!events.isBetween());
  assert.equal(textOf(events.feed(utf8("z\n"))), "z\n");
  assert.ok(!events.isBetween());
  assert.equal(textOf(events.feed(utf8("\ndata: 2"))), "\n");
  assert.ok(events.isBetween());
  assert.equal(textOf(events.release()), "data: 2");
});

Deno.test("behind an event that was too long the next one waits, where the chunk ends between them", () => {
  const events = wholeEvents();
  const begun = `data: ${"x".repeat(MAX_HELD_BYTES)}`;
  assert.equal(textOf(events.feed(utf8(begun))), begun);
  assert.deepEqual([events.isBetween(), events.isAtEnd()], [false, false]);
  assert.equal(textOf(events.feed(utf8("\n\n"))), "\n\n");
  assert.deepEqual([events.isBetween(), events.isAtEnd()], [true, true]);
  assert.equal(textOf(events.feed(utf8("data: 2"))), "");
  assert.deepEqual([events.isBetween(), events.isAtEnd()], [true, false]);
});

Deno.test("an event that is longer than what is held passes at once behind the end of another", () => {
  const events = wholeEvents();
  const chunk = `data: 1\n\n${"x".repeat(MAX_HELD_BYTES + 1)}`;
  assert.equal(textOf(events.feed(utf8(chunk))), chunk);
  assert.ok(!events.isBetween());
});
