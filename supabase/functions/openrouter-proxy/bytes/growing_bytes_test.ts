import fc from "fast-check";
import assert from "node:assert/strict";
import { growingBytes, type MemoryShare } from "./growing_bytes.ts";

/** A share with that much room, and all that was asked of it. */
function shareOf(totalBytes: number): { share: MemoryShare; asked: number[] } {
  const asked: number[] = [];
  const share = {
    hold(bytes: number) {
      asked.push(bytes);
      return bytes <= totalBytes;
    },
    [Symbol.dispose]() {},
  };
  return { share, asked };
}

Deno.test("growingBytes is all of its pieces, however large each is and whatever was expected", () => {
  const piece = fc.uint8Array({ maxLength: 6_000 });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.nat(100_000), (pieces, expectedBytes) => {
      const growing = growingBytes(expectedBytes, shareOf(Infinity).share);
      for (const piece of pieces) assert.equal(growing.append(piece), true);
      assert.deepEqual([...growing.bytes()], pieces.flatMap((piece) => [...piece]));
    }),
    { numRuns: 200 },
  );
});

Deno.test("growingBytes asks for twice as much each time, up to what is expected, before it takes it", () => {
  const { share, asked } = shareOf(Infinity);
  const growing = growingBytes(20_000, share);
  for (let i = 0; i < 20_000; i++) growing.append(Uint8Array.of(i));
  assert.deepEqual(asked, [4096, 8192, 16_384, 20_000]);
  assert.equal(growing.bytes().buffer.byteLength, 20_000);
  growing.append(Uint8Array.of(1, 2, 3));
  assert.equal(asked.at(-1), 20_003);
});

Deno.test("growingBytes holds no more than is expected of few bytes", () => {
  const { share, asked } = shareOf(Infinity);
  growingBytes(100, share).append(Uint8Array.of(1));
  assert.deepEqual(asked, [100]);
});

Deno.test("growingBytes keeps what it has where the share has no room for more", () => {
  const growing = growingBytes(100_000, shareOf(5000).share);
  assert.equal(growing.append(new Uint8Array(4096).fill(7)), true);
  assert.equal(growing.append(Uint8Array.of(8)), false);
  assert.deepEqual(growing.bytes(), new Uint8Array(4096).fill(7));
});

Deno.test("growingBytes keeps a copy of a piece", () => {
  const piece = Uint8Array.of(1, 2);
  const growing = growingBytes(10, shareOf(Infinity).share);
  growing.append(piece);
  piece.fill(0);
  assert.deepEqual([...growing.bytes()], [1, 2]);
});

Deno.test("growingBytes frees at once what it has outgrown, and all when it is told to", () => {
  const growing = growingBytes(100_000, shareOf(Infinity).share);
  growing.append(new Uint8Array(4096).fill(7));
  const outgrown = growing.bytes();
  growing.append(Uint8Array.of(8));
  assert.equal(outgrown.buffer.detached, true);
  const last = growing.bytes();
  assert.deepEqual([last.length, last[0], last.at(-1)], [4097, 7, 8]);
  growing.free();
  assert.equal(last.buffer.detached, true);
});
