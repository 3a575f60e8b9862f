/** The main figures as static SVG, drawn by Apache ECharts, for pages light and dark. */
import * as echarts from "echarts";
import type { Figure } from "./figures.ts";
import { figure } from "./markdown_table.ts";
import { IN_MEMORY, ON_STACK, PASS_THROUGH, PORTKEY } from "./targets.ts";

/** The upstream itself is left out: beside it, nothing else could be seen. */
const TARGETS = [PASS_THROUGH, IN_MEMORY, ON_STACK, PORTKEY];
const LABELS: Record<string, string> = { [PORTKEY]: "Portkey (no accounting)" };

type PanelFigure = "perSecond" | "p50" | "firstByteP50";
const PANELS: {
  title: string;
  shape: string;
  clients: number;
  name: PanelFigure;
  digits: number;
}[] = [
  {
    title: "JSON, 32 clients: calls/s (more is better)",
    shape: "JSON",
    clients: 32,
    name: "perSecond",
    digits: 0,
  },
  {
    title: "Streams, 32 clients: streams/s (more is better)",
    shape: "stream",
    clients: 32,
    name: "perSecond",
    digits: 0,
  },
  {
    title: "JSON, 1 client: median, ms (less is better)",
    shape: "JSON",
    clients: 1,
    name: "p50",
    digits: 1,
  },
  {
    title: "Streams, 1 client: first token, ms (less is better)",
    shape: "stream",
    clients: 1,
    name: "firstByteP50",
    digits: 1,
  },
];

const WIDTH = 860;
const HEIGHT = 400;
const MARGIN = 16;
const LABEL_WIDTH = 172;
const VALUE_WIDTH = 60;
const PANEL = { width: (WIDTH - 3 * MARGIN) / 2, height: (HEIGHT - 3 * MARGIN) / 2, title: 28 };
const FONT = "system-ui, sans-serif";

/** The picture follows the reader's system, by itself: an image has no other way. */
const STYLE = `<style>
:root { --page: #ffffff; --text: #24292f; --other: #9aa4af; --own: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --text: #d7dde3; --other: #6b7682; --own: #4ba6dc; }
}
</style>`;

const DESCRIPTION =
  "Bars of a bare pass-through, this gateway with its store in memory and on the " +
  "embedded stack, and Portkey's gateway: calls and streams a second, and times to answers.";

/** @param figures those of the shapes with 1 and 32 clients among them */
export function chart(figures: readonly Figure[]): string {
  const instance = echarts.init(null, null, {
    renderer: "svg",
    ssr: true,
    width: WIDTH,
    height: HEIGHT,
  });
  try {
    instance.setOption({
      animation: false,
      backgroundColor: "var(--page)",
      title: PANELS.map(({ title }, index) => ({
        text: title,
        ...placeOf(index),
        textStyle: { color: "var(--text)", fontFamily: FONT, fontSize: 14, fontWeight: 600 },
      })),
      grid: PANELS.map((_, index) => gridOf(index)),
      xAxis: PANELS.map((_, gridIndex) => ({ type: "value", gridIndex, show: false, min: 0 })),
      yAxis: PANELS.map((_, gridIndex) => ({
        type: "category",
        gridIndex,
        inverse: true,
        data: TARGETS.map((target) => LABELS[target] ?? target),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: "var(--text)", fontFamily: FONT, fontSize: 12 },
      })),
      series: PANELS.map((panel, index) => barsOf(figures, panel, index)),
    });
    return instance.renderToSVGString({ useViewBox: true })
      .replace(/<style[^>]*>[\s\S]*?<\/style>/, "")
      .replace(/<svg ([^>]*)>/, `<svg role="img" aria-label="${DESCRIPTION}" $1>${STYLE}`) + "\n";
  } finally {
    instance.dispose();
  }
}

function placeOf(index: number) {
  return {
    left: MARGIN + (index % 2) * (PANEL.width + MARGIN),
    top: MARGIN + Math.floor(index / 2) * (PANEL.height + MARGIN),
  };
}

function gridOf(index: number) {
  const { left, top } = placeOf(index);
  return {
    left: left + LABEL_WIDTH,
    top: top + PANEL.title,
    width: PANEL.width - LABEL_WIDTH - VALUE_WIDTH,
    height: PANEL.height - PANEL.title,
  };
}

function barsOf(
  figures: readonly Figure[],
  { shape, clients, name, digits }: typeof PANELS[number],
  index: number,
) {
  return {
    type: "bar",
    xAxisIndex: index,
    yAxisIndex: index,
    barWidth: "62%",
    label: {
      show: true,
      position: "right",
      color: "var(--text)",
      fontFamily: FONT,
      fontSize: 12,
      formatter: ({ value }: { value: number }) => figure(value, digits),
    },
    data: TARGETS.map((target) => ({
      value:
        figures.find((row) =>
          row.target === target && row.shape === shape && row.clients === clients
        )?.[name] ?? null,
      itemStyle: {
        color: target === IN_MEMORY || target === ON_STACK ? "var(--own)" : "var(--other)",
      },
    })),
  };
}
