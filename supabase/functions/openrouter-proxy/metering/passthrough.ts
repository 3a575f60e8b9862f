/**
 * An answer's body on its way to the client: the same chunks, at the client's pace, seen by a meter.
 */
import { GatewayError } from "../errors.ts";
import { ClientDisconnected } from "../openrouter/forward.ts";
import type { Booking } from "./booking.ts";
import { eventBoundary } from "./event_boundary.ts";
import type { Meter } from "./meter.ts";

/** How long a stream of events may be silent before a comment tells both ends that it lives. */
const LONGEST_SILENCE_MS = 15_000;
const KEEP_ALIVE = new TextEncoder().encode(": keep-alive\n\n");

export interface Passage {
  body: ReadableStream<Uint8Array>;
  /** Closes the connection to OpenRouter. */
  abort(reason: unknown): void;
  meter: Meter;
  /** What ends when the body ends; null for requests that are not booked. */
  booking: Booking | null;
  /** Whether the body is a stream of server-sent events. */
  isEventStream: boolean;
  /** How long OpenRouter may be silent between two chunks. */
  idleTimeoutMs: number;
  /** Aborts when the client hangs up. */
  clientGone: AbortSignal;
}

/**
 * Passes a body on and ends the booking when it ends, however that happens. Nothing is buffered:
 * a chunk is read from OpenRouter when the client wants one, so that a slow client slows OpenRouter.
 */
export function passOn(passage: Passage): ReadableStream<Uint8Array> {
  const { meter, booking, isEventStream, idleTimeoutMs, clientGone } = passage;
  const reader = passage.body.getReader();
  const boundary = eventBoundary();
  const silenceMs = Math.min(LONGEST_SILENCE_MS, idleTimeoutMs / 4);
  /** The read that is under way; it outlives a pull that ended with a comment. */
  let reading: ReturnType<typeof reader.read> | null = null;
  let silentForMs = 0;

  /** The next chunk, or null when none came for a while. */
  async function nextWithin(ms: number) {
    reading ??= reader.read();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), ms);
    });
    try {
      const chunk = await Promise.race([reading, silence]);
      if (chunk !== null) reading = null;
      return chunk;
    } finally {
      clearTimeout(timer);
    }
  }

  function leave() {
    clientGone.removeEventListener("abort", leave);
    booking?.end({ kind: "client_disconnected" });
    passage.abort(new ClientDisconnected());
  }
  clientGone.addEventListener("abort", leave);

  function fail(controller: ReadableStreamDefaultController<Uint8Array>, error: GatewayError) {
    clientGone.removeEventListener("abort", leave);
    booking?.end({ kind: "broken", error });
    passage.abort(error);
    if (isEventStream && error.type === "upstream_timeout") {
      controller.enqueue(errorEvent(error, boundary.isAtEnd()));
      controller.close();
    } else {
      // The client must be able to tell: its connection breaks as OpenRouter's did.
      controller.error(error);
    }
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        let chunk: Awaited<ReturnType<typeof nextWithin>>;
        try {
          chunk = await nextWithin(silenceMs);
        } catch (cause) {
          const message = "OpenRouter's connection broke before the answer was complete";
          fail(controller, new GatewayError("upstream_unreachable", message, {}, {}, { cause }));
          return;
        }
        if (chunk === null) {
          silentForMs += silenceMs;
          if (silentForMs >= idleTimeoutMs) {
            const message = `OpenRouter was silent for ${idleTimeoutMs} ms within its answer`;
            fail(controller, new GatewayError("upstream_timeout", message));
            return;
          }
          if (!isEventStream || !boundary.isAtEnd()) continue;
          controller.enqueue(KEEP_ALIVE);
          return;
        }
        silentForMs = 0;
        if (chunk.done) {
          clientGone.removeEventListener("abort", leave);
          meter.end();
          booking?.end({ kind: "answered" });
          controller.close();
          return;
        }
        if (chunk.value.length === 0) continue;
        controller.enqueue(chunk.value);
        booking?.firstByte();
        meter.feed(chunk.value);
        if (isEventStream) boundary.feed(chunk.value);
        return;
      }
    },
    cancel: leave,
  }, { highWaterMark: 0 });
}

/** An event that the SDKs of every streaming endpoint raise as an error. */
function errorEvent({ status, type, message }: GatewayError, atBoundary: boolean): Uint8Array {
  const data = JSON.stringify({ type: "error", error: { code: status, type, message } });
  return new TextEncoder().encode(`${atBoundary ? "" : "\n\n"}event: error\ndata: ${data}\n\n`);
}
