/** A run's figures as Markdown, a section for each part. */
import type { ColdStart } from "./cold_start.ts";
import type { GrowthFigure } from "./figures.ts";
import { loadSection } from "./load_section.ts";
import { figure, markdownTable } from "./markdown_table.ts";
import { type Part, PARTS, type Report } from "./report.ts";
import type { Sustained } from "./sustained.ts";
import type { Borne } from "./worker.ts";

/** The sections of the parts that were measured. */
export function sectionsOf(report: Report): Map<Part, string> {
  const { load, sustained, worker, growth } = report;
  const cold = report["cold-start"];
  const texts: Record<Part, string | undefined> = {
    load: load && `${roundsOf(report)}\n\n${loadSection(load)}`,
    sustained: sustained && sustainedSection(sustained),
    worker: worker && workerSection(worker),
    "cold-start": cold && coldStartSection(cold),
    growth: growth && `${roundsOf(report)}\n\n${growthSection(growth)}`,
  };
  return new Map(PARTS.flatMap((part): [Part, string][] => {
    const text = texts[part];
    return text === undefined ? [] : [[part, `${originOf(report)}\n\n${text}`]];
  }));
}

function originOf({ machine }: Report): string {
  const { date, cpu, cores, memoryGb, kernel, deno, edgeDeno, node } = machine;
  return `Measured on ${date}: ${cpu}, ${cores} cores, ${memoryGb} GB, ${kernel}; Deno ${deno} ` +
    `(Supabase's: ${edgeDeno}), Node ${node.replace("v", "")}.`;
}

function roundsOf({ rounds }: Report): string {
  return rounds === 1 ? "One round." : `Medians of ${rounds} rounds.`;
}

function sustainedSection(all: readonly Sustained[]): string {
  return markdownTable<Sustained>([
    { title: "", of: ({ target }) => target },
    { title: "streams at once", of: ({ streams }) => figure(streams) },
    { title: "p50 ms", of: ({ p50 }) => figure(p50) },
    { title: "p99 ms", of: ({ p99 }) => figure(p99) },
    { title: "CPU ms/stream", of: ({ cpuMsPerCall }) => figure(cpuMsPerCall, 2) },
    { title: "peak MB", of: ({ peakMemoryMb }) => figure(peakMemoryMb) },
    { title: "load's CPU", of: ({ generatorBusy }) => `${figure(generatorBusy * 100)} %` },
  ], all);
}

function workerSection(all: readonly Borne[]): string {
  return markdownTable<Borne>([
    { title: "", of: ({ what }) => what },
    { title: "CPU ms/call", of: ({ cpuMsPerCall }) => figure(cpuMsPerCall, 1) },
    { title: "idle MB", of: ({ idleMb }) => figure(idleMb, 1) },
    { title: "peak MB", of: ({ peakMb }) => figure(peakMb, 1) },
  ], all);
}

function coldStartSection({ firstAnswers, imports, bundle }: ColdStart): string {
  const { start, all } = bundle.minifiedKb;
  return [
    "From the start of the process to the first answer:",
    markdownTable<ColdStart["firstAnswers"][number]>([
      { title: "Deno", of: ({ deno }) => deno },
      { title: "a server that does nothing, ms", of: ({ bareMs }) => figure(bareMs) },
      { title: "the gateway, ms", of: ({ gatewayMs }) => figure(gatewayMs) },
      { title: "added, ms", of: ({ bareMs, gatewayMs }) => figure(gatewayMs - bareMs) },
    ], firstAnswers),
    "Imports in a process of their own:",
    markdownTable<ColdStart["imports"][number]>([
      { title: "", of: ({ name }) => name },
      { title: "read", of: ({ isLazy }) => isLazy ? "when needed" : "at the start" },
      { title: "ms", of: ({ ms }) => figure(ms, 1) },
    ], imports),
    `Sizes of what is read, before minification (minified: ${figure(start)} kB at the start, ` +
    `${figure(all)} kB in all):`,
    markdownTable<ColdStart["bundle"]["parts"][number]>([
      { title: "", of: ({ name }) => name },
      { title: "at the start, kB", of: ({ startKb }) => figure(startKb) },
      { title: "when needed, kB", of: ({ lazyKb }) => figure(lazyKb) },
    ], bundle.parts),
  ].join("\n\n");
}

const GROWING: Record<GrowthFigure["of"], string> = {
  rows: "rows in the log",
  dids: "DIDs",
  processes: "processes on one database",
};

function growthSection(figures: readonly GrowthFigure[]): string {
  return Object.entries(GROWING).flatMap(([of, title]) => {
    const rows = figures.filter((row) => row.of === of);
    const first = rows[0];
    if (first === undefined) return [];
    return [markdownTable<GrowthFigure>([
      { title, of: ({ size }) => figure(size) },
      { title: "calls/s", of: ({ perSecond }) => figure(perSecond) },
      {
        title: `× that of ${figure(first.size)}`,
        of: ({ perSecond }) => figure(perSecond / first.perSecond, 2),
      },
      { title: "p50 ms", of: ({ p50 }) => figure(p50, 1) },
      { title: "p99 ms", of: ({ p99 }) => figure(p99, 1) },
      { title: "CPU ms/call", of: ({ cpuMsPerCall }) => figure(cpuMsPerCall, 2) },
      ...(of === "processes" ? [] : [
        { title: "admission in Postgres, µs", of: (row: GrowthFigure) => figure(row.admitUs) },
        { title: "settlement in Postgres, µs", of: (row: GrowthFigure) => figure(row.settleUs) },
      ]),
    ], rows)];
  }).join("\n\n");
}
