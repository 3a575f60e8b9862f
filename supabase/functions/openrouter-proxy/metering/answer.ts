/**
 * OpenRouter's answer, made the client's: status, headers and bytes as they came, past the meter.
 */
import { redacted } from "../openrouter/error_body.ts";
import type { Upstream } from "../openrouter/forward.ts";
import { responseHeaders } from "../openrouter/headers.ts";
import type { Booking } from "./booking.ts";
import { createMeter, isEventStream } from "./meter.ts";
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
  const meter = createMeter(contentType);
  booking?.answering({
    httpStatus: status,
    generationId: upstream.headers.get("x-generation-id"),
    apiKey,
    observed: meter.observed,
  });
  if (body instanceof ReadableStream) {
    const passage = { ...upstream, body, meter, booking, idleTimeoutMs, clientGone };
    return new Response(passOn({ ...passage, isEventStream: isEventStream(contentType) }), {
      status,
      headers,
    });
  }
  const whole = body === null ? null : redacted(body);
  if (whole) meter.feed(whole);
  meter.end();
  booking?.end({ kind: status >= 400 ? "refused" : "answered" });
  return new Response(whole, { status, headers });
}
