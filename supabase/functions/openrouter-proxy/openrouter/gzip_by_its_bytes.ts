/**
 * Answers whose encoding is gzip by a name that fetch does not know: `GZIP`, `x-gzip`. Deno 2.1.4 leaves
 * them encoded, so that nothing of them is metered or redacted; newer versions decode the former and
 * leave its header, at which clients break. The bytes tell which it was.
 *
 * Source: RFC 9110 section 8.4.1 (names in any case) and 8.4.1.3 (`x-gzip`); RFC 1952 section 2.3.1.
 */
import { type ChunkReader, chunkReader } from "../bytes/chunk_reader.ts";
import { type Bytes, concat, NO_BYTES } from "../bytes/encodings.ts";

/** What every file of gzip begins with; no JSON, event or sound does. */
const MAGIC = [0x1f, 0x8b];

interface Encoded {
  headers: Headers;
  body: ReadableStream<Uint8Array>;
}

/** Whether an answer's encoding is gzip by a name that fetch does not know. */
export function isGzipByAnotherName(headers: Headers): boolean {
  const encoding = headers.get("content-encoding") ?? "";
  return encoding !== "gzip" && /^(?:x-)?gzip$/i.test(encoding);
}

/**
 * The same answer, decoded, without the headers that told of its encoding.
 *
 * @param answer one that `isGzipByAnotherName`
 */
export function decodedGzip(answer: Encoded): Encoded {
  const headers = new Headers(answer.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  const encoded = chunkReader(answer.body);
  let decoded: ChunkReader | undefined;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      decoded ??= (await decodedBody(encoded)).getReader();
      const { done, value } = await decoded.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => (decoded ?? encoded).cancel(reason),
  }, { highWaterMark: 0 });
  return { headers, body };
}

/** Waits for its beginning. */
async function decodedBody(reader: ChunkReader): Promise<ReadableStream<Uint8Array>> {
  let beginning: Bytes = NO_BYTES;
  while (beginning.length < MAGIC.length) {
    const { done, value } = await reader.read();
    if (done) break;
    beginning = concat(beginning, value);
  }
  const body = new ReadableStream<Bytes>({
    start(controller) {
      if (beginning.length > 0) controller.enqueue(beginning);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(concat(value));
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  const isGzip = MAGIC.every((byte, i) => beginning[i] === byte);
  return isGzip ? body.pipeThrough(new DecompressionStream("gzip")) : body;
}
