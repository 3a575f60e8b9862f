/**
 * OpenRouter's answer, made the client's: status, headers and bytes as they came, past the meter.
 */
import { chunkReader, loanedChunks } from "../../bytes/chunk_reader.ts";
import { type Bytes, concat } from "../../bytes/encodings.ts";
import { gatheredChunks } from "../../bytes/gathered_chunks.ts";
import type { CallLater } from "../../concurrency/shared_timer.ts";
import { redactedError } from "../../openrouter/identifiers.ts";
import type { Upstream } from "../../openrouter/forward.ts";
import { lengthOf, responseHeaders } from "../../openrouter/headers.ts";
import { SMALL_BODY_BYTES, wholeIfAtOnce, wholeInOneStep } from "../../openrouter/small_body.ts";
import type { BookingEnding } from "../../books/booking.ts";
import { kindToldBy } from "../../metering/answer_kind.ts";
import { createMeter, isEventStream, type Meter } from "../../metering/meter.ts";
import { identifier } from "../../metering/told_values.ts";
import type { GatewayError } from "../../errors.ts";
import type { SeenStream } from "./error_event.ts";
import { endedEarly, type Passage, passOn, told } from "./passthrough.ts";

/** Statuses that say themselves that there is no answer to read (RFC 9110 sections 15.3.5 and 15.3.6). */
const WITHOUT_CONTENT = new Set([204, 205]);

/** More than most events have. */
const EVENTS_BUFFER_BYTES = 16 * 1024;

/** What becomes of an answer. */
export interface AnswerOptions extends
  Pick<
    Passage,
    "booking" | "whenRead" | "whenHeard" | "idleTimeoutMs" | "clientGone"
  > {
  /** The key that made the call; null: it went without one. */
  apiKey: string | null;
  /** Where a URL of OpenRouter's API is reached through the gateway; null: answers have none. */
  linkOf: ((url: string) => string | null) | null;
  /**
   * What tells a client of an error within a stream, of which it has seen so much; null where the body is
   * none.
   */
  errorEvents: ((error: GatewayError, seen: SeenStream) => Uint8Array) | null;
}

/**
 * A JSON answer, as a whole where it comes at once: nobody can make anything of a part of it.
 *
 * @param later calls back when it must have come
 */
export function wholeIfJson(
  upstream: Upstream,
  later?: CallLater,
): Promise<Upstream> | Upstream {
  const { status, headers, body, readWhole, abort } = upstream;
  const length = headers.get("content-length");
  const isSmall = Number(length) <= SMALL_BODY_BYTES;
  if (!(body instanceof ReadableStream) || !isSmall) return upstream;
  if (kindToldBy(headers.get("content-type")) !== "json") return upstream;
  // Of an encoded body the length counts other bytes.
  const reading = readWhole && length !== null && !headers.has("content-encoding")
    ? wholeInOneStep(readWhole, abort, later)
    : wholeIfAtOnce(body, later);
  return reading.then((whole) => ({ status, headers, body: whole, abort }));
}

/** @throws {GatewayError} upstream_unreachable where what is here as a whole is a part of an answer */
export function clientAnswer(upstream: Upstream, options: AnswerOptions): Response {
  const { apiKey, booking, whenRead, linkOf, errorEvents } = options;
  const { status, body } = upstream;
  const contentType = upstream.headers.get("content-type");
  const isEvents = isEventStream(contentType);
  // Redaction and the gateway's own events change how many bytes there are.
  const mayDiffer = body instanceof Uint8Array || isEvents || linkOf !== null;
  const length = mayDiffer ? null : lengthOf(upstream.headers);
  const meter = createMeter({
    contentType,
    isError: status >= 400 && body instanceof ReadableStream,
    keepsLength: length !== null,
    linkOf,
  });
  const generationId = identifier(upstream.headers.get("x-generation-id"));
  booking?.answering({
    httpStatus: status,
    generationId,
    apiKey,
    isCacheHit: upstream.headers.get("x-openrouter-cache-status")?.toUpperCase() === "HIT",
    observed: meter.observed,
    progress: meter.progress,
  });
  if (body instanceof ReadableStream) {
    const passed = passOn({
      ...options,
      reader: isEvents
        ? gatheredChunks(loanedChunks(body, EVENTS_BUFFER_BYTES))
        : chunkReader(body),
      length: length === null ? null : Number(length),
      abort: upstream.abort,
      meter,
      errorEvents: isEvents && errorEvents
        ? (error) => errorEvents(error, seenOf(meter, generationId))
        : null,
    });
    return answerOf(passed, upstream, length);
  }
  if (status < 400 && body !== null && body.length > 0) booking?.firstByte();
  const passed = body && joined(meter.feed(body), meter.end());
  // Events that call themselves JSON: of them the client has got nothing yet.
  if (whenRead.kind === "answered" && meter.isCut()) throw endedEarly();
  booking?.end(endingOfWhole(status, meter, options));
  // The meter gives up errors that are too large to be held back; this one is here as a whole.
  const clean = body !== null && status >= 400 ? concat(redactedError(body)) : passed;
  return answerOf(clean, upstream, length);
}

function joined(bytes: Uint8Array, rest: Uint8Array): Bytes {
  return rest.length === 0 ? bytes as Bytes : concat(bytes, rest);
}

/** Deno takes longer to make an answer with headers than to make one and add them. */
function answerOf(
  body: Bytes | ReadableStream | null,
  { status, headers }: Upstream,
  length: string | null,
): Response {
  const answer = new Response(body, { status });
  responseHeaders(headers, length, answer.headers);
  return answer;
}

function seenOf({ observed, progress }: Meter, generationId: string | null): SeenStream {
  const { id, model } = observed;
  return { id: id ?? generationId, model, events: progress.events };
}

/** How a call ends whose answer was read before it is passed on. */
function endingOfWhole(
  status: number,
  meter: Meter,
  options: AnswerOptions,
): BookingEnding {
  const isEmpty = meter.isEmpty() && !WITHOUT_CONTENT.has(status);
  const { clientGone, whenRead } = options;
  return told(isEmpty ? { kind: "empty" } : whenRead, options, clientGone.aborted);
}
