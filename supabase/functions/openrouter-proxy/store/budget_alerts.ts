/** Alerts of budgets, from their claim to their delivery. */
import type { StoreCall } from "./rpc.ts";

/** A budget, or the day's new accounts, that have reached a threshold; see docs/protocol.md, "Alerts". */
export interface BudgetAlert {
  id: string;
  scope: "did" | "gateway";
  /** Null: the gateway's own. */
  did: string | null;
  kind: "day" | "month" | "new_accounts";
  /** The UTC day, or the first day of the UTC month. */
  period_start: string;
  /** Percent of the limit. */
  threshold: 50 | 80 | 100;
  /** USD, or accounts: decimal strings. */
  limit: string;
  reached: string;
  reached_at: string;
  /** How often it was claimed, this time included. */
  attempts: number;
}

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function budgetAlertCalls(call: StoreCall) {
  return {
    /** Claims alerts to deliver. @returns also how many could be claimed besides */
    async claimBudgetAlerts(limit: number): Promise<{ alerts: BudgetAlert[]; left: number }> {
      return await call("claim_budget_alerts", { p_limit: limit }) as {
        alerts: BudgetAlert[];
        left: number;
      };
    },

    /** Notes that an alert was delivered. @returns false: there is no such alert, or it was before */
    async endBudgetAlert(id: string): Promise<boolean> {
      return await call("end_budget_alert", { p_id: id }) as boolean;
    },
  };
}
