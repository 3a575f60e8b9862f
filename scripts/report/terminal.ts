/** A report for a terminal. */
import { count, dollars, duration, percent, short, shortDid, sparkline } from "./figures.ts";
import { pointsOf } from "./range.ts";
import type { Counts, Report } from "./report.ts";

const SPARK_WIDTH = 30;
const MOST_MODELS = 15;

export function terminalOf(report: Report): string {
  const { did, from, to, totals, models, leftOut } = report;
  const sections = [
    [
      `${did ?? "All DIDs"}, ${from} to ${to} (UTC)`,
      `${dollars(totals.costUsd)} for ${count(totals.requests)} request${
        totals.requests === 1 ? "" : "s"
      }, ` +
      `${short(totals.inputTokens)} tokens in, ${short(totals.outputTokens)} out; ` +
      `${count(totals.failed)} failed (${percent(totals.failed, totals.requests)}), ` +
      `${count(totals.withoutCost)} of unknown cost`,
    ],
    models.length === 0 ? ["Nothing was called."] : modelTable(report),
    tableOf("failures", ["kind", "count"], failureRows(report)),
    latencyLines(report),
    countsTable("DID", (report.dids ?? []).map(({ did, ...counts }) => [shortDid(did), counts])),
    countsTable("session", report.sessions.map(({ session, ...rest }) => [clean(session), rest])),
    countsTable("label", report.labels.map(({ label, ...rest }) => [clean(label), rest])),
    tableOf(
      "budgets, now",
      ["of", "period", "spent", "reserved", "limit", "used"],
      budgetRows(report),
    ),
    tableOf("drift, now", ["DID", "OpenRouter − books", "since"], driftRows(report)),
    leftOut.length === 0 ? [] : ["Left out", ...leftOut.map((sentence) => `  ${sentence}`)],
  ];
  return sections.filter((lines) => lines.length > 0).map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function modelTable(report: Report): string[] {
  const points = pointsOf(report, report.unit);
  const rows = report.models.slice(0, MOST_MODELS).map(({ model, ...counts }) => {
    const costs = new Map(
      report.series.filter((row) => row.model === model).map((
        row,
      ) => [row.at, Number(row.costUsd)]),
    );
    return [
      clean(model),
      ...countsCells(counts),
      sparkline(points.map((point) => costs.get(point) ?? 0), SPARK_WIDTH),
    ];
  });
  return tableOf(null, ["model", ...COUNTS, `cost by ${report.unit}`], rows);
}

const COUNTS = ["requests", "failed", "no cost", "in", "out", "cost"];

function countsCells(counts: Counts): string[] {
  return [
    count(counts.requests),
    count(counts.failed),
    count(counts.withoutCost),
    short(counts.inputTokens),
    short(counts.outputTokens),
    dollars(counts.costUsd),
  ];
}

function countsTable(name: string, rows: [string, Counts][]): string[] {
  return tableOf(
    null,
    [name, ...COUNTS],
    rows.map(([what, counts]) => [what, ...countsCells(counts)]),
  );
}

function failureRows({ failures }: Report): string[][] {
  const kinds = new Map<string, number>();
  for (const { kind, count } of failures) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  return [...kinds].sort(([, a], [, b]) => b - a).map(([kind, sum]) => [kind, count(sum)]);
}

function latencyLines({ latency }: Report): string[] {
  const last = latency?.findLast(({ whole }) => whole !== null);
  if (!last) return [];
  const rows = [["first byte", last.firstByte], ["end", last.whole]] as const;
  return tableOf(
    `latency, ${last.at}`,
    ["to the", "p50", "p95", "p99"],
    rows.flatMap(([what, of]) =>
      of === null ? [] : [[what, duration(of.p50), duration(of.p95), duration(of.p99)]]
    ),
  );
}

function budgetRows({ budgets }: Report): string[][] {
  return budgets.map(({ did, period, limitUsd, spentUsd, reservedUsd }) => [
    did === null ? "the gateway" : shortDid(did),
    period,
    dollars(spentUsd),
    dollars(reservedUsd),
    dollars(limitUsd),
    percent(Number(spentUsd) + Number(reservedUsd), Number(limitUsd)),
  ]);
}

function driftRows({ drifts }: Report): string[][] {
  return (drifts ?? []).map(({ did, driftUsd, since, counts }) => [
    shortDid(did),
    dollars(driftUsd),
    `${since.toISOString().slice(0, 16)}Z${counts ? "" : " (too young to count)"}`,
  ]);
}

/** Columns of figures to the right, the first and whatever is no figure to the left. */
function tableOf(title: string | null, header: string[], rows: string[][]): string[] {
  if (rows.length === 0) return [];
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0))
  );
  const isFigure = header.map((_, column) =>
    column > 0 && rows.every((row) => /^[−\d$–]/.test(row[column] ?? ""))
  );
  const line = (cells: string[]) =>
    `  ${
      cells.map((cell, column) =>
        isFigure[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
      ).join("  ")
    }`.trimEnd();
  return [...(title === null ? [] : [title]), line(header), ...rows.map(line)];
}

/** Models, sessions and labels are the clients' words: none of them moves the cursor. */
function clean(text: string): string {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "�").slice(0, 60);
}
