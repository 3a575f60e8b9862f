/**
 * An answer's body on its way to the client: the same chunks, at the client's pace, seen by a meter.
 */
import type { Booking, BookingEnding } from "../books/booking.ts";
import type { Ending } from "../books/verdict.ts";
import type { ChunkReader } from "../bytes/chunk_reader.ts";
import { concat, utf8 } from "../bytes/encodings.ts";
import { ClientDisconnected, GatewayError } from "../errors.ts";
import type { Meter } from "../metering/meter.ts";
import { silenceWatch } from "./silence_watch.ts";
import { wholeEvents } from "./whole_events.ts";

/** How long a connection may stay open on which everything has come; it is used again if it ends. */
const LONGEST_EPILOGUE_MS = 5_000;
/**
 * How long the event that tells of an error is ahead of the broken connection: whoever learns of both at
 * once, a proxy or a chain of streams, drops what it has not passed on.
 */
const ERROR_AHEAD_MS = 250;
const CR = 0x0d;
const NO_BYTES: Uint8Array = new Uint8Array();
const KEEP_ALIVE = utf8(": keep-alive\n\n");
const EVENT_END = utf8("\n\n");

export interface Passage {
  /** OpenRouter's body. */
  reader: ChunkReader;
  /** How many bytes the client was told to expect; null: it was not told. */
  length: number | null;
  /** Closes the connection to OpenRouter. */
  abort(reason: unknown): void;
  meter: Meter;
  /** What ends when the body ends; null for requests that are not booked. */
  booking: Booking | null;
  /** How the booking ends when the whole body was read; where that is no answer, however it ends. */
  whenRead: BookingEnding;
  /**
   * How it ends where the body is read to its end although the client has left, because OpenRouter
   * bills all of it; null: the connection to OpenRouter is closed with the client's.
   */
  whenHeard: Ending | null;
  /** The events that tell the client of an error; null: the body is no stream of events. */
  errorEvents: ((error: GatewayError) => Uint8Array) | null;
  /** How long OpenRouter may be silent between two chunks. */
  idleTimeoutMs: number;
  /** Aborts when the client hangs up. */
  clientGone: AbortSignal;
}

/**
 * Passes a body on and ends the booking when it ends, however that happens. A chunk is read from
 * OpenRouter when the client wants one, so that a slow client slows OpenRouter.
 */
export function passOn(passage: Passage): ReadableStream<Uint8Array> {
  const { reader, meter, booking, errorEvents, idleTimeoutMs, clientGone } = passage;
  /** What holds the beginning of an event back; null: the body is no stream of events. */
  const events = errorEvents && wholeEvents();
  const watch = silenceWatch(idleTimeoutMs, {
    onSilent: fallSilent,
    onStalled: giveUp,
    onQuiet: keepAlive,
  });
  let breaking: ReturnType<typeof setTimeout> | undefined;

  let readBytes = 0;
  /** What the client last asked for, until it is there. */
  let pulled = Promise.resolve();
  /** Whether nobody takes the answer any more. */
  let isUnwanted = false;
  let isOver = false;
  let output: ReadableStreamDefaultController<Uint8Array>;

  /** Ends the passage, once: the booking, and what the client sees if it is there. */
  function end(ending: BookingEnding, endOutput: () => void): boolean {
    if (isOver) return false;
    isOver = true;
    watch.stop();
    clientGone.removeEventListener("abort", leave);
    booking?.end(told(ending, passage, isUnwanted));
    if (!isUnwanted) endOutput();
    return true;
  }

  /** Closes the connection to OpenRouter. */
  function hangUp(reason: unknown) {
    passage.abort(reason);
    // Deno's fetch forgets its signal once its Response is collected as garbage: then only this
    // closes the connection. Where the signal did it, this rejects with the same reason.
    reader.cancel(reason).catch(() => {});
  }

  const close = () => output.close();

  /** Whether the answer is whole, although its connection has not ended. */
  const isWhole = () =>
    meter.isDone() || meter.progress.hasLast ||
    (meter.progress.isOver && meter.observed.cost !== null);

  /** Ends the stream so that the client can tell: an event says why, and its connection breaks. */
  function breakOff(error: GatewayError) {
    // What breaks after the end of the answer breaks nothing.
    const isEnded = isWhole()
      ? end(passage.whenRead, close)
      : end({ kind: "broken", sent: true, error }, () => tellAndBreak(error));
    if (isEnded) hangUp(error);
  }

  function tellAndBreak(error: GatewayError) {
    // An error of OpenRouter's own is a stream's last event.
    if (errorEvents === null || meter.observed.error !== null) return output.error(error);
    // An event without its end is for nobody, unless too much of it has been passed on.
    const gap = events?.isBetween() ? NO_BYTES : EVENT_END;
    output.enqueue(concat(gap, errorEvents(error)));
    breaking = setTimeout(() => output.error(error), ERROR_AHEAD_MS);
  }

  /** Passes bytes on to whoever is still there. @returns how many */
  function put(bytes: Uint8Array): number {
    if (bytes.length === 0) return 0;
    if (!isUnwanted) output.enqueue(bytes);
    return bytes.length;
  }

  function complete() {
    const rest = meter.end();
    if (meter.isCut()) {
      put(events?.feed(rest) ?? rest);
      return breakOff(endedEarly());
    }
    put(events === null ? rest : concat(events.feed(rest), events.release()));
    end(meter.isEmpty() ? { kind: "empty" } : passage.whenRead, close);
  }

  /**
   * Ends the passage before the connection: at the last byte of a known length, because Deno's server
   * then cancels a body that is not closed; at the last event of a stream, because nothing follows.
   */
  function completeEarly() {
    complete();
    letGo(reader, hangUp);
  }

  /** The client is gone. */
  function leave() {
    if (isOver || isUnwanted) return;
    close();
    abandon();
  }

  /** Should the client read on after all, it must not take a part of the answer for the whole. */
  function giveUp() {
    output.error(new ClientDisconnected());
    abandon();
  }

  /** Nobody takes the answer any more. */
  function abandon() {
    if (isOver || isUnwanted) return;
    isUnwanted = true;
    if (passage.whenHeard !== null) return void hear();
    const hadUsage = meter.observed.cost !== null;
    end({ kind: "left", sent: true, hadUsage }, close);
    hangUp(new ClientDisconnected());
  }

  /** Reads on for the books alone; nothing is kept of what comes. */
  async function hear() {
    await pulled;
    while (!isOver) await passNext();
  }

  function fallSilent() {
    const message = `OpenRouter was silent for ${idleTimeoutMs} ms within its answer`;
    const error = new GatewayError("upstream_timeout", message);
    // Some providers keep the connection open when they have said that they are done.
    if (events === null || !meter.progress.isOver) return breakOff(error);
    end(passage.whenRead, close);
    hangUp(error);
  }

  /**
   * Tells a client that waits that the stream lives: between two events, and one comment at a time.
   *
   * @returns whether it was told
   */
  function keepAlive(): boolean {
    if (!events?.isBetween() || isUnwanted || output.desiredSize !== 0) return false;
    output.enqueue(KEEP_ALIVE);
    return true;
  }

  /** Whether a stream's last event has come, with the end of its last line: a CR may be half of that. */
  function hasEnded(chunk: Uint8Array): boolean {
    return meter.isDone() && events?.isAtEnd() === true && chunk.at(-1) !== CR;
  }

  /** Passes on what comes next, once some of it may pass. */
  async function passSome() {
    while (!isOver && !isUnwanted && !await passNext());
  }

  /** Passes the next chunk on. False: nothing of it may pass yet. */
  async function passNext(): Promise<boolean> {
    let chunk: Awaited<ReturnType<typeof reader.read>>;
    watch.reading();
    try {
      chunk = await reader.read();
    } catch (cause) {
      const message = "OpenRouter's connection broke before the answer was complete";
      breakOff(new GatewayError("upstream_unreachable", message, { cause }));
      return true;
    }
    watch.hasRead();
    if (isOver) return true;
    if (chunk.done) {
      complete();
      return true;
    }
    if (chunk.value.length === 0) return false;
    booking?.firstByte();
    const metered = meter.feed(chunk.value);
    const passed = put(events?.feed(metered) ?? metered);
    if (passed > 0) watch.hasPassed();
    readBytes += chunk.value.length;
    if (readBytes === passage.length || hasEnded(chunk.value)) completeEarly();
    return isOver || passed > 0;
  }

  return new ReadableStream<Uint8Array>({
    start(controller) {
      output = controller;
      clientGone.addEventListener("abort", leave);
      watch.start();
      if (clientGone.aborted) leave();
      else if (passage.length === 0) completeEarly();
    },
    // A pull must bring something, and an empty chunk would end a chunked HTTP body.
    pull: () => pulled = passSome(),
    cancel() {
      clearTimeout(breaking);
      abandon();
    },
  }, { highWaterMark: 0 });
}

/** What is wrong with an answer that its meter calls cut. */
export function endedEarly(): GatewayError {
  const message = "OpenRouter's answer ended before it was complete";
  return new GatewayError("upstream_unreachable", message);
}

/** Waits for the end of a connection on which everything has come, and then closes it. */
async function letGo(reader: ChunkReader, hangUp: (reason: unknown) => void): Promise<void> {
  const timer = setTimeout(() => hangUp(new ClientDisconnected()), LONGEST_EPILOGUE_MS);
  try {
    // The end, which lets go of fetch's connection.
    while (!(await reader.read()).done);
  } catch {
    // Whatever happens to a connection on which everything has come is nobody's concern.
  } finally {
    clearTimeout(timer);
  }
}

/**
 * How a booking ends whose body ended so. What a status says of a call holds whatever becomes of the
 * body; and whoever did not wait for the answer did not get it.
 */
export function told(
  ending: BookingEnding,
  { whenRead, whenHeard }: Pick<Passage, "whenRead" | "whenHeard">,
  isUnwanted: boolean,
): BookingEnding {
  if (whenRead.kind !== "answered") return whenRead;
  return isUnwanted ? whenHeard ?? ending : ending;
}
