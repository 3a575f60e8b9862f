/**
 * The choices of a stream of chunks: it is over when each that has begun has said why it stopped.
 *
 * Source: docs/openrouter.md, "SSE".
 */
import { isObject } from "../bytes/encodings.ts";

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
      for (const [position, choice] of choicesOf(message).entries()) {
        const { index } = choice;
        const number = Math.min(typeof index === "number" ? index : position, MAX_CHOICES);
        begun.add(number);
        if (typeof choice.finish_reason === "string") finished.add(number);
      }
    },
    haveFinished: () => begun.size > 0 && finished.size === begun.size,
  };
}

/** What a message says of its choices. */
export function choicesOf(message: unknown): Record<string, unknown>[] {
  if (!isObject(message) || !Array.isArray(message.choices)) return [];
  return message.choices.filter(isObject);
}
