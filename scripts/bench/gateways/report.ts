/** What a run of the bench has measured; parts that were not asked for are missing. */
import type { ColdStart } from "./cold_start.ts";
import type { Figure, GrowthFigure } from "./figures.ts";
import type { Machine } from "./machine.ts";
import type { Borne } from "./worker.ts";
import type { Sustained } from "./sustained.ts";

export interface Report {
  machine: Machine;
  rounds: number;
  load?: Figure[];
  sustained?: Sustained[];
  worker?: Borne[];
  "cold-start"?: ColdStart;
  growth?: GrowthFigure[];
}

/** The parts of the bench, in the order of a report. */
export const PARTS = ["load", "sustained", "worker", "cold-start", "growth"] as const;
export type Part = typeof PARTS[number];
