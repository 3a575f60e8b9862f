/**
 * OpenRouter's answer, made the client's: status, headers and bytes as they came, past the meter.
 */
import { concat } from "../bytes/encodings.ts";
import { redactedError } from "../openrouter/identifiers.ts";
import type { Upstream } from "../openrouter/forward.ts";
import { responseHeaders } from "../openrouter/headers.ts";
import type { Booking, Ending } from "../books/booking.ts";
import { createMeter, isEventStream } from "../metering/meter.ts";
import { passOn } from "./passthrough.ts";

/** What becomes of an answer. */
export interface AnswerOptions {
  /** The key that made the call. */
  apiKey: string;
  /** What ends when the answer ends; null for requests that are not booked. */
  booking: Booking | null;
  /** How the booking ends when the whole answer was read. */
  whenRead: Ending;
  /** How long OpenRouter may be silent between two chunks. */
  idleTimeoutMs: number;
  /** Aborts when the client hangs up. */
  clientGone: AbortSignal;
}

export function clientAnswer(upstream: Upstream, options: AnswerOptions): Response {
  const { apiKey, booking, whenRead, idleTimeoutMs, clientGone } = options;
  const { status, body } = upstream;
  const contentType = upstream.headers.get("content-type");
  const headers = responseHeaders(upstream.headers);
  // Redaction and the gateway's own events change how many bytes there are.
  if (body instanceof Uint8Array || isEventStream(contentType)) headers.delete("content-length");
  const told = headers.get("content-length");
  const meter = createMeter({
    contentType,
    isError: status >= 400 && body instanceof ReadableStream,
    keepsLength: told !== null,
  });
  booking?.answering({
    httpStatus: status,
    generationId: upstream.headers.get("x-generation-id"),
    apiKey,
    observed: meter.observed,
  });
  if (body instanceof ReadableStream) {
    const passed = passOn({
      body,
      length: told === null ? null : Number(told),
      abort: upstream.abort,
      meter,
      booking,
      whenRead,
      isEventStream: isEventStream(contentType),
      idleTimeoutMs,
      clientGone,
    });
    return new Response(passed, { status, headers });
  }
  if (body === null) {
    booking?.end(whenRead);
    return new Response(null, { status, headers });
  }
  const passed = [meter.feed(body), meter.end()];
  // The meter gives up errors that are too large to be held back; this one is here as a whole.
  const whole = concat(...(status >= 400 ? [redactedError(body)] : passed));
  booking?.end(whenRead);
  return new Response(whole, { status, headers });
}
