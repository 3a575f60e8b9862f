/** The forms that a report can have. */
import { csvOf } from "./csv.ts";
import type { Report } from "./report.ts";
import { terminalOf } from "./terminal.ts";

export const FORMATS = ["table", "csv", "json", "html"] as const;
export type Format = typeof FORMATS[number];

export async function written(report: Report, format: Format): Promise<string> {
  switch (format) {
    case "table":
      return terminalOf(report);
    case "csv":
      return csvOf(report);
    case "json":
      return `${JSON.stringify(report, null, 2)}\n`;
    case "html": {
      // The chart library takes a while to load, which the others need not wait for.
      const { pageOf } = await import("./html/page.ts");
      return pageOf(report);
    }
  }
}
