/** The answer of a gateway that takes no requests at all. */
import { Hono } from "hono";
import { errorResponse, type GatewayError } from "../errors.ts";
import { closeUnread } from "./close_unread.ts";
import { crossOrigin } from "./cross_origin.ts";
import { headAnswer } from "./head_answer.ts";
import { noStore } from "./no_store.ts";
import { type AnswerStep, onAnswer } from "./on_answer.ts";
import { setRequestId } from "./request_id.ts";
import type { RequestEnv } from "./request_log.ts";

const tellRequestId: AnswerStep = (c) => setRequestId(c.res.headers, c.get("requestId"));

/** Makes a handler that refuses every request with that error; pages of any origin may read it. */
export function refuseAll(refusal: GatewayError): (request: Request) => Promise<Response> {
  const app = new Hono<RequestEnv>();
  app.use(async (c, next) => {
    c.set("requestId", crypto.randomUUID());
    await next();
  });
  app.use(onAnswer(noStore, closeUnread, tellRequestId), crossOrigin("*"));
  app.all("*", (c) => errorResponse(refusal, c.get("requestId")));
  return async (request) => headAnswer(request, await app.fetch(request));
}
