/**
 * Each request's id, and its one line in the log.
 */
import type { Context } from "hono";
import { uuidV7 } from "../bytes/uuid_v7.ts";
import { describeError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { Surroundings } from "./around_routes.ts";
import type { Rate } from "./rate_limited.ts";
import { setRequestId } from "./request_id.ts";

/** What a request carries through the routes. */
export type RequestEnv = {
  Variables: {
    /** The x-request-id of the answer, and the id of the row in request_logs where there is one. */
    requestId: string;
    /** Milliseconds since the epoch. */
    receivedAt: number;
    /** The verified DID; undefined until then. */
    did: string | undefined;
    /** When the token was issued of which Postgres is to say whether it is revoked, if there is one. */
    tokenToAskOf: Date | undefined;
    /** Whether the body was received to its end; undefined until then. */
    bodyReceived: boolean | undefined;
    /** Whether a booking writes the request's line, once it is settled. */
    booked: boolean | undefined;
    /** The rate that the request counted in; undefined where there is none. */
    rate: Rate | undefined;
    /** What is left of its DID's budgets, a decimal string in USD; undefined where there are none. */
    remainingUsd: string | undefined;
  };
};

/** What answers the requests of a route. */
export type Handler = (c: Context<RequestEnv>) => Promise<Response>;

/** The longest path that a line of the log shows. */
const MAX_ROUTE_LENGTH = 200;

/** @param now milliseconds since the epoch */
export function requestLog(
  now: () => number,
  log: Log,
): Pick<Surroundings, "begin" | "end"> {
  return {
    begin(c) {
      const receivedAt = now();
      c.set("requestId", uuidV7(receivedAt));
      c.set("receivedAt", receivedAt);
    },

    end(c) {
      const requestId = c.get("requestId");
      setRequestId(c.res.headers, requestId);
      if (c.get("booked")) return;
      const failed = c.res.status >= 500;
      log({
        level: failed ? "error" : "info",
        event: "request",
        request_id: requestId,
        did: c.get("did") ?? null,
        method: c.req.method,
        route: c.req.path.slice(0, MAX_ROUTE_LENGTH),
        status: c.res.status,
        ...(c.error && describeError(c.error, failed)),
        ms: Math.round(now() - c.get("receivedAt")),
      });
    },
  };
}
