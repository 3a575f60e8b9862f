import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { utf8 } from "../bytes/encodings.ts";
import { decoded } from "./content_coding.ts";

const ANSWER =
  '{"id":"gen-1","choices":[{"message":{"content":"é"}}],"usage":{"cost":0.5},"model":"a/b"}';

/** Names that some fetch does not know, and what they mean. */
const NAMES = [
  ["GZIP", gzipSync],
  ["Gzip", gzipSync],
  ["x-gzip", gzipSync],
  ["X-GZIP", gzipSync],
  ["BR", brotliCompressSync],
] as const;

function bytesOf(text: string, encode?: (bytes: Uint8Array) => Uint8Array) {
  return new Uint8Array(encode === undefined ? utf8(text) : encode(utf8(text)));
}

/** A body that comes in pieces of so many bytes. */
function inPieces(bytes: Uint8Array<ArrayBuffer>, size = 1_000) {
  const pieces = Array.from(
    { length: Math.ceil(bytes.length / size) },
    (_, i) => bytes.slice(i * size, (i + 1) * size),
  );
  return ReadableStream.from(pieces) as ReadableStream<Uint8Array>;
}

/** The text and the headers of an answer whose headers tell of this encoding. */
async function seen(name: string, body: ReadableStream<Uint8Array>) {
  const headers = new Headers({ "content-encoding": name, "content-length": "9", "x-kept": "1" });
  const plain = decoded({ headers, body });
  return { text: await new Response(plain.body).text(), headers: [...plain.headers] };
}

for (const [name, encode] of NAMES) {
  for (
    const [what, bytes] of [["encoded", bytesOf(ANSWER, encode)], [
      "decoded",
      bytesOf(ANSWER),
    ]] as const
  ) {
    for (const size of [1, 2, 1_000]) {
      Deno.test(`an answer in ${name} that fetch left ${what} is decoded, in pieces of ${size} bytes`, async () => {
        const { text, headers } = await seen(name, inPieces(bytes, size));
        assert.equal(text, ANSWER);
        assert.deepEqual(headers, [["x-kept", "1"]]);
      });
    }
  }

  Deno.test(`an answer in ${name} is decoded, whatever this runtime's fetch makes of it`, async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-encoding": name, connection: "close" });
      response.end(encode(utf8(ANSWER)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const { headers, body } = await fetch(`http://127.0.0.1:${port}/`);
      const plain = decoded({ headers, body: body! });
      assert.equal(await new Response(plain.body).text(), ANSWER);
      assert.equal(plain.headers.get("content-encoding"), null);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  Deno.test(`an answer in ${name} may be empty, short, end early, or break`, async () => {
    assert.equal((await seen(name, inPieces(bytesOf("")))).text, "");
    assert.equal((await seen(name, inPieces(bytesOf("x")))).text, "x");
    // Deno's decoder of brotli does not tell; the meter sees that the JSON is cut.
    const early = seen(name, inPieces(bytesOf(ANSWER, encode).slice(0, -9), 5));
    if (encode === gzipSync) await assert.rejects(early);
    else assert.ok(ANSWER.startsWith((await early).text));
    const broken = new ReadableStream<Uint8Array>({
      start: (controller) => controller.error(new Error("reset by peer")),
    });
    await assert.rejects(seen(name, broken), /reset by peer/);
  });
}

for (
  const name of ["gzip", "br", "deflate", "DEFLATE", "identity", "gzip, br", "GZIP, identity", ""]
) {
  Deno.test(`an answer in ${JSON.stringify(name)} passes as fetch gives it`, async () => {
    const answer = {
      headers: new Headers({ "content-encoding": name }),
      body: inPieces(bytesOf(ANSWER)),
    };
    const given = decoded(answer);
    assert.equal(given.headers, answer.headers);
    assert.equal(given.body, answer.body);
    await answer.body.cancel();
  });
}

for (const isRead of [false, true]) {
  const when = isRead ? "while it is read" : "before it is read";
  Deno.test(`an answer in GZIP that nobody wants any more ${when} is cancelled where it comes from`, async () => {
    let reason: unknown;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(utf8("{}")),
      cancel: (why) => void (reason = why),
    }, { highWaterMark: 0 });
    const plain = decoded({ headers: new Headers({ "content-encoding": "GZIP" }), body });
    const reader = plain.body.getReader();
    if (isRead) await reader.read();
    await reader.cancel("left");
    assert.equal(reason, "left");
  });
}

Deno.test("an answer in GZIP of which one byte alone is as in gzip passes as it is", async () => {
  for (const bytes of [[0x1f, 0x20], [0x20, 0x8b], [0x1f], [0x8b]]) {
    const headers = new Headers({ "content-encoding": "GZIP" });
    const { body } = decoded({ headers, body: inPieces(new Uint8Array(bytes)) });
    assert.deepEqual([...await new Response(body).bytes()], bytes);
  }
});

Deno.test("an answer in BR is text though what is looked at ends within a character", async () => {
  for (const before of [61, 62, 63]) {
    const text = "x".repeat(before) + "\u{1f600}".repeat(20);
    // The first 64 bytes come by themselves.
    assert.equal((await seen("BR", inPieces(bytesOf(text), 64))).text, text);
  }
});
