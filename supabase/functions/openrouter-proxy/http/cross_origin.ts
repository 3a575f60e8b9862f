/**
 * Cross-origin requests from browsers.
 *
 * No cookies are ever used, so that a page can do no more than its own code could without a browser:
 * the request headers that a preflight asks for are allowed as asked. A list always lacks somebody's.
 *
 * Source: docs/protocol.md, "Headers"; the Fetch standard's CORS protocol.
 */
import type { Context } from "hono";
import { cors } from "hono/cors";
import { REQUEST_ID_HEADERS } from "./request_id.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const EXPOSED_HEADERS = [
  ...REQUEST_ID_HEADERS,
  "x-generation-id",
  "server-timing",
  "retry-after",
  "ratelimit-limit",
  "ratelimit-remaining",
  "ratelimit-reset",
  "x-budget-remaining-usd",
  "x-should-retry",
  "x-openrouter-cache-status",
  "x-openrouter-cache-age",
  "x-openrouter-cache-ttl",
];
const MAX_AGE_S = 86_400;

/** A header's name (RFC 9110 section 5.1), but for `*`, which would stand for others. */
const HEADER_NAME = /^(?!\*$)[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/;
/** What needs no leave. */
const HARMLESS = ["accept"];
/** More than any client sends. */
const MAX_REQUESTED_HEADERS = 100;

export interface CrossOrigin {
  /** The answer to a request whose method is OPTIONS. */
  preflight(c: Context): Promise<Response>;
  /** Says in the answer that is there, `c.res`, which pages may read it, and what of it. */
  tell(c: Context): Promise<unknown>;
}

const DONE = Promise.resolve();
/** Nothing comes behind the answer. */
const next = () => DONE;

/** @param origins `*`, or those that may call */
export function crossOrigin(origins: "*" | string[]): CrossOrigin {
  const told = cors({ origin: origins, exposeHeaders: EXPOSED_HEADERS });
  return {
    async preflight(c) {
      const allowHeaders = headerNames(c.req.header("access-control-request-headers") ?? "");
      const answer = (await cors({
        origin: origins,
        allowMethods: METHODS,
        // Of an empty list Hono makes whatever was asked for.
        allowHeaders: allowHeaders.length === 0 ? HARMLESS : allowHeaders,
        exposeHeaders: EXPOSED_HEADERS,
        maxAge: MAX_AGE_S,
      })(c, next))!;
      // Chromium asks it of a server on the machine itself for a page from elsewhere.
      const isPrivate = c.req.header("access-control-request-private-network") === "true";
      if (isPrivate && answer.headers.has("access-control-allow-origin")) {
        answer.headers.set("access-control-allow-private-network", "true");
      }
      return answer;
    },
    tell: (c) => told(c, next),
  };
}

/** What of a list are names of headers, in lower case and each of them once. */
function headerNames(list: string): string[] {
  const names = list.toLowerCase().split(",", MAX_REQUESTED_HEADERS).map((name) => name.trim());
  return [...new Set(names.filter((name) => HEADER_NAME.test(name)))];
}
