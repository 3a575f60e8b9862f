/** An app whose answers have steps done to them, as the gateway's have. */
import type { MiddlewareHandler } from "hono";
import type { AnswerStep } from "../http/around_routes.ts";
import type { RequestEnv } from "../http/request_log.ts";

export function onAnswer(step: AnswerStep): MiddlewareHandler<RequestEnv> {
  return async (c, next) => {
    await next();
    step(c);
  };
}
