/** The answer of a gateway that takes no requests at all. */
import { Hono } from "hono";
import type { GatewayError } from "../errors.ts";
import { aroundRoutes } from "./around_routes.ts";
import { closeUnread } from "./close_unread.ts";
import { crossOrigin } from "./cross_origin.ts";
import { headAnswer } from "./head_answer.ts";
import { noStore } from "./no_store.ts";
import { setRequestId } from "./request_id.ts";
import type { RequestEnv } from "./request_log.ts";

/** Makes a handler that refuses every request with that error; pages of any origin may read it. */
export function refuseAll(refusal: GatewayError): (request: Request) => Promise<Response> {
  const app = new Hono<RequestEnv>();
  const around = aroundRoutes({
    begin: (c) => c.set("requestId", crypto.randomUUID()),
    crossOrigin: crossOrigin("*"),
    steps: [noStore, closeUnread],
    end: (c) => setRequestId(c.res.headers, c.get("requestId")),
  });
  app.all("*", around(() => Promise.reject(refusal)));
  return async (request) => headAnswer(request, await app.fetch(request));
}
