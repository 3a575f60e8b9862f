/** Charts as static SVG, drawn by Apache ECharts; their colours follow the page. */
import * as echarts from "echarts";
import { escaped } from "./escape.ts";
import { colourOf, decalOf, lineOf } from "./palette.ts";

/** What a chart shows: values by point of time. */
export interface ChartData {
  /** For those who do not see it. */
  description: string;
  kind: "stack" | "lines";
  points: string[];
  series: { name: string; values: (number | null)[] }[];
  /** What the axis of values says: its unit. */
  unit: string;
  /** A value among the figures, and on that axis, where there is little room. */
  format: (value: number) => string;
  axisFormat: (value: number) => string;
}

/** A chart is drawn for a desk and for a phone: scaled down, its text could not be read. */
const SIZES = [
  { name: "wide", width: 860, height: 300, ticks: 10 },
  { name: "narrow", width: 340, height: 240, ticks: 4 },
] as const;

const FONT = "system-ui, sans-serif";
const TEXT = { color: "var(--muted)", fontFamily: FONT, fontSize: 12 };

/** @returns HTML: both sizes, of which the page shows one, and what the series are called */
export function chart(data: ChartData): string {
  return `${legend(data)}${SIZES.map((size) => drawn(data, size)).join("")}`;
}

function drawn(data: ChartData, { name, width, height, ticks }: typeof SIZES[number]): string {
  const instance = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    instance.setOption(optionOf(data, ticks));
    const svg = instance.renderToSVGString({ useViewBox: true })
      .replace("<svg ", `<svg role="img" aria-label="${escaped(data.description)}" `)
      // The rules are for hovering, which changes nothing in a static chart.
      .replace(/<style[^>]*>[\s\S]*?<\/style>/, "");
    return `<div class="chart ${name}" style="max-width:${width}px">${svg}</div>`;
  } finally {
    instance.dispose();
  }
}

function optionOf({ kind, points, series, unit, axisFormat }: ChartData, ticks: number) {
  const every = Math.max(1, Math.ceil(points.length / ticks));
  return {
    animation: false,
    backgroundColor: "transparent",
    // Room for the labels is reckoned by ECharts, which knows no fonts here: some more is left.
    grid: { left: 74, right: 22, top: 34, bottom: 30, containLabel: false },
    xAxis: {
      type: "category",
      data: points,
      boundaryGap: true,
      axisLabel: {
        ...TEXT,
        interval: (index: number) => index % every === 0,
        formatter: (day: string) => dateLabel(day),
        hideOverlap: true,
      },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: "var(--rule)" } },
    },
    yAxis: {
      type: "value",
      name: unit,
      nameLocation: "end",
      nameGap: 14,
      nameTextStyle: { ...TEXT, align: "left", padding: [0, 0, 0, -66] },
      min: 0,
      splitNumber: 4,
      minInterval: unit.startsWith("US") || unit === "seconds" ? 0 : 1,
      axisLabel: { ...TEXT, formatter: (value: number) => axisFormat(value) },
      splitLine: { lineStyle: { color: "var(--rule)" } },
    },
    series: series.map(({ values }, index) =>
      kind === "stack" ? bars(values, index) : line(values, index)
    ),
  };
}

function bars(values: (number | null)[], index: number) {
  return {
    type: "bar",
    stack: "all",
    data: values,
    barMaxWidth: 36,
    barCategoryGap: "18%",
    itemStyle: { color: colourOf(index), decal: decalOf(index) },
  };
}

function line(values: (number | null)[], index: number) {
  const { type, symbol } = lineOf(index);
  return {
    type: "line",
    data: values,
    symbol,
    symbolSize: values.length > 45 ? 3 : values.length > 10 ? 6 : 10,
    showAllSymbol: true,
    lineStyle: { color: colourOf(index), type, width: 2 },
    itemStyle: { color: colourOf(index) },
  };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function dateLabel(day: string): string {
  const [, month, date] = day.split("-");
  return `${Number(date)} ${MONTHS[Number(month) - 1]}`;
}

/** Each series with a swatch that ECharts drew, so that it looks as it does in the chart. */
function legend({ kind, series }: ChartData): string {
  const items = series.map(({ name }, index) => `<li>${swatch(kind, index)}${escaped(name)}</li>`);
  return `<ul class="legend">${items.join("")}</ul>`;
}

function swatch(kind: ChartData["kind"], index: number): string {
  const [width, height] = kind === "stack" ? [16, 14] : [34, 14];
  const instance = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  const axis = { type: "category", show: false, data: kind === "stack" ? [""] : ["", "", ""] };
  try {
    instance.setOption({
      animation: false,
      grid: { left: 0, right: 0, top: 0, bottom: 0 },
      xAxis: axis,
      yAxis: { type: "value", show: false, min: 0, max: 1 },
      series: [
        kind === "stack"
          ? { ...bars([1], index), barCategoryGap: "0%" }
          : { ...line([0.5, 0.5, 0.5], index), symbolSize: 6 },
      ],
    });
    return instance.renderToSVGString().replace("<svg ", '<svg aria-hidden="true" ')
      .replace(/<style[^>]*>[\s\S]*?<\/style>/, "");
  } finally {
    instance.dispose();
  }
}
