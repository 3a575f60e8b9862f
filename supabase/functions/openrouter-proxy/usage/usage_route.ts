/** `GET /api/v1/usage`: the caller's own statistics (docs/protocol.md, "Usage statistics"). */
import type { Identify } from "../call/identify.ts";
import type { Handler } from "../http/request_log.ts";
import type { Store } from "../store/store.ts";
import { createOwnReport, type UpToDate } from "./own_report.ts";
import { ORIGIN_PARAMETERS } from "./parameters.ts";
import { usageReport } from "./usage_report.ts";

/** Makes the handler. */
export function createUsage(
  identify: Identify,
  store: Pick<Store, "tokenIsRevoked" | "usageStats">,
  upToDate: UpToDate,
): Handler {
  const parameters = ["start_date", "end_date", "group_by", ...ORIGIN_PARAMETERS];
  return createOwnReport(
    identify,
    store,
    upToDate,
    parameters,
    (did, query) => usageReport(did, query, store),
  );
}
