/** `GET /` and `GET /api/v1/health` (docs/protocol.md, "Routes"). */
import type { Context } from "hono";
import type { Store } from "../store.ts";
import { VERSION } from "../version.ts";
import { queryOf } from "./query_parameters.ts";

/**
 * Makes the handler, which with `?deep=1` also asks the database.
 *
 * @param now milliseconds since the epoch
 */
export function createHealth(
  store: Pick<Store, "ping">,
  now: () => number,
): (c: Context) => Promise<Response> {
  return async (c) => {
    if (queryOf(c.req.raw.url, ["deep"]).get("deep") === "1") await store.ping();
    const data = { status: "healthy", version: VERSION, timestamp: new Date(now()).toISOString() };
    return c.json({ success: true, data });
  };
}
