/** Bodies that are read whole: errors, answers that begin a job, and what comes all at once. */
import { type ChunkReader, chunkReader } from "../bytes/chunk_reader.ts";
import { type Bytes, concat } from "../bytes/encodings.ts";
import { type CallLater, sharedTimer } from "../concurrency/shared_timer.ts";

/** More than any of them has; a worker may hold many at once. */
export const SMALL_BODY_BYTES = 128 * 1024;

const FLUSHED_AFTER_MS = 10;

type Read = ReturnType<ChunkReader["read"]>;

/** Calls back after as short a time as timers have. */
const soon = sharedTimer(0);

/** @returns the whole body, or, where it is larger than expected or breaks, a stream that is the same */
export function wholeIfSmall(
  body: ReadableStream<Uint8Array>,
): Promise<Bytes | ReadableStream<Uint8Array>> {
  return wholeBefore(null, body);
}

/**
 * What a server has written in one go passes for less in one piece, without a stream of its own. Of what
 * takes longer nothing is held back: its beginning may be what keeps a connection alive.
 *
 * @param later calls back when the body must have come
 * @returns the whole body, or, where it is larger, takes longer or breaks, a stream that is the same
 */
export async function wholeIfAtOnce(
  body: ReadableStream<Uint8Array>,
  later: CallLater = soon,
): Promise<Bytes | ReadableStream<Uint8Array>> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const stopWaiting = later(() => resolve(null));
  try {
    return await wholeBefore(late, body);
  } finally {
    stopWaiting();
  }
}

/**
 * The same of a body whose length is told, in one step of the runtime's: to read it chunk by chunk takes a
 * twentieth of a call's time. Such a step gives nothing of a body that breaks.
 *
 * @param abort ends the step
 */
export function wholeInOneStep(
  read: () => Promise<Bytes>,
  abort: (reason: unknown) => void,
  later: CallLater = soon,
): Promise<Bytes | ReadableStream<Uint8Array>> {
  const whole = read();
  return new Promise((resolve) => {
    const giveStream = () => resolve(streamOfWhole(whole, abort));
    const stopWaiting = later(giveStream);
    whole.then((bytes) => {
      stopWaiting();
      resolve(bytes);
    }, () => {
      stopWaiting();
      giveStream();
    });
  });
}

function streamOfWhole(
  whole: Promise<Bytes>,
  abort: (reason: unknown) => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      try {
        const bytes = await whole;
        if (bytes.length > 0) controller.enqueue(bytes);
        controller.close();
      } catch (error) {
        await flushed();
        controller.error(error);
      }
    },
    cancel: abort,
  }, { highWaterMark: 0 });
}

/** Deno 2.1.4 drops headers and bytes that are not on their way when a body breaks. */
function flushed(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, FLUSHED_AFTER_MS));
}

/** @param late what ends the wait; null: nothing does */
async function wholeBefore(
  late: Promise<null> | null,
  body: ReadableStream<Uint8Array>,
): Promise<Bytes | ReadableStream<Uint8Array>> {
  const reader = chunkReader(body);
  const chunks: Uint8Array[] = [];
  let size = 0;
  /** What is under way when the wait ends. */
  let reading: Read | null = null;
  try {
    while (size <= SMALL_BODY_BYTES) {
      reading = reader.read();
      const chunk = await (late === null ? reading : Promise.race([reading, late]));
      if (chunk === null) break;
      if (chunk.done) return chunks.length === 1 ? chunks[0] as Bytes : concat(...chunks);
      reading = null;
      chunks.push(chunk.value);
      size += chunk.value.length;
    }
  } catch {
    // Whoever reads the stream meets it there.
  }
  return streamOf(chunks, reading, reader);
}

/** @param reading what comes after the chunks; null: it has not been asked for */
function streamOf(
  chunks: Uint8Array[],
  reading: Read | null,
  reader: ChunkReader,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const kept = chunks.shift();
      if (kept !== undefined) return controller.enqueue(kept);
      const next = reading ?? reader.read();
      reading = null;
      try {
        const { done, value } = await next;
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        await flushed();
        controller.error(error);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
