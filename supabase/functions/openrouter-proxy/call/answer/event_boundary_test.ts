import fc from "fast-check";
import assert from "node:assert/strict";
import { eventBoundary } from "./event_boundary.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

function isAtEnd(...chunks: string[]): boolean {
  const boundary = eventBoundary();
  for (const chunk of chunks) boundary.feed(utf8(chunk));
  return boundary.isAtEnd();
}

for (
  const [stream, expected] of [
    ["", true],
    ["data: x", false],
    ["data: x\n", false],
    ["data: x\n\n", true],
    ["data: x\r\r", true],
    ["data: x\r\n\r\n", true],
    ["data: x\r\n", false],
    ["data: x\r\n\r", true],
    ["data: x\n\r\n", true],
    ["data: x\n\n\n", true],
    ["data: x\n\ny", false],
    ["\n", false],
    ["\n\n", true],
    [": comment\n\n", true],
  ] as const
) {
  Deno.test(`${JSON.stringify(stream)} ${expected ? "ends" : "does not end"} with an event's end`, () => {
    assert.equal(isAtEnd(stream), expected);
    assert.equal(isAtEnd(...stream), expected);
  });
}

Deno.test("eventBoundary agrees with a reading of the whole stream, however it is cut", () => {
  const text = fc.string({ unit: fc.constantFrom("\n", "\r", "a", "é"), maxLength: 12 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 6 }), (chunks) => {
      const stream = chunks.join("");
      const endsWithBlankLine = /(?:\r\n|\r|\n)(?:\r\n|\r|\n)$/.test(stream);
      // A CR LF that ends the stream is one line end, not two.
      const expected = stream === "" ||
        (endsWithBlankLine && !/(?:^|[^\r\n])\r\n$/.test(stream));
      assert.equal(isAtEnd(...chunks), expected);
    }),
    { numRuns: 20_000 },
  );
});
