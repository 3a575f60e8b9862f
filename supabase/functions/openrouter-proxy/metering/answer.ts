/**
 * OpenRouter's answer, made the client's: status, headers and bytes as they came, past the meter.
 */
import { redacted, wholeBody } from "../openrouter/error_body.ts";
import type { Upstream } from "../openrouter/forward.ts";
import { responseHeaders } from "../openrouter/headers.ts";
import type { Booking } from "./booking.ts";
import { createMeter } from "./meter.ts";
import { meteredBody } from "./passthrough.ts";

/** Statuses whose answers have no body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([101, 204, 205, 304]);

/**
 * @param booking what is ended when the answer ends; null for requests that are not metered
 * @param apiKey the key that made the call
 * @param errorTimeoutMs how long an error answer may take to be read whole
 * @throws {GatewayError} upstream_unreachable when an error answer breaks off
 */
export async function clientAnswer(
  upstream: Upstream,
  booking: Booking | null,
  apiKey: string,
  errorTimeoutMs: number,
): Promise<Response> {
  const { status, headers: upstreamHeaders, body } = upstream.response;
  const headers = responseHeaders(upstreamHeaders);
  const meter = createMeter(upstreamHeaders.get("content-type"));
  booking?.headersReceived({
    httpStatus: status,
    generationId: upstreamHeaders.get("x-generation-id"),
    apiKey,
  });
  if (body === null || NULL_BODY.has(status)) {
    await body?.cancel();
    booking?.end({ kind: status >= 400 ? "refused" : "answered" });
    return new Response(null, { status, headers });
  }
  if (status >= 400) {
    const error = redacted(await wholeBody(upstream, errorTimeoutMs));
    meter.feed(error);
    meter.end();
    booking?.end({ kind: "refused" }, meter.observed);
    return new Response(error, { status, headers });
  }
  return new Response(
    booking ? meteredBody(body, meter, booking, upstream.abort) : body,
    { status, headers },
  );
}
