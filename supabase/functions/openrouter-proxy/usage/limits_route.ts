/** `GET /api/v1/limits`: the caller's budgets and rates (docs/protocol.md, "Limits"). */
import { decimalNumber } from "../bytes/decimal.ts";
import type { Identify } from "../call/identify.ts";
import type { Handler } from "../http/request_log.ts";
import type { Store } from "../store/store.ts";
import { createOwnReport, type UpToDate } from "./own_report.ts";

/** Decimal text from Postgres, a number in the answer. */
const AMOUNTS = [
  "limit_usd",
  "spent_usd",
  "reserved_usd",
  "remaining_usd",
  "upstream_limit_usd",
];

/** Makes the handler. */
export function createLimits(
  identify: Identify,
  store: Pick<Store, "tokenIsRevoked" | "accountLimits">,
  upToDate: UpToDate,
): Handler {
  return createOwnReport(identify, store, upToDate, [], (did) => limitsReport(did, store));
}

/** @returns the member `data` of the answer as JSON text; amounts are numbers with all their digits */
async function limitsReport(did: string, store: Pick<Store, "accountLimits">): Promise<string> {
  return JSON.stringify(
    await store.accountLimits(did),
    (name, value) =>
      typeof value === "string" && AMOUNTS.includes(name) ? decimalNumber(value) : value,
  );
}
