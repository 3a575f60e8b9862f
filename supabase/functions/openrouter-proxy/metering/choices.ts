/**
 * The choices of a stream of chunks: it is over when each that has begun has said why it stopped.
 *
 * Source: docs/openrouter.md, "SSE".
 */
import { isObject } from "../bytes/encodings.ts";
import type { Json } from "./told_values.ts";

export interface Choices {
  /** @param message the data of the next event */
  observe(message: unknown): void;
  /** Whether there are choices, and all that have begun have finished. */
  haveFinished(): boolean;
}

/** OpenAI's API makes as many at most; those beyond count as one. */
const MAX_CHOICES = 128;

export function createChoices(): Choices {
  const begun = new Set<number>();
  const finished = new Set<number>();
  return {
    observe(message) {
      choicesOf(message).forEach(({ index, finish_reason }, position) => {
        const number = Math.min(typeof index === "number" ? index : position, MAX_CHOICES);
        begun.add(number);
        if (typeof finish_reason === "string") finished.add(number);
      });
    },
    haveFinished: () => begun.size > 0 && finished.size === begun.size,
  };
}

const NO_CHOICES: readonly Json[] = [];

/** What a message says of its choices. */
export function choicesOf(message: unknown): readonly Json[] {
  if (!isObject(message) || !Array.isArray(message.choices)) return NO_CHOICES;
  const { choices } = message;
  return choices.every(isObject) ? choices : choices.filter(isObject);
}
