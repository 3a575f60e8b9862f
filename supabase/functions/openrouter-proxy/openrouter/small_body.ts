/** Bodies that are read whole because they are small: errors, and answers that begin a job. */
import { type Bytes, concat } from "../bytes/encodings.ts";
import { chunkReader } from "../bytes/chunk_reader.ts";

/** More than any of them has; a worker may hold many at once. */
export const SMALL_BODY_BYTES = 128 * 1024;

const FLUSHED_AFTER_MS = 10;

/** @returns the whole body, or, where it is larger than expected or breaks, a stream that is the same */
export async function wholeIfSmall(
  body: ReadableStream<Uint8Array>,
): Promise<Bytes | ReadableStream<Uint8Array>> {
  const reader = chunkReader(body);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let failure: { error: unknown } | null = null;
  try {
    while (size <= SMALL_BODY_BYTES) {
      const { done, value } = await reader.read();
      if (done) return concat(...chunks);
      chunks.push(value);
      size += value.length;
    }
  } catch (error) {
    failure = { error };
  }
  return new ReadableStream({
    async pull(controller) {
      const kept = chunks.shift();
      if (kept !== undefined) return controller.enqueue(kept);
      if (failure !== null) {
        // Deno 2.1.4 drops headers and bytes that are not on their way when a body breaks.
        await new Promise((resolve) => setTimeout(resolve, FLUSHED_AFTER_MS));
        return controller.error(failure.error);
      }
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
