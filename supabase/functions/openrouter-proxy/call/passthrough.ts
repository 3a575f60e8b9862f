/**
 * An answer's body on its way to the client: the same chunks, at the client's pace, seen by a meter.
 */
import { ClientDisconnected, GatewayError } from "../errors.ts";
import type { Booking, Ending } from "../books/booking.ts";
import { chunkReader } from "../bytes/chunk_reader.ts";
import { eventBoundary } from "./event_boundary.ts";
import type { Meter } from "../metering/meter.ts";

/** How long a stream of events may be silent before a comment tells both ends that it lives. */
const LONGEST_SILENCE_MS = 15_000;
/**
 * How long a client may take nothing. The kernel asks for more in steps of a megabyte or two: one that
 * reads a kilobyte a second takes nothing for half an hour.
 */
const LONGEST_STALL_MS = 3_600_000;
const KEEP_ALIVE = new TextEncoder().encode(": keep-alive\n\n");

export interface Passage {
  body: ReadableStream<Uint8Array>;
  /** How many bytes the client was told to expect; null: it was not told. */
  length: number | null;
  /** Closes the connection to OpenRouter. */
  abort(reason: unknown): void;
  meter: Meter;
  /** What ends when the body ends; null for requests that are not booked. */
  booking: Booking | null;
  /** How the booking ends when the whole body was read. */
  whenRead: Ending;
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
  const reader = chunkReader(passage.body);
  const boundary = eventBoundary();
  const silenceMs = Math.min(LONGEST_SILENCE_MS, idleTimeoutMs / 4);
  /** Whether a read is under way; otherwise the client is the slow one. */
  let isReading = false;
  /** When the side that is to act now became that. */
  let waitingSince = performance.now();
  /** When the client last got something. */
  let quietSince = waitingSince;
  /** One timer a stream, not one a chunk. */
  let ticker: ReturnType<typeof setInterval> | undefined;

  let readBytes = 0;
  let isOver = false;
  let output: ReadableStreamDefaultController<Uint8Array>;

  /** Ends the passage. False: it had ended before. */
  function finish(ending: Ending): boolean {
    if (isOver) return false;
    isOver = true;
    clearInterval(ticker);
    clientGone.removeEventListener("abort", leave);
    booking?.end(ending);
    return true;
  }

  /** Closes the connection to OpenRouter. */
  function hangUp(reason: unknown) {
    passage.abort(reason);
    // Deno's fetch forgets its signal once its Response is collected as garbage: then only this
    // closes the connection. Where the signal did it, this rejects with the same reason.
    reader.cancel(reason).catch(() => {});
  }

  /** Ends the stream so that the client can tell: its connection breaks as OpenRouter's did. */
  function breakOff(error: GatewayError) {
    if (!finish({ kind: "broken", error })) return;
    output.error(error);
    hangUp(error);
  }

  function complete() {
    const rest = meter.end();
    if (rest.length > 0) output.enqueue(rest);
    if (meter.isCut()) {
      const message = "OpenRouter's answer ended before it was complete";
      return breakOff(new GatewayError("upstream_unreachable", message));
    }
    finish(passage.whenRead);
    output.close();
  }

  /** At the last byte of a known length: Deno's server then cancels a body that is not closed. */
  function completeEarly() {
    complete();
    // The end, which lets go of fetch's connection.
    reader.read().catch(() => {});
  }

  function cancel() {
    if (finish({ kind: "client_disconnected" })) hangUp(new ClientDisconnected());
  }

  function leave() {
    if (isOver) return;
    cancel();
    output.close();
  }

  /** Should the client read on after all, it must not take a part of the answer for the whole. */
  function giveUp() {
    cancel();
    output.error(new ClientDisconnected());
  }

  function fallSilent() {
    const message = `OpenRouter was silent for ${idleTimeoutMs} ms within its answer`;
    const error = new GatewayError("upstream_timeout", message);
    if (!isEventStream) return breakOff(error);
    finish({ kind: "broken", error });
    output.enqueue(errorEvent(error, boundary.isAtEnd()));
    output.close();
    hangUp(error);
  }

  function tick() {
    const now = performance.now();
    const waitedMs = now - waitingSince;
    if (!isReading) {
      if (waitedMs >= LONGEST_STALL_MS) giveUp();
    } else if (waitedMs >= idleTimeoutMs) fallSilent();
    // Between two events, and only where the client has taken the last comment.
    else if (
      now - quietSince >= silenceMs && isEventStream && boundary.isAtEnd() &&
      output.desiredSize === 0
    ) {
      output.enqueue(KEEP_ALIVE);
      quietSince = now;
    }
  }

  /** Passes the next chunk on. False: nothing of it may pass yet. */
  async function passNext(): Promise<boolean> {
    let chunk: Awaited<ReturnType<typeof reader.read>>;
    isReading = true;
    waitingSince = performance.now();
    try {
      chunk = await reader.read();
    } catch (cause) {
      const message = "OpenRouter's connection broke before the answer was complete";
      breakOff(new GatewayError("upstream_unreachable", message, { cause }));
      return true;
    }
    isReading = false;
    waitingSince = performance.now();
    if (isOver) return true;
    if (chunk.done) {
      complete();
      return true;
    }
    if (chunk.value.length === 0) return false;
    booking?.firstByte();
    const passed = meter.feed(chunk.value);
    if (passed.length > 0) {
      output.enqueue(passed);
      quietSince = performance.now();
      if (isEventStream) boundary.feed(passed);
    }
    readBytes += chunk.value.length;
    if (readBytes === passage.length) completeEarly();
    return isOver || passed.length > 0;
  }

  return new ReadableStream<Uint8Array>({
    start(controller) {
      output = controller;
      clientGone.addEventListener("abort", leave);
      ticker = setInterval(tick, silenceMs / 2);
      if (clientGone.aborted) leave();
      else if (passage.length === 0) completeEarly();
    },
    async pull() {
      // A pull must bring something, and an empty chunk would end a chunked HTTP body.
      while (!isOver && !await passNext());
    },
    cancel,
  }, { highWaterMark: 0 });
}

/** An event that the SDKs of every streaming endpoint raise as an error. */
function errorEvent({ status, type, message }: GatewayError, atBoundary: boolean): Uint8Array {
  const data = JSON.stringify({ type: "error", error: { code: status, type, message } });
  return new TextEncoder().encode(`${atBoundary ? "" : "\n\n"}event: error\ndata: ${data}\n\n`);
}
