/** What is done to each answer before it goes out. */
import type { Context, MiddlewareHandler } from "hono";
import type { RequestEnv } from "./request_log.ts";

/** Looks at the answer that is there, `c.res`, and may add to its headers. */
export type AnswerStep = (c: Context<RequestEnv>) => void;

/** These steps, in their order, as one middleware: each of those costs a call microseconds. */
export function onAnswer(...steps: AnswerStep[]): MiddlewareHandler<RequestEnv> {
  return async (c, next) => {
    await next();
    for (const step of steps) step(c);
  };
}
