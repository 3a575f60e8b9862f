/** `GET /api/v1/usage`: the caller's own statistics (docs/protocol.md, "Routes"). */
import type { Context } from "hono";
import { tokenRevoked } from "../accounts/accounts.ts";
import type { Identify } from "../call/identify.ts";
import type { RequestEnv } from "../http/request_log.ts";
import type { Store } from "../store.ts";
import { usageReport } from "./usage_report.ts";

/** Makes the handler. */
export function createUsage(
  identify: Identify,
  store: Pick<Store, "tokenIsRevoked" | "usageStats">,
): (c: Context<RequestEnv>) => Promise<Response> {
  return async (c) => {
    using identified = await (await identify(c)).receive();
    const { did, tokenIssuedAt } = identified.identity;
    const [isRevoked, data] = await Promise.all([
      tokenIssuedAt !== null && store.tokenIsRevoked(did, tokenIssuedAt),
      usageReport(did, new URL(c.req.raw.url).searchParams, store),
    ]);
    if (isRevoked) throw tokenRevoked();
    return c.body(`{"success":true,"data":${data}}`, 200, { "content-type": "application/json" });
  };
}
