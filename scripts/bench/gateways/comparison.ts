/** The rounds' medians, side by side. */
import type { Measured } from "./measure.ts";

/** Medians over the rounds of one target and shape. */
export type Figure = Measured & { rounds: number };

export interface Comparison {
  figures: Figure[];
  /** A table for each shape. */
  text: string;
}

/** What is compared with everybody else's, and its own limit. */
const PEER = "Portkey 1.15.2";
const FLOOR = "pass-through";

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function figuresOf(measured: Measured[]): Figure[] {
  const groups = Map.groupBy(
    measured,
    ({ target, shape, clients }) => `${shape} ${clients} ${target}`,
  );
  return [...groups.values()].map((rounds) => {
    const of = (name: keyof Measured) => median(rounds.map((round) => Number(round[name])));
    const { target, shape, clients } = rounds[0]!;
    return {
      target,
      shape,
      clients,
      rounds: rounds.length,
      calls: of("calls"),
      perSecond: of("perSecond"),
      p50: of("p50"),
      p99: of("p99"),
      firstByteP50: of("firstByteP50"),
      gapP50: of("gapP50"),
      gapMax: of("gapMax"),
      failures: of("failures"),
      cpuMsPerCall: of("cpuMsPerCall"),
      peakMemoryMb: of("peakMemoryMb"),
    };
  });
}

export function comparison(measured: Measured[]): Comparison {
  const figures = figuresOf(measured);
  const shapes = Map.groupBy(figures, ({ shape, clients }) => `${shape}, ${clients} clients`);
  const text = [...shapes].map(([name, rows]) => {
    const peer = rows.find(({ target }) => target === PEER);
    const floor = rows.find(({ target }) => target === FLOOR);
    const header = [
      "",
      "calls/s",
      "p50 ms",
      "p99 ms",
      "first ms",
      "worst gap ms",
      "CPU ms/call",
      "MB",
    ]
      .concat(["x Portkey", "x pass-through"]);
    const lines = rows.map((row) => [
      row.target,
      row.perSecond.toFixed(0),
      row.p50.toFixed(2),
      row.p99.toFixed(2),
      row.firstByteP50.toFixed(2),
      row.gapMax.toFixed(1),
      row.cpuMsPerCall.toFixed(2),
      row.peakMemoryMb.toFixed(0),
      peer ? (row.perSecond / peer.perSecond).toFixed(2) : "",
      floor ? (row.perSecond / floor.perSecond).toFixed(2) : "",
    ]);
    return `\n${name}\n${aligned([header, ...lines])}`;
  }).join("\n");
  return { figures, text };
}

function aligned(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)
    ).join("  ")
  ).join("\n");
}
