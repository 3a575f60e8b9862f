/** What each chart of a report shows. */
import { count, dollars, duration, short, shortDollars } from "../figures.ts";
import { type LatencyPoint, NAMED_MODELS, OTHER, type Report } from "../report.ts";
import type { ChartData } from "./chart.ts";

const MOST_KINDS = 7;

/** Sums by point of time and name, as series. */
function stacked(
  points: string[],
  names: string[],
  rows: { at: string; name: string; value: number }[],
): ChartData["series"] {
  const index = new Map(points.map((point, place) => [point, place]));
  const series = names.map((name) => ({ name, values: points.map(() => 0) }));
  const byName = new Map(series.map((one) => [one.name, one]));
  for (const { at, name, value } of rows) {
    const place = index.get(at);
    const values = byName.get(name)?.values;
    if (place !== undefined && values !== undefined) values[place]! += value;
  }
  return series;
}

export function spendSeries({ unit, models, series }: Report, points: string[]): ChartData {
  const named = models.slice(0, NAMED_MODELS).map(({ model }) => model);
  const hasOthers = series.some(({ model }) => model === OTHER);
  return {
    kind: "stack",
    description: `Cost in US dollars by ${unit}, stacked by model.`,
    points,
    series: stacked(
      points,
      hasOthers ? [...named, OTHER] : named,
      series.map(({ at, model, costUsd }) => ({ at, name: model, value: Number(costUsd) })),
    ).filter(({ values }) => values.some((value) => (value ?? 0) > 0)),
    unit: `US dollars a ${unit}`,
    format: dollars,
    axisFormat: shortDollars,
  };
}

export function tokenSeries({ unit, series }: Report, points: string[]): ChartData {
  return {
    kind: "stack",
    description: `Tokens by ${unit}: those that went in, and those that came out.`,
    points,
    series: stacked(
      points,
      ["in (prompts)", "out (answers)"],
      series.flatMap(({ at, inputTokens, outputTokens }) => [
        { at, name: "in (prompts)", value: inputTokens },
        { at, name: "out (answers)", value: outputTokens },
      ]),
    ),
    unit: `tokens a ${unit}`,
    format: count,
    axisFormat: short,
  };
}

export function failureSeries({ unit, failures }: Report, points: string[]): ChartData {
  const sums = new Map<string, number>();
  for (const { kind, count } of failures) sums.set(kind, (sums.get(kind) ?? 0) + count);
  const kinds = [...sums].sort(([, a], [, b]) => b - a).map(([kind]) => kind);
  const named = kinds.slice(0, MOST_KINDS);
  const others = "other kinds";
  return {
    kind: "stack",
    description: `Failed requests by ${unit}, stacked by kind.`,
    points,
    series: stacked(
      points,
      kinds.length > MOST_KINDS ? [...named, others] : named,
      failures.map(({ at, kind, count }) => ({
        at,
        name: named.includes(kind) ? kind : others,
        value: count,
      })),
    ),
    unit: `failures a ${unit}`,
    format: count,
    axisFormat: short,
  };
}

const UNKNOWN = "no cost known";

export function unknownSeries({ unit, series }: Report, points: string[]): ChartData {
  return {
    kind: "stack",
    description: `Requests whose cost is not known, by ${unit}.`,
    points,
    series: stacked(
      points,
      [UNKNOWN],
      series.map(({ at, withoutCost }) => ({ at, name: UNKNOWN, value: withoutCost })),
    ),
    unit: `requests a ${unit}`,
    format: count,
    axisFormat: short,
  };
}

const PERCENTILES = ["p50", "p95", "p99"] as const;
const NAMES = { p50: "p50 (median)", p95: "p95", p99: "p99" };

export function latencySeries(
  latency: LatencyPoint[],
  points: string[],
  what: "firstByte" | "whole",
): ChartData {
  const byPoint = new Map(latency.map((point) => [point.at, point[what]]));
  return {
    kind: "lines",
    description: `Seconds to the ${
      what === "whole" ? "end" : "first byte"
    } of answers: percentiles.`,
    points,
    series: PERCENTILES.map((name) => ({
      name: NAMES[name],
      values: points.map((point) => {
        const ms = byPoint.get(point)?.[name];
        return ms === undefined ? null : ms / 1000;
      }),
    })),
    unit: "seconds",
    format: (seconds) => duration(seconds * 1000),
    axisFormat: (seconds) => duration(seconds * 1000),
  };
}
