import fc from "fast-check";
import assert from "node:assert/strict";
import { chunkReader, loanedChunks } from "./chunk_reader.ts";

/** A stream of bytes, as fetch gives it, or of anything, as JavaScript makes it. */
function streamOf(chunks: Uint8Array[], type: "bytes" | undefined): ReadableStream<Uint8Array> {
  const source = {
    start(controller: ReadableStreamDefaultController | ReadableByteStreamController) {
      for (const chunk of chunks) controller.enqueue(chunk.slice());
      controller.close();
    },
  };
  return type === "bytes"
    ? new ReadableStream({ ...source, type })
    : new ReadableStream<Uint8Array>(source);
}

async function readAll(body: ReadableStream<Uint8Array>): Promise<Uint8Array[]> {
  const reader = chunkReader(body);
  const chunks = [];
  for (;;) {
    const chunk = await reader.read();
    if (chunk.done) return chunks;
    chunks.push(chunk.value);
  }
}

const bytesOf = (chunks: Uint8Array[]) => chunks.flatMap((chunk) => [...chunk]);

for (const type of ["bytes", undefined] as const) {
  Deno.test(`chunkReader reads all bytes of a ${type ?? "plain"} stream, and keeps each chunk as it was read`, async () => {
    const chunk = fc.uint8Array({ minLength: 1, maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 20 }), async (chunks) => {
        assert.deepEqual(bytesOf(await readAll(streamOf(chunks, type))), bytesOf(chunks));
      }),
      { numRuns: 200 },
    );
  });
}

Deno.test("streams that are read at once, or one after the other, share no bytes", async () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 50 });
  const streams = fc.array(fc.array(chunk, { maxLength: 5 }), { minLength: 2, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(streams, streams, async (first, then) => {
      const read = (bodies: Uint8Array[][]) =>
        Promise.all(bodies.map((chunks) => readAll(streamOf(chunks, "bytes"))));
      const before = await read(first);
      const after = await read(then);
      assert.deepEqual([...before, ...after].map(bytesOf), [...first, ...then].map(bytesOf));
    }),
    { numRuns: 200 },
  );
});

/** A stream that leaves a trace in the buffer it is read into. @returns what it finds there */
function tracing(trace: number): { body: ReadableStream<Uint8Array>; found: number[] } {
  const found: number[] = [];
  let isRead = false;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const { view } = controller.byobRequest!;
      const buffer = new Uint8Array(view!.buffer, view!.byteOffset, view!.byteLength);
      if (!isRead) found.push(buffer.at(-1)!);
      if (isRead) controller.close();
      else buffer.fill(trace);
      controller.byobRequest!.respond(isRead ? 0 : 1);
      isRead = true;
    },
  });
  return { body, found };
}

Deno.test("a buffer is used again once its stream has ended, and not before", async () => {
  const first = tracing(1);
  const begun = chunkReader(first.body);
  await begun.read();
  const meanwhile = tracing(2);
  await readAll(meanwhile.body);
  assert.notEqual(meanwhile.found[0], 1);
  const then = tracing(3);
  await readAll(then.body);
  assert.deepEqual(then.found, [2]);
  assert.equal((await begun.read()).done, true);
  const last = tracing(4);
  await readAll(last.body);
  assert.deepEqual(last.found, [1]);
});

Deno.test("chunkReader gives a chunk that is larger than its buffer in pieces", async () => {
  const large = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251);
  const pieces = await readAll(streamOf([large], "bytes"));
  assert.ok(pieces.length > 1);
  assert.deepEqual(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()), large);
});

Deno.test("chunkReader spends no more memory on a chunk than its bytes need", async () => {
  const [chunk] = await readAll(streamOf([Uint8Array.of(1, 2, 3)], "bytes"));
  assert.equal(chunk?.buffer.byteLength, 3);
});

Deno.test("chunkReader passes a stream's error on", async () => {
  const broken = new TypeError("connection reset");
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      controller.error(broken);
    },
  });
  await assert.rejects(chunkReader(body).read(), broken);
});

Deno.test("chunkReader cancels the stream, and a read that is under way ends", async () => {
  let cancelled: unknown;
  const body = new ReadableStream({
    type: "bytes",
    cancel(reason) {
      cancelled = reason;
    },
  });
  const reader = chunkReader(body);
  const reading = reader.read();
  await reader.cancel("why");
  assert.equal(cancelled, "why");
  assert.equal((await reading).done, true);
});

Deno.test("chunkReader refuses a stream that somebody else reads", () => {
  const body = streamOf([], "bytes");
  body.getReader();
  assert.throws(() => chunkReader(body), TypeError);
});

Deno.test("chunkReader begins with a small buffer, which grows while chunks fill it", async () => {
  const pieces = await readAll(streamOf([new Uint8Array(200_000)], "bytes"));
  const sizes = pieces.map(({ length }) => length);
  assert.deepEqual(sizes, [4_096, 16_384, 65_536, 65_536, 48_448]);
});

for (
  const [bytes, bufferBytes, expected] of [
    [10, 4, [4, 4, 2]],
    [30_000, 10_000, [4_096, 10_000, 10_000, 5_904]],
  ] as const
) {
  Deno.test(`loanedChunks reads ${bytes} bytes through a buffer of at most ${bufferBytes}`, async () => {
    const reader = loanedChunks(streamOf([new Uint8Array(bytes)], "bytes"), bufferBytes);
    const sizes = [];
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      sizes.push(chunk.value.length);
      reader.giveBack(chunk.value);
    }
    assert.deepEqual(sizes, expected);
  });
}

for (const type of ["bytes", undefined] as const) {
  Deno.test(`loanedChunks reads all bytes of a ${type ?? "plain"} stream, and cancels it`, async () => {
    const large = Uint8Array.from({ length: 50_000 }, (_, index) => index % 251);
    const reader = loanedChunks(streamOf([Uint8Array.of(1, 2), large], type), 8_192);
    const bytes: number[] = [];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes.push(...value);
      reader.giveBack(value);
    }
    assert.deepEqual(bytes, [1, 2, ...large]);

    let cancelled: unknown;
    const source = { cancel: (reason: unknown) => void (cancelled = reason) };
    const body = type === "bytes"
      ? new ReadableStream({ ...source, type })
      : new ReadableStream<Uint8Array>(source);
    await loanedChunks(body, 8_192).cancel("enough");
    assert.equal(cancelled, "enough");
  });
}
