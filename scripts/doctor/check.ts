/** What a check is, and what it finds. */
import type { Patient } from "./patient.ts";

export type Finding =
  | { state: "ok"; detail: string }
  /** The remedy is what to do, or to paste. */
  | { state: "bad"; detail: string; remedy: string }
  /** What keeps it from being looked at: neither good nor bad. */
  | { state: "unchecked"; detail: string };

export interface Check {
  /** Short, and the same in each version: programs read it. */
  name: string;
  /** In a sentence, for the help. */
  looksAt: string;
  /** The checks without whose success this one would only say the same again. */
  after?: readonly string[];
  /** What it throws counts as bad, with `remedyOfError`. */
  look(patient: Patient): Promise<Finding>;
  /** Where it can be said; otherwise the function's log may. */
  remedyOfError?: string | ((patient: Patient) => string);
}

export const ok = (detail: string): Finding => ({ state: "ok", detail });
export const bad = (detail: string, remedy: string): Finding => ({ state: "bad", detail, remedy });
export const unchecked = (detail: string): Finding => ({ state: "unchecked", detail });
