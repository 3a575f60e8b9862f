/**
 * Cross-origin requests from browsers.
 *
 * Source: protocol.md, "Headers"; the Fetch standard's CORS protocol.
 */
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const REQUEST_HEADERS = [
  "accept",
  "anthropic-beta",
  "anthropic-version",
  "apikey",
  "authorization",
  "content-type",
  "http-referer",
  "idempotency-key",
  "traceparent",
  "tracestate",
  "x-anthropic-beta",
  "x-client-info",
  "x-did",
  "x-did-nonce",
  "x-did-signature",
  "x-did-timestamp",
  "x-session-id",
  "x-title",
];
/** The SDKs' own headers and OpenRouter's come in more names than a list could keep up with. */
const REQUEST_HEADER_FAMILIES = /^x-(?:stainless|openrouter)-[a-z0-9-]{1,64}$/;
const EXPOSED_HEADERS = [
  "x-request-id",
  "x-generation-id",
  "server-timing",
  "retry-after",
  "ratelimit-limit",
  "ratelimit-remaining",
  "ratelimit-reset",
  "x-budget-remaining-usd",
  "x-should-retry",
];
const MAX_AGE_S = 86_400;

/** @param origins `*`, or those that may call */
export function crossOrigin(origins: "*" | string[]): MiddlewareHandler {
  return (c, next) => {
    const requested = (c.req.header("access-control-request-headers") ?? "").toLowerCase().split(
      ",",
    )
      .map((name) => name.trim()).filter((name) => REQUEST_HEADER_FAMILIES.test(name));
    return cors({
      origin: origins,
      allowMethods: METHODS,
      allowHeaders: [...REQUEST_HEADERS, ...requested],
      exposeHeaders: EXPOSED_HEADERS,
      maxAge: MAX_AGE_S,
    })(c, next);
  };
}
