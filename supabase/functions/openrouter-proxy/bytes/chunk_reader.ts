/**
 * A body's chunks, read through one buffer that is used again and again.
 *
 * Deno puts each chunk of a request or an answer, however small, into a new buffer of 64 KiB. With
 * that, the chunks of an event stream cost three times the CPU time and twice the memory of all else
 * that is done to them, and 8 000 chunks of one byte, kept, take 500 MB. A buffer of that size for one
 * small body costs a quarter of what a bare proxy spends on a call, so that it begins small.
 */
import { type Bytes, NO_BYTES } from "./encodings.ts";

/** As large as the chunks that Deno makes. */
const BUFFER_BYTES = 64 * 1024;
/** More than most bodies have. */
const FIRST_BUFFER_BYTES = 4 * 1024;
/** Buffers of that size that nobody uses any more: to make one costs more than what is done with it. */
const spareBuffers: Bytes[] = [];
const MAX_SPARE_BUFFERS = 256;
/** Those of a read that is given none, which Deno would make for each. */
const READ_OPTIONS = {};

export interface ChunkReader {
  /** The next chunk, in memory of its own. */
  read(): Promise<{ done: false; value: Uint8Array } | { done: true; value?: unknown }>;
  cancel(reason: unknown): Promise<void>;
}

/** Chunks that lie in the reader's own buffer, until they are given back. */
export interface LoanedChunks {
  /** The next chunk, once the last one has been given back. */
  read(): ReturnType<ChunkReader["read"]>;
  /** Says that a chunk is not looked at any more. */
  giveBack(chunk: Uint8Array): void;
  cancel(reason: unknown): Promise<void>;
}

export function chunkReader(body: ReadableStream<Uint8Array>): ChunkReader {
  const reader = byteReader(body);
  if (reader === null) return body.getReader();
  const { read, giveBack, cancel } = loans(reader, BUFFER_BYTES, spareBufferOf);
  return {
    async read() {
      const { done, value } = await read();
      if (done) {
        keepSpare(value);
        return { done };
      }
      const chunk = value.slice();
      giveBack(value);
      return { done, value: chunk };
    },
    cancel,
  };
}

/**
 * The same for a caller that copies each chunk to where it is to be: its buffer is never a spare one.
 *
 * @param bufferBytes how large the largest chunk can be, where the stream is one of bytes
 */
export function loanedChunks(
  body: ReadableStream<Uint8Array>,
  bufferBytes: number,
): LoanedChunks {
  const byteStream = byteReader(body);
  if (byteStream !== null) return loans(byteStream, bufferBytes, (size) => new Uint8Array(size));
  const reader = body.getReader();
  return {
    read: () => reader.read(),
    giveBack() {},
    cancel: (reason) => reader.cancel(reason),
  };
}

function loans(
  reader: ReadableStreamBYOBReader,
  bufferBytes: number,
  firstBufferOf: (bytes: number) => Bytes,
): LoanedChunks {
  let capacity = Math.min(FIRST_BUFFER_BYTES, bufferBytes);
  let buffer = firstBufferOf(capacity);
  return {
    // The buffer is the stream's from here on; it comes back with the chunk.
    read: () => reader.read(buffer, READ_OPTIONS),
    giveBack(chunk) {
      if (chunk.length < capacity || capacity === bufferBytes) {
        buffer = new Uint8Array(chunk.buffer as ArrayBuffer);
        return;
      }
      capacity = Math.min(4 * capacity, bufferBytes);
      buffer = new Uint8Array(capacity);
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

function spareBufferOf(capacity: number): Bytes {
  const spare = capacity === FIRST_BUFFER_BYTES ? spareBuffers.pop() : undefined;
  return spare ?? new Uint8Array(capacity);
}

/** @param rest what the end of a stream came with: its reader's buffer, with no bytes in it */
function keepSpare(rest: unknown): void {
  const { buffer } = rest instanceof Uint8Array ? rest : NO_BYTES;
  if (buffer.byteLength !== FIRST_BUFFER_BYTES || spareBuffers.length >= MAX_SPARE_BUFFERS) return;
  spareBuffers.push(new Uint8Array(buffer as ArrayBuffer));
}

/**
 * Null for a stream that is not one of bytes: Deno's are, those that JavaScript makes need not be. And for
 * one that somebody else reads, of which no reader is to be had either way.
 */
function byteReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | null {
  try {
    return body.getReader({ mode: "byob" });
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
