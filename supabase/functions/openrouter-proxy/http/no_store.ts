/**
 * Keeps caches from keeping answers: they could not tell whose those are. What a request is signed with
 * stands in headers that no cache knows, unlike Authorization (RFC 9111 section 3.5).
 *
 * Source: docs/protocol.md, "Headers".
 */
import type { AnswerStep } from "./around_routes.ts";

/**
 * `cache-control: no-store` where an answer says nothing of caches, and on what a DID reads, whatever
 * OpenRouter says of it.
 */
export const noStore: AnswerStep = (c) => {
  const { headers } = c.res;
  const isRead = c.req.method === "GET" || c.req.method === "HEAD";
  const isOfDid = c.get("did") !== undefined && isRead;
  if (isOfDid || !headers.has("cache-control")) headers.set("cache-control", "no-store");
};
