/** The section of a report about gateways side by side. */
import type { Figure } from "./figures.ts";
import { type Column, figure, markdownTable } from "./markdown_table.ts";
import { IN_MEMORY, ON_STACK, PASS_THROUGH, PORTKEY, UPSTREAM } from "./targets.ts";

type FigureName =
  | "perSecond"
  | "p50"
  | "p99"
  | "firstByteP50"
  | "cpuMsPerCall"
  | "gapP50Added"
  | "gapAdded";

const WHO: Column<Figure>[] = [
  { title: "", of: ({ target }) => target },
  { title: "clients", of: ({ clients }) => String(clients) },
];
const column = (title: string, name: FigureName, digits: number): Column<Figure> => ({
  title,
  of: (row) => figure(row[name], digits),
});
const COST: Column<Figure>[] = [
  column("CPU ms/call", "cpuMsPerCall", 2),
  { title: "peak MB", of: ({ peakMemoryMb }) => figure(peakMemoryMb) },
  { title: "load's CPU", of: ({ generatorBusy }) => `${figure(generatorBusy * 100)} %` },
];

/** The tables: what each is called, and which shape's figures it shows how. */
const TABLES: { title: string; shape: string; columns: Column<Figure>[]; compared: boolean }[] = [
  {
    title: "JSON",
    shape: "JSON",
    columns: [
      column("calls/s", "perSecond", 0),
      column("p50 ms", "p50", 2),
      column("p99 ms", "p99", 2),
    ],
    compared: true,
  },
  {
    title: "JSON, 20 ms between an answer and the next call",
    shape: "JSON, 20 ms between calls",
    columns: [
      column("p50 ms", "p50", 2),
      column("p99 ms", "p99", 2),
    ],
    compared: false,
  },
  {
    title: "Streams of 100 tokens, as fast as they go",
    shape: "stream",
    columns: [
      column("streams/s", "perSecond", 0),
      column("first token ms", "firstByteP50", 2),
      column("p50 ms", "p50", 2),
      column("p99 ms", "p99", 2),
    ],
    compared: true,
  },
  {
    title: "Streams of 100 tokens, 20 ms apart",
    shape: "stream, 20 ms a token",
    columns: [
      column("first token ms", "firstByteP50", 2),
      column("gap added, ms", "gapP50Added", 2),
      column("worst gap added, ms", "gapAdded", 2),
    ],
    compared: false,
  },
];

/** How a figure of one relates to that of another. */
export interface Ratio {
  what: string;
  ratio: number;
  /** Within one round. */
  least: number;
  most: number;
}

const RATIOS: [
  what: string,
  shape: string,
  clients: number,
  name: "perSecond" | "p50" | "firstByteP50",
  own: string,
  other: string,
][] = [
  [
    "JSON, 32 clients: calls/s, store in memory, of Portkey's",
    "JSON",
    32,
    "perSecond",
    IN_MEMORY,
    PORTKEY,
  ],
  [
    "JSON, 32 clients: calls/s, embedded stack, of Portkey's",
    "JSON",
    32,
    "perSecond",
    ON_STACK,
    PORTKEY,
  ],
  [
    "JSON, 1 client: time at the median, embedded stack, of Portkey's",
    "JSON",
    1,
    "p50",
    ON_STACK,
    PORTKEY,
  ],
  [
    "JSON, 1 client with pauses: time at the median, embedded stack, of Portkey's",
    "JSON, 20 ms between calls",
    1,
    "p50",
    ON_STACK,
    PORTKEY,
  ],
  [
    "Streams, 32 clients: streams/s, store in memory, of the pass-through's",
    "stream",
    32,
    "perSecond",
    IN_MEMORY,
    PASS_THROUGH,
  ],
  [
    "Streams, 32 clients: streams/s, embedded stack, of Portkey's",
    "stream",
    32,
    "perSecond",
    ON_STACK,
    PORTKEY,
  ],
  [
    "Streams, 1 client: time to the first token, embedded stack, of Portkey's",
    "stream",
    1,
    "firstByteP50",
    ON_STACK,
    PORTKEY,
  ],
];

/** Those whose both figures there are. */
export function ratiosOf(figures: readonly Figure[]): Ratio[] {
  const find = (shape: string, clients: number, target: string) =>
    figures.find((row) => row.shape === shape && row.clients === clients && row.target === target);
  return RATIOS.flatMap(([what, shape, clients, name, own, other]) => {
    const [a, b] = [find(shape, clients, own), find(shape, clients, other)];
    if (a === undefined || b === undefined) return [];
    const rounds = a.rounds.map((one) => {
      const beside = b.rounds.find(({ round }) => round === one.round);
      return one[name] / (beside?.[name] ?? NaN);
    });
    return [{
      what,
      ratio: a[name] / b[name],
      least: Math.min(...rounds),
      most: Math.max(...rounds),
    }];
  });
}

/** A column of the throughput relative to somebody's at the same shape. */
function relativeTo(name: string, target: string, figures: readonly Figure[]): Column<Figure> {
  return {
    title: `× ${name}`,
    of: ({ shape, clients, perSecond }) => {
      const other = figures.find((row) =>
        row.target === target && row.shape === shape && row.clients === clients
      );
      return other ? figure(perSecond / other.perSecond, 2) : "";
    },
  };
}

export function loadSection(figures: readonly Figure[]): string {
  const relative = [
    relativeTo("pass-through", PASS_THROUGH, figures),
    relativeTo("Portkey", PORTKEY, figures),
  ];
  const tables = TABLES.flatMap(({ title, shape, columns, compared }) => {
    const rows = figures.filter((row) => row.shape === shape);
    if (rows.length === 0) return [];
    const all = [...WHO, ...columns, ...COST, ...(compared ? relative : [])];
    return [`${title}:`, markdownTable(all, rows)];
  });
  const ratios = ratiosOf(figures);
  return [
    ...(ratios.length === 0 ? [] : [
      markdownTable<Ratio>([
        { title: "within this run", of: ({ what }) => what },
        { title: "ratio", of: ({ ratio }) => `${figure(ratio, 2)} ×` },
        {
          title: "of single rounds",
          of: ({ least, most }) => `${figure(least, 2)} to ${figure(most, 2)}`,
        },
      ], ratios),
    ]),
    ...tables,
    generatorLimit(figures),
  ].join("\n\n");
}

/** What the load itself could do, against the upstream alone. */
function generatorLimit(figures: readonly Figure[]): string {
  const limits = figures
    .filter(({ target, shape }) => target === UPSTREAM && (shape === "JSON" || shape === "stream"))
    .filter(({ clients }) => clients === 32)
    .map(({ shape, perSecond, generatorBusy }) =>
      `${figure(perSecond)} ${shape === "JSON" ? "JSON calls" : "streams"}/s ` +
      `(${figure(generatorBusy * 100)} % of a core)`
    );
  const others = figures.filter(({ target }) => target !== UPSTREAM && target !== PASS_THROUGH);
  const most = Math.max(...others.map(({ generatorBusy }) => generatorBusy));
  return `The load's own limit, 32 clients against the bare upstream: ${
    limits.join(", ") || "–"
  }. ` +
    `While a gateway was measured it took at most ${figure(most * 100)} % of a core.`;
}
