/** What kinds of events there are for the log, and which of them stand for each other. */

/** An event for the log, without secrets. */
export type LogEvent = Record<string, unknown>;

/**
 * - `entry`: an entry for the books that only the log has: each is printed, whole.
 * - `failure`: an error, or whatever else an operator must not miss.
 * - `refusal`: a request that was refused, which anybody can cause.
 * - `success`: what went as it should.
 */
export type Kind = "entry" | "failure" | "refusal" | "success";

const ENTRIES = new Set<unknown>(["settlement_deferred", "settlement_incomplete"]);

export function kindOf({ level, event, status }: LogEvent): Kind {
  if (ENTRIES.has(event)) return "entry";
  if (level !== "info") return "failure";
  if (event === "cost_found") return "success";
  if (event !== "request") return "failure";
  return typeof status === "number" && status >= 400 ? "refusal" : "success";
}

/** The name that identical events have in common. What differs in each of them counts for nothing. */
export function nameOf(kind: Kind, { level, event, status, error }: LogEvent): string {
  if (kind === "success") return String(event);
  // What stands behind a colon are figures and names: `expired_timestamp: x-did-timestamp is 412 s old`.
  const what = typeof error === "string" ? error.split(":", 1)[0]!.slice(0, 100) : "";
  return [level, event, status ?? "", what].join(" ");
}
