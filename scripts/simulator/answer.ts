/** What the simulator answers. */

/** A piece of a streamed body, or what happens before the next piece. */
export type Step = string | Uint8Array | { waitMs: number } | { breaks: "drop" | "hang" };

export interface Answer {
  status: number;
  headers: Record<string, string | string[]>;
  /** A whole body, or the steps of a stream. */
  body: string | Uint8Array | Iterable<Step>;
  /** Called once the connection is closed, however it ended. */
  closed?: () => void;
}

/** Shapes an answer with a JSON body. */
export function json(value: unknown, headers: Answer["headers"] = {}, status = 200): Answer {
  return {
    status,
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(value),
  };
}
