/**
 * What is done around every route: a request has its id from the beginning, and whatever its answer is, a
 * page may read it where its origin may, the answer's steps are done to it, and the log has its line.
 *
 * One function, in place of middleware of Hono's: each of that is two async functions more, and a call
 * allocates 1 KB for them.
 */
import type { Context } from "hono";
import { ClientDisconnected, errorResponse } from "../errors.ts";
import type { CrossOrigin } from "./cross_origin.ts";
import type { Handler, RequestEnv } from "./request_log.ts";

/** Looks at the answer that is there, `c.res`, and may add to its headers. */
export type AnswerStep = (c: Context<RequestEnv>) => void;

export interface Surroundings {
  /** Gives a request what it carries from its beginning, its id at least. */
  begin(c: Context<RequestEnv>): void;
  crossOrigin: CrossOrigin;
  /** What is done to each answer, in this order. */
  steps: AnswerStep[];
  /** The last step, which is done even where one of the others fails. */
  end: AnswerStep;
}

/** @returns what makes a route's handler one that answers everything, preflights and errors too */
export function aroundRoutes(
  { begin, crossOrigin, steps, end }: Surroundings,
): (handler: Handler) => Handler {
  return (handler) => async (c) => {
    begin(c);
    const isPreflight = c.req.method === "OPTIONS";
    try {
      c.res = await (isPreflight ? crossOrigin.preflight(c) : handler(c));
    } catch (error) {
      refuse(c, error);
    }
    try {
      // On the answer that is there: before it, Hono makes one of its own and merges the two.
      if (!isPreflight) await crossOrigin.tell(c);
      takeSteps(steps, c);
    } catch (error) {
      refuse(c, error);
    }
    end(c);
    return c.res;
  };
}

/** By itself: an async function keeps a loop's iterator, and all that it needs, with what it is to go on with. */
function takeSteps(steps: readonly AnswerStep[], c: Context<RequestEnv>): void {
  for (const step of steps) step(c);
}

function refuse(c: Context<RequestEnv>, error: unknown): void {
  if (!(error instanceof Error)) throw error;
  c.error = error;
  c.res = answerTo(error, c);
}

/** The answer of a request that failed. */
export function answerTo(error: Error, c: Context<RequestEnv>): Response {
  return error instanceof ClientDisconnected
    ? c.body(null, 499 as never)
    : errorResponse(error, c.get("requestId"));
}
