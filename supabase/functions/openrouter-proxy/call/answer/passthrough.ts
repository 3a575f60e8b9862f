/**
 * An answer's body on its way to the client: the same chunks, at the client's pace, seen by a meter.
 */
import type { Booking, BookingEnding } from "../../books/booking.ts";
import type { Ending } from "../../books/verdict.ts";
import type { ChunkReader } from "../../bytes/chunk_reader.ts";
import { concat, CR, NO_BYTES, utf8 } from "../../bytes/encodings.ts";
import { ClientDisconnected, GatewayError } from "../../errors.ts";
import type { Meter } from "../../metering/meter.ts";
import { type SilenceWatch, silenceWatch } from "./silence_watch.ts";
import { type WholeEvents, wholeEvents } from "./whole_events.ts";

/** How long a connection may stay open on which everything has come; it is used again if it ends. */
const LONGEST_EPILOGUE_MS = 5_000;
/**
 * How long the event that tells of an error is ahead of the broken connection: whoever learns of both at
 * once, a proxy or a chain of streams, drops what it has not passed on.
 */
const ERROR_AHEAD_MS = 250;
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
  return new ReadableStream<Uint8Array>(new PassingBody(passage), { highWaterMark: 0 });
}

/** What a stream is made of whose bytes are a passage's. */
class PassingBody {
  readonly #passage: Passage;
  /** What holds the beginning of an event back; null: the body is no stream of events. */
  readonly #events: WholeEvents | null;
  readonly #watch: SilenceWatch;
  #output!: ReadableStreamDefaultController<Uint8Array>;
  #readBytes = 0;
  /** What the client last asked for, until it is there. */
  #pulled = Promise.resolve();
  /** Whether nobody takes the answer any more. */
  #isUnwanted = false;
  #isOver = false;
  #breaking: ReturnType<typeof setTimeout> | undefined;

  constructor(passage: Passage) {
    this.#passage = passage;
    this.#events = passage.errorEvents && wholeEvents();
    this.#watch = silenceWatch(passage.idleTimeoutMs, {
      onSilent: () => this.#fallSilent(),
      onStalled: () => this.#giveUp(),
      onQuiet: () => this.#keepAlive(),
    });
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>) {
    const { clientGone, length } = this.#passage;
    this.#output = controller;
    clientGone.addEventListener("abort", this.#leave);
    this.#watch.start();
    if (clientGone.aborted) this.#leave();
    else if (length === 0) this.#completeEarly();
  }

  /** It must bring something, and an empty chunk would end a chunked HTTP body. */
  pull(): Promise<void> {
    return this.#pulled = this.#readOn();
  }

  cancel() {
    clearTimeout(this.#breaking);
    this.#abandon();
  }

  // How bytes pass.

  /** Reads on until some of what comes may pass; a single time where nobody takes it any more. */
  #readOn(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#watch.reading();
    return this.#passage.reader.read().then(this.#hasRead, this.#isBroken);
  }

  readonly #hasRead = (chunk: Awaited<ReturnType<ChunkReader["read"]>>): void | Promise<void> => {
    this.#watch.hasRead();
    if (this.#isOver) return;
    if (chunk.done) return this.#complete();
    const hasPassed = chunk.value.length > 0 && this.#pass(chunk.value);
    if (!hasPassed && !this.#isUnwanted) return this.#readOn();
  };

  readonly #isBroken = (cause: unknown): void => {
    const message = "OpenRouter's connection broke before the answer was complete";
    this.#breakOff(new GatewayError("upstream_unreachable", message, { cause }));
  };

  /** @returns whether some of it has passed */
  #pass(chunk: Uint8Array): boolean {
    const { meter, booking, length } = this.#passage;
    booking?.firstByte();
    const metered = meter.feed(chunk);
    const passed = this.#put(this.#events?.feed(metered) ?? metered);
    if (passed > 0) this.#watch.hasPassed();
    this.#readBytes += chunk.length;
    if (this.#readBytes === length || this.#hasEnded(chunk)) this.#completeEarly();
    return passed > 0;
  }

  /** Passes bytes on to whoever is still there. @returns how many */
  #put(bytes: Uint8Array): number {
    if (bytes.length === 0) return 0;
    if (!this.#isUnwanted) this.#output.enqueue(bytes);
    return bytes.length;
  }

  /**
   * Tells a client that waits that the stream lives: between two events, and one comment at a time.
   *
   * @returns whether it was told
   */
  #keepAlive(): boolean {
    const isFull = this.#output.desiredSize !== 0;
    if (!this.#events?.isBetween() || this.#isUnwanted || isFull) return false;
    this.#output.enqueue(KEEP_ALIVE);
    return true;
  }

  /** Reads on for the books alone; nothing is kept of what comes. */
  async #hear() {
    await this.#pulled;
    while (!this.#isOver) await this.#readOn();
  }

  // How a passage ends.

  /** Ends the passage, once: the booking, and what the client sees if it is there. */
  #end(ending: BookingEnding, endOutput = () => this.#output.close()): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#watch.stop();
    this.#passage.clientGone.removeEventListener("abort", this.#leave);
    this.#passage.booking?.end(told(ending, this.#passage, this.#isUnwanted));
    if (!this.#isUnwanted) endOutput();
    return true;
  }

  #complete() {
    const { meter, whenRead } = this.#passage;
    const rest = meter.end();
    if (meter.isCut()) {
      this.#put(this.#events?.feed(rest) ?? rest);
      return this.#breakOff(endedEarly());
    }
    this.#put(this.#events === null ? rest : this.#lastOf(this.#events, rest));
    this.#end(meter.isEmpty() ? { kind: "empty" } : whenRead);
  }

  /** The last event may lack its end, but no more than that. */
  #lastOf(events: WholeEvents, rest: Uint8Array): Uint8Array {
    const whole = events.feed(rest);
    return this.#passage.meter.endsInHalf() ? whole : concat(whole, events.release());
  }

  /** Whether a stream's last event has come, with the end of its last line: a CR may be half of that. */
  #hasEnded(chunk: Uint8Array): boolean {
    return this.#passage.meter.isDone() && this.#events?.isAtEnd() === true && chunk.at(-1) !== CR;
  }

  /**
   * Ends the passage before the connection: at the last byte of a known length, because Deno's server
   * then cancels a body that is not closed; at the last event of a stream, because nothing follows.
   */
  #completeEarly() {
    this.#complete();
    letGo(this.#passage.reader, (reason) => this.#hangUp(reason));
  }

  /** Closes the connection to OpenRouter. */
  #hangUp(reason: unknown) {
    this.#passage.abort(reason);
    // What decodes the body ends by this. Where it is fetch's own, this rejects with the same reason.
    this.#passage.reader.cancel(reason).catch(() => {});
  }

  /** Ends the stream so that the client can tell: an event says why, and its connection breaks. */
  #breakOff(error: GatewayError) {
    // What breaks after the end of the answer breaks nothing.
    if (this.#isWhole()) return this.#closeOn(error);
    const isEnded = this.#end(
      { kind: "broken", sent: true, error },
      () => this.#tellAndBreak(error),
    );
    if (isEnded) this.#hangUp(error);
  }

  /** Ends the passage of an answer that has said that it is over, before its connection. */
  #closeOn(error: GatewayError) {
    if (this.#isOver) return;
    this.#complete();
    this.#hangUp(error);
  }

  /** Whether the answer is whole, although its connection has not ended. */
  #isWhole(): boolean {
    const { meter } = this.#passage;
    return meter.isDone() || meter.progress.hasLast ||
      (meter.progress.isOver && meter.observed.cost !== null);
  }

  #tellAndBreak(error: GatewayError) {
    const events = this.#lastEvents(error);
    if (events.length === 0) return this.#output.error(error);
    this.#output.enqueue(events);
    this.#breaking = setTimeout(() => this.#output.error(error), ERROR_AHEAD_MS);
  }

  /** What tells the client of the error, unless it has been told of one, or cannot be. */
  #lastEvents(error: GatewayError): Uint8Array {
    const { errorEvents, meter } = this.#passage;
    if (errorEvents === null || this.#events === null) return NO_BYTES;
    // An error of OpenRouter's own is a stream's last event, which may lack its end.
    if (meter.observed.error !== null) {
      const last = this.#lastOf(this.#events, meter.end());
      return last.length === 0 ? NO_BYTES : concat(last, EVENT_END);
    }
    // An event without its end is for nobody, unless too much of it has been passed on.
    return concat(this.#events.isBetween() ? NO_BYTES : EVENT_END, errorEvents(error));
  }

  /** The client is gone. */
  readonly #leave = () => {
    if (this.#isOver || this.#isUnwanted) return;
    this.#output.close();
    this.#abandon();
  };

  /** Should the client read on after all, it must not take a part of the answer for the whole. */
  #giveUp() {
    this.#output.error(new ClientDisconnected());
    this.#abandon();
  }

  /** Nobody takes the answer any more. */
  #abandon() {
    if (this.#isOver || this.#isUnwanted) return;
    this.#isUnwanted = true;
    if (this.#passage.whenHeard !== null) return void this.#hear();
    const { observed, progress } = this.#passage.meter;
    const hadUsage = observed.cost !== null && !progress.mayTellMore;
    this.#end({ kind: "left", sent: true, hadUsage });
    this.#hangUp(new ClientDisconnected());
  }

  #fallSilent() {
    const { idleTimeoutMs, meter } = this.#passage;
    const message = `OpenRouter was silent for ${idleTimeoutMs} ms within its answer`;
    const error = new GatewayError("upstream_timeout", message);
    // Some providers keep the connection open when they have said that they are done.
    if (meter.progress.isOver) this.#closeOn(error);
    else this.#breakOff(error);
  }
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
