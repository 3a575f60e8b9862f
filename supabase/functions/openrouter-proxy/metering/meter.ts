/**
 * Reads an answer's own account of itself from its bytes while they pass, and takes the operator's
 * identifiers out of them.
 *
 * A meter looks at each chunk and keeps next to nothing of it: a JSON answer and the data of an event
 * are scanned, never held, however long they are.
 */
import { JsonScanner, type JsonVisitor } from "../bytes/json_scanner.ts";
import { answerReading, errorReading } from "./answer_reading.ts";
import { EventStream } from "./event_stream.ts";
import {
  announcesItsEnd,
  nothingObserved,
  observe,
  type Observed,
  saysItStopped,
} from "./usage.ts";

export interface Meter {
  /** @returns what is to be passed on, of this chunk and what was held back before; it may be empty */
  feed(chunk: Uint8Array): Uint8Array;
  /** No more bytes will come. @returns what was held back */
  end(): Uint8Array;
  /** Whether a stream that says when it is over has ended without that. */
  isCut(): boolean;
  /** What was learnt so far. */
  readonly observed: Observed;
}

export interface Metered {
  /** The answer's content-type, as it came. */
  contentType: string | null;
  /** Whether its status says that it is an error: then all of it is one. */
  isError: boolean;
  /** Whether as many bytes must come out as go in. */
  keepsLength: boolean;
}

/** Far more than answers have. */
const BOUNDS = { maxDepth: 512, maxValues: Infinity };
const NO_BYTES: Uint8Array = new Uint8Array();

export function createMeter({ contentType, isError, keepsLength }: Metered): Meter {
  const observed = nothingObserved();
  const type = mediaType(contentType);
  if (isEventStream(contentType)) return streamMeter(observed);
  if (type !== "application/json" && !type.endsWith("+json")) return blindMeter(observed);
  return jsonMeter(
    observed,
    isError
      ? errorReading(keepsLength)
      : answerReading((message) => observe(observed, message), keepsLength),
  );
}

/** Whether an answer is a stream of server-sent events. */
export function isEventStream(contentType: string | null): boolean {
  return mediaType(contentType) === "text/event-stream";
}

function mediaType(contentType: string | null): string {
  return (contentType ?? "").split(";")[0]!.trim().toLowerCase();
}

function blindMeter(observed: Observed): Meter {
  return { observed, feed: (chunk) => chunk, end: () => NO_BYTES, isCut: () => false };
}

function jsonMeter(observed: Observed, reading: JsonVisitor): Meter {
  const scanner = new JsonScanner(reading, BOUNDS);
  return {
    observed,
    feed: (chunk) => scanner.feed(chunk),
    end: () => scanner.release(),
    isCut: () => false,
  };
}

function streamMeter(observed: Observed): Meter {
  /** Whether this is a stream that says when it is over, and whether it has. */
  let hasAnEnd = false;
  let isOver = false;
  const tell = (message: unknown) => {
    observe(observed, message);
    hasAnEnd ||= announcesItsEnd(message);
    isOver ||= saysItStopped(message);
  };
  const stream = new EventStream({
    reading: answerReading(tell, false),
    bounds: BOUNDS,
    onDone: () => isOver = true,
  });
  return {
    observed,
    feed: (chunk) => stream.feed(chunk),
    end: () => stream.end(),
    isCut() {
      const { outputTokens, cost, error } = observed;
      return hasAnEnd && !isOver && outputTokens === null && cost === null && error === null;
    },
  };
}
