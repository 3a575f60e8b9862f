/**
 * Refuses a Host that is more than a host and a port: Deno's server makes a request's URL of it
 * unchecked, so that what follows a slash or a question mark in it would take the path's place.
 *
 * Source: RFC 9112 section 3.2.
 */
import type { MiddlewareHandler } from "hono";
import { GatewayError } from "../errors.ts";

export const wellFormedHost: MiddlewareHandler = async (c, next) => {
  if (/[\s/?#@\\]/.test(c.req.header("host") ?? "")) {
    throw new GatewayError("invalid_request", "the Host header is not a host");
  }
  await next();
};
