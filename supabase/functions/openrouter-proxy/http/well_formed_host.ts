/**
 * Refuses a Host that is more than a host and a port: Deno's server makes a request's URL of it
 * unchecked, so that what follows a slash or a question mark in it would take the path's place. And a
 * target in absolute form that names another host, which Deno's server puts into the URL instead.
 *
 * Source: RFC 9112 section 3.2.
 */
import { GatewayError } from "../errors.ts";

/** Supabase's Edge Runtime, whose main worker gives requests a URL of its own making. */
declare const EdgeRuntime: unknown;

/** Sticky, so that testing it says where it ends. */
const SCHEME = /https?:\/\//iy;
/** Nothing, a path, or a query. */
const BEHIND_ORIGIN = ["", "/", "?"];

/** @throws {GatewayError} invalid_request */
export function assertWellFormedHost({ url, headers }: Request): void {
  const host = headers.get("host") ?? "";
  if (/[^!-~]|[/?#@\\]/.test(host)) {
    throw new GatewayError("invalid_request", "the Host header is not a host");
  }
  if (typeof EdgeRuntime === "undefined" && host !== "" && !isAt(host, url)) {
    throw new GatewayError(
      "invalid_request",
      "the request's target names another host than its Host header: send the path alone",
    );
  }
}

/**
 * Whether a URL is what Deno's server makes of this Host and a target that is a path; or of the same
 * in absolute form, whose scheme and host are the same in any case (RFC 9110 section 4.2.3).
 */
function isAt(host: string, url: string): boolean {
  SCHEME.lastIndex = 0;
  if (!SCHEME.test(url)) return false;
  const start = SCHEME.lastIndex;
  const end = start + host.length;
  const isHost = url.startsWith(host, start) ||
    url.slice(start, end).toLowerCase() === host.toLowerCase();
  return isHost && BEHIND_ORIGIN.includes(url.charAt(end));
}
