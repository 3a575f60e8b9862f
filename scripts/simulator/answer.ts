/** What travels between the simulator's parts: a call, and the answer to it. */
import type { Faults } from "./faults.ts";
import type { Key, Ledger } from "./ledger.ts";

/** A request whose sender is known. */
export interface Call {
  /** The query, e.g. `id=gen-…`. */
  query: URLSearchParams;
  /** Members of the JSON object or of the form; empty without a body. */
  body: Record<string, unknown>;
  /** The value of the route's `:parameter`; empty where it has none. */
  parameter: string;
  faults: Faults;
  /** The ordinary key that called; null for the management key, or on a public route. */
  key: Key | null;
  ledger: Ledger;
}

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

/** Where `drop:N` or `hang:N` breaks a body, in chunks. */
export function breakPoint(faults: Faults): { at: number; step: Step } | null {
  for (const breaks of ["drop", "hang"] as const) {
    const at = faults.number(breaks);
    if (at !== undefined) return { at, step: { breaks } };
  }
  return null;
}
