/**
 * Answers whose content coding has a name that not every fetch knows: `GZIP`, `x-gzip`, `BR`. Deno 2.1.4
 * leaves them encoded, so that nothing of them is metered or redacted; newer versions decode some, and
 * leave the header, at which clients break. The bytes tell which it was.
 *
 * Source: RFC 9110 section 8.4.1 (names in any case) and 8.4.1.3 (`x-gzip`).
 */
import { type ChunkReader, chunkReader } from "../bytes/chunk_reader.ts";
import { type Bytes, concat, NO_BYTES, strictDecoder } from "../bytes/encodings.ts";

interface Content {
  headers: Headers;
  body: ReadableStream<Uint8Array>;
}

interface Coding {
  /** As much as tells whether a body is encoded. */
  headBytes: number;
  isCoded(head: Uint8Array): boolean;
  decoder(): Promise<ReadableWritablePair<Uint8Array, Bytes>>;
}

const GZIP: Coding = {
  headBytes: 2,
  // RFC 1952 section 2.3.1.
  isCoded: ([first, second]) => first === 0x1f && second === 0x8b,
  decoder: () => Promise.resolve(new DecompressionStream("gzip")),
};

const BROTLI: Coding = {
  headBytes: 64,
  // It has no magic number, but its bytes are no text.
  isCoded: (head) => !isText(head),
  async decoder() {
    const { createBrotliDecompress } = await import("node:zlib");
    const { Duplex } = await import("node:stream");
    return Duplex.toWeb(createBrotliDecompress()) as ReadableWritablePair<Uint8Array, Bytes>;
  },
};

const CODINGS: Readonly<Record<string, Coding>> = { gzip: GZIP, "x-gzip": GZIP, br: BROTLI };
/** What fetch decodes, and takes the header away. */
const KNOWN_TO_FETCH = ["gzip", "br"];
/** But for line ends, and tabs. */
// deno-lint-ignore no-control-regex -- they are what no text has
const CONTROL_CHARACTER = /[\0-\x08\x0e-\x1f]/;

/** The same answer as plain bytes, and without the headers that told otherwise. */
export function decoded(content: Content): Content {
  const { headers, body } = content;
  const name = headers.get("content-encoding") ?? "";
  const coding = name.toLowerCase();
  if (KNOWN_TO_FETCH.includes(name) || !Object.hasOwn(CODINGS, coding)) return content;
  const plain = new Headers(headers);
  plain.delete("content-encoding");
  plain.delete("content-length");
  return { headers: plain, body: decodedBody(chunkReader(body), CODINGS[coding]!) };
}

/** Looks at how it begins when it is read: the answer's headers wait for nothing. */
function decodedBody(encoded: ChunkReader, coding: Coding): ReadableStream<Uint8Array> {
  let plain: ChunkReader | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      plain ??= await plainReader(encoded, coding);
      const { done, value } = await plain.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => (plain ?? encoded).cancel(reason),
  }, { highWaterMark: 0 });
}

async function plainReader(reader: ChunkReader, coding: Coding): Promise<ChunkReader> {
  let head: Bytes = NO_BYTES;
  while (head.length < coding.headBytes) {
    const { done, value } = await reader.read();
    if (done) break;
    head = concat(head, value);
  }
  const body = new ReadableStream<Bytes>({
    start(controller) {
      if (head.length > 0) controller.enqueue(head);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(concat(value));
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  const isPlain = head.length === 0 || !coding.isCoded(head);
  return (isPlain ? body : body.pipeThrough(await coding.decoder())).getReader();
}

function isText(head: Uint8Array): boolean {
  try {
    return !CONTROL_CHARACTER.test(strictDecoder().decode(head, { stream: true }));
  } catch {
    return false;
  }
}
