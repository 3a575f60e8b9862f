/**
 * What an alert says: to people as Slack's `text`, and to programs by its members.
 *
 * Source: docs/protocol.md, "Alerts".
 */
import { decimalNumber } from "../../bytes/decimal.ts";
import type { BudgetAlert } from "../../store/budget_alerts.ts";

/** The body of the POST, as JSON text. */
export function alertMessage(alert: BudgetAlert): string {
  return JSON.stringify({
    text: sentence(alert),
    id: alert.id,
    scope: alert.scope,
    did: alert.did,
    kind: alert.kind,
    period_start: alert.period_start,
    threshold: alert.threshold,
    limit: decimalNumber(alert.limit),
    reached: decimalNumber(alert.reached),
    reached_at: alert.reached_at,
  });
}

function sentence({ did, kind, threshold, limit, reached }: BudgetAlert): string {
  if (kind === "new_accounts") {
    return `${threshold} % of the day's new accounts: ${reached} of ${limit}`;
  }
  const budget = kind === "day" ? "daily budget" : "monthly budget";
  const spent = `${dollars(reached)} of ${dollars(limit)}`;
  return `${did ?? "The gateway"} has used ${threshold} % of its ${budget}: ${spent}`;
}

/** From a dollar on in whole cents, cut off; below that with all digits, and two at least. */
function dollars(decimal: string): string {
  const [whole = "", fraction = ""] = decimal.split(".");
  return `$${whole}.${(whole === "0" ? fraction : fraction.slice(0, 2)).padEnd(2, "0")}`;
}
