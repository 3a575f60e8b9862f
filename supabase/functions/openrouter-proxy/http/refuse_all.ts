/** The answer of a gateway that takes no requests at all. */
import { Hono } from "hono";
import { errorResponse, type GatewayError } from "../errors.ts";
import { crossOrigin } from "./cross_origin.ts";
import { setRequestId } from "./request_id.ts";

/** Makes a handler that refuses every request with that error; pages of any origin may read it. */
export function refuseAll(refusal: GatewayError): (request: Request) => Promise<Response> {
  const app = new Hono();
  app.use(crossOrigin("*"));
  app.all("*", () => {
    const requestId = crypto.randomUUID();
    const response = errorResponse(refusal, requestId);
    setRequestId(response.headers, requestId);
    return response;
  });
  return async (request) => await app.fetch(request);
}
