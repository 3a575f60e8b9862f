/** `POST /api/v1/maintenance`, for the operator (docs/protocol.md, "Maintenance"). */
import { GatewayError } from "../../errors.ts";
import type { RequireOperator } from "../../http/operator.ts";
import { queryOf } from "../../http/query_parameters.ts";
import type { Handler } from "../../http/request_log.ts";
import type { Maintenance } from "./maintenance.ts";

/** Leaves room below the 150 s after which Supabase gives up on an answer. */
export const DEFAULT_BUDGET_S = 60;
export const LONGEST_BUDGET_S = 100;

/** Makes the handler. @param waitUntil keeps the isolate alive, should the caller not wait */
export function createMaintenanceRoute(
  requireOperator: RequireOperator,
  maintenance: Maintenance,
  waitUntil: (promise: Promise<unknown>) => void,
): Handler {
  return async (c) => {
    await requireOperator(c.req.raw.headers);
    const budgetMs = budgetOf(c.req.raw.url) * 1000;
    const running = maintenance(budgetMs);
    waitUntil(running.catch(() => {}));
    return c.json({ success: true, data: await running });
  };
}

/** Seconds. @throws {GatewayError} invalid_request */
function budgetOf(url: string): number {
  const text = queryOf(url, ["budget_seconds"]).get("budget_seconds") ?? String(DEFAULT_BUDGET_S);
  if (/^[0-9]+$/.test(text) && Number(text) >= 1 && Number(text) <= LONGEST_BUDGET_S) {
    return Number(text);
  }
  throw new GatewayError(
    "invalid_request",
    `budget_seconds must be a whole number from 1 to ${LONGEST_BUDGET_S}`,
    { details: { param: "budget_seconds" } },
  );
}
