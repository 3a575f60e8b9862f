/**
 * An answer's body on its way to the client: the same chunks, at the client's pace, seen by a meter.
 */
import { GatewayError } from "../errors.ts";
import type { Booking } from "./booking.ts";
import type { Meter } from "./meter.ts";

/**
 * Passes a body on and ends the booking when it ends, however that happens. Nothing is buffered:
 * a chunk is read from OpenRouter when the client wants one, so that a slow client slows OpenRouter.
 *
 * @param abort closes the connection to OpenRouter
 */
export function meteredBody(
  upstream: ReadableStream<Uint8Array>,
  meter: Meter,
  booking: Booking,
  abort: (reason: unknown) => void,
): ReadableStream<Uint8Array> {
  const reader = upstream.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      let chunk: ReadableStreamReadResult<Uint8Array>;
      try {
        chunk = await reader.read();
      } catch (error) {
        // The client must be able to tell: its connection breaks as OpenRouter's did.
        controller.error(error);
        const broken = new GatewayError(
          "upstream_unreachable",
          "OpenRouter's connection broke before the answer was complete",
        );
        booking.end({ kind: "broken", error: broken }, meter.observed);
        return;
      }
      if (chunk.done) {
        meter.end();
        booking.end({ kind: "answered" }, meter.observed);
        controller.close();
        return;
      }
      controller.enqueue(chunk.value);
      booking.firstByte();
      meter.feed(chunk.value);
    },
    cancel(reason) {
      booking.end({ kind: "client_disconnected" }, meter.observed);
      abort(reason);
    },
  }, { highWaterMark: 0 });
}
