import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { decodedGzip, isGzipByAnotherName } from "./gzip_by_its_bytes.ts";

const TEXT = '{"usage":{"cost":0.5},"user_id":"user_2abcDEF12345"}';
const GZIPPED = new Uint8Array(
  await new Response(
    new Response(TEXT).body!.pipeThrough(new CompressionStream("gzip")),
  ).arrayBuffer(),
);

/** A body that comes in pieces of so many bytes. */
function inPieces(bytes: Uint8Array<ArrayBuffer>, size: number) {
  const pieces = Array.from(
    { length: Math.ceil(bytes.length / size) },
    (_, i) => bytes.slice(i * size, (i + 1) * size),
  );
  return ReadableStream.from(pieces) as ReadableStream<Uint8Array>;
}

for (const encoding of ["GZIP", "Gzip", "x-gzip", "X-GZIP"]) {
  for (const [what, bytes] of [["encoded", GZIPPED], ["decoded", utf8(TEXT)]] as const) {
    for (const size of [1, 2, 1000]) {
      Deno.test(`an answer in ${encoding} that fetch left ${what} is decoded, in pieces of ${size} bytes`, async () => {
        const headers = new Headers({
          "content-encoding": encoding,
          "content-length": String(bytes.length),
          "content-type": "application/json",
        });
        assert.equal(isGzipByAnotherName(headers), true);
        const answer = decodedGzip({ headers, body: inPieces(bytes, size) });
        assert.equal(await new Response(answer.body).text(), TEXT);
        assert.deepEqual([...answer.headers], [["content-type", "application/json"]]);
      });
    }
  }
}

for (const encoding of ["gzip", "br", "BR", "deflate", "identity", "gzip, br", "gzip, gzip", ""]) {
  Deno.test(`an answer in ${JSON.stringify(encoding)} passes as fetch gives it`, () => {
    assert.equal(isGzipByAnotherName(new Headers({ "content-encoding": encoding })), false);
  });
}

Deno.test("an answer in GZIP may be empty, end early, or break", async () => {
  const headers = new Headers({ "content-encoding": "GZIP" });
  const textOf = async (body: ReadableStream<Uint8Array>) =>
    await new Response(decodedGzip({ headers, body }).body).text();
  assert.equal(await textOf(inPieces(new Uint8Array(), 1)), "");
  assert.equal(await textOf(inPieces(utf8("x"), 1)), "x");
  await assert.rejects(textOf(inPieces(GZIPPED.slice(0, -9), 5)));
  const broken = new ReadableStream<Uint8Array>({
    start: (controller) => controller.error(new Error("reset by peer")),
  });
  await assert.rejects(textOf(broken), /reset by peer/);
});

for (const isRead of [false, true]) {
  const when = isRead ? "within it" : "before it is read";
  Deno.test(`an answer in GZIP that nobody wants any more ${when} is cancelled where it comes from`, async () => {
    let reason: unknown;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(utf8("{}")),
      cancel: (why) => void (reason = why),
    }, { highWaterMark: 0 });
    const answer = decodedGzip({ headers: new Headers({ "content-encoding": "GZIP" }), body });
    const reader = answer.body.getReader();
    if (isRead) await reader.read();
    await reader.cancel("left");
    assert.equal(reason, "left");
  });
}
