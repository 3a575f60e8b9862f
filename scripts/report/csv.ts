/** A report as CSV (RFC 4180): a line for each point of time and model. */
import type { Report } from "./report.ts";

const COLUMNS = [
  "at",
  "model",
  "requests",
  "failed",
  "withoutCost",
  "inputTokens",
  "outputTokens",
  "costUsd",
] as const;
const NAMES: Partial<Record<typeof COLUMNS[number], string>> = {
  failed: "failed_requests",
  withoutCost: "requests_without_cost",
  inputTokens: "input_tokens",
  outputTokens: "output_tokens",
  costUsd: "cost_usd",
};

export function csvOf({ unit, series }: Report): string {
  const header = COLUMNS.map((name) => name === "at" ? unit : NAMES[name] ?? name);
  const lines = series.map((row) => COLUMNS.map((name) => field(String(row[name]))));
  return [header, ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

/** What a spreadsheet would take for a formula is a text: models may be called anything. */
function field(text: string): string {
  const safe = /^[=+@\t\r-]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
