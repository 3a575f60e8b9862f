/** Colours and patterns of series, and how lines are drawn: each series differs in more than its colour. */

/** Okabe and Ito's colours, which colour-blind people tell apart; lighter ones on a dark page. */
const COLOURS: readonly [light: string, dark: string][] = [
  ["#0072b2", "#4ba6dc"],
  ["#e69f00", "#e8ab2c"],
  ["#009e73", "#2fbf95"],
  ["#cc79a7", "#d992b9"],
  ["#56b4e9", "#8fd0f5"],
  ["#d55e00", "#f0803a"],
  ["#7a6fc1", "#a9a0e6"],
  ["#8a8a8a", "#9a9a9a"],
];

const DECALS = [
  { symbol: "none" },
  { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4 },
  { symbol: "circle", dashArrayX: [[6, 6], [0, 6, 6, 0]], dashArrayY: [5, 0], symbolSize: 0.7 },
  { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: Math.PI / 4 },
  { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 3], rotation: 0 },
  { symbol: "rect", dashArrayX: [[4, 4], [0, 4, 4, 0]], dashArrayY: [4, 0] },
  { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 3], rotation: Math.PI / 2 },
  { symbol: "none" },
] as const;
const LINES = ["solid", "dashed", "dotted"] as const;
const SYMBOLS = ["circle", "rect", "triangle"] as const;

export function colourOf(index: number): string {
  return `var(--series-${index % COLOURS.length})`;
}

export function decalOf(index: number) {
  return { ...DECALS[index % DECALS.length]!, color: "rgba(0, 0, 0, 0.32)" };
}

export function lineOf(index: number) {
  return { type: LINES[index % LINES.length]!, symbol: SYMBOLS[index % SYMBOLS.length]! };
}

/** The custom properties of the series, of a light page or a dark one. */
export function seriesProperties(theme: "light" | "dark"): string {
  return COLOURS.map(([light, dark], index) =>
    `--series-${index}: ${theme === "light" ? light : dark};`
  ).join(" ");
}
