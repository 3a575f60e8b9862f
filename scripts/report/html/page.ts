/** A report as one page that fetches nothing. */
import { count, dollars, percent, short } from "../figures.ts";
import { pointsOf } from "../range.ts";
import type { Report } from "../report.ts";
import { chart, type ChartData } from "./chart.ts";
import {
  failureSeries,
  latencySeries,
  spendSeries,
  tokenSeries,
  unknownSeries,
} from "./chart_series.ts";
import { escaped } from "./escape.ts";
import { STYLE } from "./style.ts";
import { budgetTable, countsTable, driftTable, figuresOf } from "./tables.ts";

/** @returns an HTML document, UTF-8 */
export function pageOf(report: Report): string {
  const title = `Usage of ${report.did ?? "all DIDs"}, ${report.from} to ${report.to}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Usage of ${escaped(report.did ?? "all DIDs")}</h1>
<p>${report.from} to ${report.to}, both included. Days, weeks and months are UTC.</p>
<p class="muted">Made ${
    report.madeAt.toISOString().slice(0, 16).replace("T", " ")
  } UTC. A request counts
in the day on which it began. Costs are US dollars, as OpenRouter charged them.</p>
</header>
${cards(report)}
<main>
${sectionsOf(report).join("\n")}
</main>
${leftOut(report)}
</body>
</html>
`;
}

function cards({ totals }: Report): string {
  const facts = [
    ["Cost", dollars(totals.costUsd)],
    ["Requests", count(totals.requests)],
    [
      "Failed",
      totals.failed === 0
        ? "0"
        : `${count(totals.failed)} (${percent(totals.failed, totals.requests)})`,
    ],
    ["No cost known", count(totals.withoutCost)],
    ["Tokens in", short(totals.inputTokens)],
    ["Tokens out", short(totals.outputTokens)],
  ];
  return `<ul class="cards">${
    facts.map(([name, value]) => `<li><span class="muted">${name}</span><b>${value}</b></li>`).join(
      "",
    )
  }</ul>`;
}

function sectionsOf(report: Report): string[] {
  const { unit, models, dids, sessions, labels, budgets, drifts, latency } = report;
  const points = pointsOf(report, unit);
  const nothing = "Nothing was called in this range.";
  return [
    charted(`Cost by ${unit} and model`, spendSeries(report, points), nothing),
    section(
      "Models",
      models.length === 0 ? note(nothing) : countsTable(
        "Model",
        models.map(({ model, ...counts }) => [model, counts]),
      ),
    ),
    charted(`Tokens by ${unit}`, tokenSeries(report, points), nothing),
    ...(latency === null ? [] : [
      charted(
        "Time to the first byte",
        latencySeries(latency, points, "firstByte"),
        "No answered call was looked at.",
      ),
      charted(
        "Time to the end",
        latencySeries(latency, points, "whole"),
        "No answered call was looked at.",
      ),
    ]),
    charted(`Failures by ${unit} and kind`, failureSeries(report, points), "Nothing failed."),
    charted(
      `Requests without a known cost, by ${unit}`,
      unknownSeries(report, points),
      "The cost of every request is known.",
    ),
    ...(dids === null ? [] : [section(
      "DIDs that spent most",
      dids.length === 0
        ? note(nothing)
        : countsTable("DID", dids.map(({ did, ...counts }) => [did, counts]), true),
    )]),
    ...tagged("Sessions", "Session", sessions.map(({ session, ...rest }) => [session, rest])),
    ...tagged("Labels", "Label", labels.map(({ label, ...rest }) => [label, rest])),
    section(
      "Budgets, now",
      budgets.length === 0
        ? note("No budget is set, or nothing was called yet.")
        : budgetTable(budgets),
    ),
    ...(drifts === null ? [] : [section(
      "Drift, now",
      drifts.length === 0
        ? note("OpenRouter's sums and the books agree, as far as they were compared.")
        : driftTable(drifts),
    )]),
  ];
}

function tagged(title: string, name: string, rows: Parameters<typeof countsTable>[1]): string[] {
  return rows.length === 0 ? [] : [section(`${title} that cost most`, countsTable(name, rows))];
}

function section(title: string, content: string): string {
  return `<section><h2>${escaped(title)}</h2>${content}</section>`;
}

function charted(title: string, data: ChartData, nothing: string): string {
  const isEmpty = data.series.every(({ values }) => values.every((value) => !value));
  return section(
    title,
    isEmpty ? note(nothing) : chart(data) + figuresOf(data.points, data.series, data.format),
  );
}

function note(text: string): string {
  return `<p class="note">${escaped(text)}</p>`;
}

function leftOut({ leftOut }: Report): string {
  if (leftOut.length === 0) return "";
  return `<footer><h2>What is left out</h2><ul class="note">${
    leftOut.map((sentence) => `<li>${escaped(sentence)}</li>`).join("")
  }</ul></footer>`;
}
