/**
 * Answers whose encoding is gzip by a name that fetch does not know: `GZIP`, `x-gzip`. Deno 2.1.4 leaves
 * them encoded, so that nothing of them is metered or redacted; newer versions decode the former and
 * leave its header, at which clients break. The bytes tell which it was.
 *
 * Source: RFC 9110 section 8.4.1 (names in any case) and 8.4.1.3 (`x-gzip`); RFC 1952 section 2.3.1.
 */
import { chunkReader } from "../bytes/chunk_reader.ts";
import { type Bytes, concat } from "../bytes/encodings.ts";

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
 * @throws what reading the beginning of the body throws
 */
export async function decodedGzip(answer: Encoded): Promise<Encoded> {
  const headers = new Headers(answer.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  const reader = chunkReader(answer.body);
  const chunks: Uint8Array[] = [];
  let beginning = concat();
  while (beginning.length < MAGIC.length) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    beginning = concat(...chunks);
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
  return { headers, body: isGzip ? body.pipeThrough(new DecompressionStream("gzip")) : body };
}
