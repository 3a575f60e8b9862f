/**
 * How an error is told within the stream of an endpoint.
 *
 * Source: docs/openrouter.md, "SSE".
 */

/** Whose error events they are; `plain`: `{"type":"error","error":{…}}`, as most APIs have it. */
export type ErrorDialect = "chat" | "completion" | "response" | "message" | "plain";

const DIALECTS: Record<string, ErrorDialect> = {
  "/chat/completions": "chat",
  "/completions": "completion",
  "/responses": "response",
  "/messages": "message",
};

/** @param path in the spelling in which it is forwarded */
export function errorDialectOf(path: string): ErrorDialect {
  return Object.hasOwn(DIALECTS, path) ? DIALECTS[path]! : "plain";
}
