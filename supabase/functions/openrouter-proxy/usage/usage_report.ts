/**
 * `GET /api/v1/usage`: the caller's statistics.
 *
 * Source: docs/protocol.md, "Usage statistics".
 */
import { decimalNumber } from "../bytes/decimal.ts";
import { GatewayError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { originParameters } from "./parameters.ts";

export const GROUPS = ["day", "hour", "model", "endpoint", "session", "label"];
const DATE = /^\d{4}-\d{2}-\d{2}$/;
/** RFC 3339 section 5.6. */
const INSTANT =
  /^\d{4}-\d{2}-\d{2}[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const DAY_MS = 86_400_000;
/** What RFC 3339 can write: 9999-12-31 as an end reaches beyond, and so do offsets at either edge. */
const EARLIEST_MS = Date.parse("0001-01-01T00:00:00Z");
const LATEST_MS = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * @returns the member `data` of the answer as JSON text; costs are numbers with all their digits
 * @throws {GatewayError} invalid_request for bad parameters, store_unavailable
 */
export async function usageReport(
  did: string,
  query: URLSearchParams,
  store: Pick<Store, "usageStats">,
): Promise<string> {
  const start = instantOf(query, "start_date", 0);
  const end = instantOf(query, "end_date", DAY_MS);
  if (start !== null && end !== null && start >= end) {
    throw new GatewayError("invalid_request", "start_date must be before end_date", {
      details: { param: "start_date" },
    });
  }
  const groupBy = (query.get("group_by") ?? "").split(",").filter(Boolean);
  const unknown = groupBy.find((name) => !GROUPS.includes(name));
  if (unknown !== undefined) {
    throw new GatewayError(
      "invalid_request",
      `group_by takes ${GROUPS.join(", ")}, separated by commas; not "${unknown}"`,
      { details: { param: "group_by" } },
    );
  }
  const origin = originParameters(query);
  const { total_cost, requests_by_model, groups, truncated, partial_before, ...totals } =
    await store
      .usageStats({ did, start, end, groupBy, ...origin });
  return JSON.stringify({
    did,
    start_date: textOf(query, "start_date"),
    end_date: textOf(query, "end_date"),
    ...totals,
    total_cost: decimalNumber(total_cost),
    requests_by_model,
    groups: groups.map(({ cost, ...group }) => ({ ...group, cost: decimalNumber(cost) })),
    truncated,
    partial_before,
  });
}

/** A date or an instant as it was meant: a `+` that a query string turned into a space is one again. */
function textOf(query: URLSearchParams, name: string): string | null {
  return query.get(name)?.replace(/ (?=\d\d:\d\d$)/, "+") ?? null;
}

/**
 * @param wholeDayMs what is added to a bare date: `end_date` counts whole
 * @returns an instant in RFC 3339, UTC, to the microsecond, which is what Postgres keeps
 */
function instantOf(query: URLSearchParams, name: string, wholeDayMs: number): string | null {
  const text = textOf(query, name);
  if (text === null) return null;
  const isDate = DATE.test(text);
  const [, , fraction = ""] = INSTANT.exec(text) ?? [];
  const whole = text.replace(fraction, "").toUpperCase();
  const instant = new Date(isDate ? `${text}T00:00:00Z` : whole);
  // Date accepts 30 February as 2 March.
  const [year, month, day] = text.split("-").map((part) => parseInt(part, 10));
  const exists = new Date(Date.UTC(year!, month! - 1, day!)).getUTCDate() === day;
  if (!(isDate || INSTANT.test(text)) || !exists || year === 0 || isNaN(instant.getTime())) {
    throw new GatewayError(
      "invalid_request",
      `${name} must be a date like 2026-11-22 or an instant like 2026-11-22T10:30:00Z`,
      { details: { param: name } },
    );
  }
  // Whether it begins or ends a range, what lies between two microseconds is the later one's.
  const isBetween = /[1-9]/.test(fraction.slice(7));
  const micros = Number(fraction.slice(1, 7).padEnd(6, "0")) + (isBetween ? 1 : 0);
  const ms = instant.getTime() + (isDate ? wholeDayMs : 0) + Math.floor(micros / 1_000);
  const writable = Math.min(Math.max(ms, EARLIEST_MS), LATEST_MS);
  const rest = writable === ms ? micros % 1_000 : 0;
  return new Date(writable).toISOString().replace("Z", `${String(rest).padStart(3, "0")}Z`);
}
