/** What the jobs of maintenance have in common. */
import type { Turn } from "./turn.ts";

/** What a job has done in its turn. */
export interface Outcome {
  /** How many things it has put right. */
  done: number;
  /** How many it knows of that are still to be done, now or later; null: it does not know. */
  left: number | null;
  /** More, by name, where one number does not say it. */
  details?: Record<string, number>;
}

export type Job = (turn: Turn) => Promise<Outcome>;

/** How many requests to OpenRouter a job has under way at a time. */
export const AT_A_TIME = 8;
