/**
 * The path that a client was told → the gateway's. Clients of OpenAI's dialect append
 * `/chat/completions` to their base URL, Anthropic's `/v1/messages`, and people write base URLs in
 * every way.
 *
 * Source: docs/protocol.md, "Routes".
 */
import { Refusal } from "./refusal.ts";

const OPENROUTER = "/api/v1/openrouter";

/** Whoever is in front of the gateway may resolve them, and hand the token to another service. */
const DOT_SEGMENT = /(?:^|[\/\\])(?:\.|%2e){1,2}(?=[\/\\?#]|$)/i;

/** Routes of the gateway's own below /api/v1. */
export const OWN_ROUTES = [
  "encryption-keys",
  "health",
  "limits",
  "maintenance",
  "openapi.json",
  "token",
  "usage",
];

/**
 * @param target the request's target as it was sent: path and query
 * @returns path and query below the gateway's URL
 * @throws {Refusal} invalid_request for what is no path, or could lead out of the gateway's
 */
export function gatewayPath(target: string): string {
  if (!target.startsWith("/")) {
    throw new Refusal("invalid_request", "the request's target must be a path");
  }
  const queryAt = target.indexOf("?");
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const query = queryAt < 0 ? "" : target.slice(queryAt);
  if (DOT_SEGMENT.test(path.replaceAll(/%(?:2f|5c)/gi, "/"))) {
    throw new Refusal("invalid_request", "the request's path must have no dot segments");
  }
  if (path === "/") return target;
  const [, own] = /^\/api\/v1\/([^/]+)/.exec(path) ?? [];
  if (own !== undefined && OWN_ROUTES.includes(own)) return target;
  const rest = path.replace(/^\/api\/v1(?:\/openrouter)?(?=\/|$)/, "").replace(
    /^(?:\/v1(?=\/|$))+/,
    "",
  );
  return OPENROUTER + rest + query;
}
