/**
 * Closes the connection after an answer that came before the request's body was received to its end:
 * what still comes of it is for nobody. A client that is not told may send its next request on the
 * connection, which then fails.
 */
import type { AnswerStep } from "./around_routes.ts";

export const closeUnread: AnswerStep = (c) => {
  if (!c.get("bodyReceived") && c.req.raw.body !== null) c.res.headers.set("connection", "close");
};
