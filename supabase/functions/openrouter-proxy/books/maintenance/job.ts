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

/** @param step how many it has put right: those that Postgres does at once */
export function untilNothingIsLeft(step: () => Promise<number>): Job {
  return async (turn) => {
    let done = 0;
    while (turn.stopped() === null) {
      const more = await step();
      done += more;
      if (more === 0) return { done, left: 0 };
    }
    return { done, left: null };
  };
}

/** How many requests to OpenRouter a job has under way at a time. */
export const AT_A_TIME = 8;
