/** `GET /api/v1/openapi.json` (docs/protocol.md, "OpenAPI"). */
import type { Context } from "hono";
import { queryOf } from "../http/query_parameters.ts";
import { VERSION } from "../version.ts";

/**
 * Makes the handler. The document is made when somebody first asks for it, so that no start waits for it.
 *
 * @param audience where the document says that the gateway is, unless it is no URL
 */
export function createOpenApi(audience: string): (c: Context) => Promise<Response> {
  let document: Promise<string> | undefined;

  async function made(): Promise<string> {
    const { openApiDocument } = await import("./document.ts");
    // Relative to the document's own URL (OpenAPI 3.1, "Relative References in API URLs").
    const server = /^https?:/.test(audience) ? audience : "../..";
    return JSON.stringify(openApiDocument({ version: VERSION, server }));
  }

  return async (c) => {
    queryOf(c.req.raw.url, []);
    return c.body(await (document ??= made()), 200, {
      "content-type": "application/json",
      "cache-control": "public, max-age=300",
    });
  };
}
