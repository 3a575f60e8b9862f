/**
 * What the end of a call means for its row: whether it failed, what it costs as far as that is known,
 * whether OpenRouter is asked for the rest, and whether the client may send the same again.
 *
 * Pure: all that is decided about endings is decided here.
 *
 * Source: docs/protocol.md, "Idempotency"; docs/openrouter.md, "Usage in a chat completion" and "Errors".
 */
import { storable } from "../bytes/storable.ts";
import { describeError } from "../errors.ts";
import type { Progress } from "../metering/meter.ts";
import type { Observed } from "../metering/usage.ts";

/** How a call can end. */
export type Ending =
  /** OpenRouter's whole answer was read. */
  | { kind: "answered" }
  /** The answer ended well, and holds nothing: no byte, no event, no JSON that is whole. */
  | { kind: "empty" }
  /** OpenRouter answered with a status that is no success. */
  | { kind: "refused"; status: number }
  /**
   * The client hung up first. `sent`: OpenRouter may have got some of the request; `hadUsage`: usage,
   * which is the last thing of a stream, had been passed on.
   */
  | { kind: "left"; sent: boolean; hadUsage: boolean }
  /** The gateway or the connection to OpenRouter failed. */
  | { kind: "broken"; sent: boolean; error: Error }
  /** The runtime is about to end this worker; should the answer end before, that counts instead. */
  | { kind: "retired"; reason: string };

export interface Verdict {
  /** Why the row counts as failed; null: it is completed. */
  error: string | null;
  /** In OpenRouter's credits, a decimal string; null: not known. */
  cost: string | null;
  /** Whether OpenRouter has to be asked for the cost. */
  asksForCost: boolean;
  /** Whether the same Idempotency-Key may be used again: OpenRouter never got the call, or refused it. */
  mayBeRepeated: boolean;
  /** Whether the row ends for want of a worker, and gives way to whoever knows better. */
  givenUp: boolean;
}

/** A proxy in front of OpenRouter waited in vain: the call may go on behind it, and be charged. */
const GOES_ON: readonly number[] = [504, 520, 524];

/** What was learnt of a call. */
export interface Seen
  extends
    Pick<Observed, "inputTokens" | "outputTokens" | "cost" | "error">,
    Pick<Progress, "hasBegun" | "isOver"> {
  /** Whether its stream went on behind its usage, and OpenRouter can be asked for the whole. */
  mayTellMore: boolean;
}

/** What its request says of the cost of a call. */
export interface Charging {
  /** It costs nothing whatever it uses: a response-cache hit, or a `:free` model without tools. */
  isFree: boolean;
  /** OpenRouter may charge it although it fails, and can be asked. */
  chargesErrors: boolean;
}

export function verdictOn(
  ending: Ending,
  seen: Seen,
  { isFree, chargesErrors }: Charging,
): Verdict {
  const hasUsage = seen.cost !== null || seen.outputTokens !== null || seen.inputTokens !== null;
  const isUnsent = (ending.kind === "left" || ending.kind === "broken") && !ending.sent;
  // What OpenRouter itself refuses has an error of its own.
  const isRefused = ending.kind === "refused" &&
    (seen.error !== null || !GOES_ON.includes(ending.status));
  const isError = seen.error !== null && !hasUsage;
  const isVain = isRefused || (isError && !seen.hasBegun);
  // Usage is cumulative: what a stream has told that was cut off is a part of it.
  const isCutOff = ending.kind === "left" || ending.kind === "broken" ||
    ending.kind === "retired";
  const told = isCutOff && seen.mayTellMore ? null : seen.cost;
  // The whole is not free either of which a part costs something.
  const isFreeIndeed = isFree && (told !== null || Number(seen.cost) === 0);
  const costsNothing = isUnsent || isFreeIndeed || (isVain && !hasUsage && !chargesErrors);
  const cost = told ?? (costsNothing ? "0" : null);
  return {
    error: errorOf(ending, seen),
    cost,
    asksForCost: cost === null && ending.kind !== "retired",
    mayBeRepeated: isUnsent || isRefused || isError,
    givenUp: ending.kind === "retired",
  };
}

function errorOf(ending: Ending, seen: Seen): string | null {
  if (seen.error !== null) return seen.error;
  switch (ending.kind) {
    case "answered":
      return null;
    case "empty":
      return "OpenRouter's answer is empty, or was cut off";
    case "refused":
      return `OpenRouter answered with status ${ending.status}`;
    case "left":
      return ending.hadUsage ? null : "client_disconnected";
    case "broken":
      // Whatever broke after the end and the usage of a stream, the answer had been given.
      if (seen.isOver && seen.cost !== null) return null;
      return storable(describeError(ending.error, false).error);
    case "retired":
      return storable(`worker_retired: ${ending.reason}`);
  }
}
