/** Tables of a page, some with bars in them. */
import { count, dollars, percent, short } from "../figures.ts";
import type { Budget, Counts, Drift } from "../report.ts";
import { escaped } from "./escape.ts";

function table(header: string[], rows: string[][], firstClass = ""): string {
  const first = firstClass && ` class="${firstClass}"`;
  const body = rows.map((cells) =>
    `<tr>${
      cells.map((cell, i) =>
        `<td${i === 0 ? first : ""} data-label="${escaped(header[i] ?? "")}">${cell}</td>`
      ).join("")
    }</tr>`
  );
  return `<div class="wide-table" tabindex="0"><table><thead><tr>${
    header.map((name) => `<th scope="col">${escaped(name)}</th>`).join("")
  }</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

/** @param rows what has been counted, and its counts */
export function countsTable(name: string, rows: [string, Counts][], isDid = false): string {
  const most = Math.max(...rows.map(([, { costUsd }]) => Number(costUsd)), 0);
  return table(
    [name, "Cost, US$", "Requests", "Failed", "No cost known", "Tokens in", "Tokens out"],
    rows.map(([what, counts]) => [
      escaped(what) + meter(Number(counts.costUsd), most, false),
      dollars(counts.costUsd),
      count(counts.requests),
      count(counts.failed),
      count(counts.withoutCost),
      short(counts.inputTokens),
      short(counts.outputTokens),
    ]),
    isDid ? "did" : "",
  );
}

export function budgetTable(budgets: Budget[]): string {
  return table(
    ["Budget of", "Period", "Spent, US$", "Reserved, US$", "Limit, US$", "Used"],
    budgets.map(({ did, period, limitUsd, spentUsd, reservedUsd }) => {
      const [limit, used] = [Number(limitUsd), Number(spentUsd) + Number(reservedUsd)];
      const isNear = used >= limit * 0.8;
      return [
        escaped(did ?? "the whole gateway") + meter(used, limit, isNear),
        period,
        dollars(spentUsd),
        dollars(reservedUsd),
        dollars(limitUsd),
        isNear ? `<span class="over-text">${percent(used, limit)}</span>` : percent(used, limit),
      ];
    }),
    "did",
  );
}

export function driftTable(drifts: Drift[]): string {
  return table(
    ["DID", "OpenRouter − books, US$", "Since (UTC)", "For an hour"],
    drifts.map(({ did, driftUsd, since, counts }) => [
      escaped(did),
      dollars(driftUsd),
      since.toISOString().slice(0, 16).replace("T", " "),
      counts ? '<span class="over-text">yes: look into it</span>' : "no, too young to count",
    ]),
    "did",
  );
}

function meter(part: number, whole: number, isNear: boolean): string {
  const share = whole > 0 ? Math.min(100, 100 * part / whole) : 0;
  return `<span class="meter" aria-hidden="true"><i${isNear ? ' class="over"' : ""} style="width:${
    share.toFixed(1)
  }%"></i></span>`;
}

/** The figures of a chart, for whoever does not see it. */
export function figuresOf(
  points: string[],
  series: { name: string; values: (number | null)[] }[],
  format: (value: number) => string,
): string {
  const header = ["From", ...series.map(({ name }) => name)];
  const rows = points.map((point, index) => [
    point,
    ...series.map(({ values }) => values[index] == null ? "–" : escaped(format(values[index]))),
  ]);
  return `<details><summary>Its figures</summary>${table(header, rows)}</details>`;
}
