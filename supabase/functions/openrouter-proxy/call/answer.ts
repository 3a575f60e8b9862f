/**
 * OpenRouter's answer, made the client's: status, headers and bytes as they came, past the meter.
 */
import { redacted } from "../openrouter/error_body.ts";
import type { Upstream } from "../openrouter/forward.ts";
import { responseHeaders } from "../openrouter/headers.ts";
import type { Booking, Ending } from "../books/booking.ts";
import { createMeter, isEventStream } from "../metering/meter.ts";
import { passOn } from "./passthrough.ts";

/**
 * @param apiKey the key that made the call
 * @param booking what ends when the answer ends; null for requests that are not booked
 * @param clientGone aborts when the client hangs up
 */
export function clientAnswer(
  upstream: Upstream,
  apiKey: string,
  booking: Booking | null,
  idleTimeoutMs: number,
  clientGone: AbortSignal,
): Response {
  const { status, body } = upstream;
  const contentType = upstream.headers.get("content-type");
  const headers = responseHeaders(upstream.headers);
  // Redaction and the gateway's own events change how many bytes there are.
  if (body instanceof Uint8Array || isEventStream(contentType)) headers.delete("content-length");
  const meter = createMeter(contentType);
  booking?.answering({
    httpStatus: status,
    generationId: upstream.headers.get("x-generation-id"),
    apiKey,
    observed: meter.observed,
  });
  const whenRead: Ending = { kind: status >= 300 ? "refused" : "answered" };
  if (body instanceof ReadableStream) {
    const told = headers.get("content-length");
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
  const whole = body !== null && status >= 400 ? redacted(body) : body;
  if (whole) meter.feed(whole);
  meter.end();
  booking?.end(whenRead);
  return new Response(whole, { status, headers });
}
