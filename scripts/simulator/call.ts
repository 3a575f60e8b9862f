/** What the simulator is asked. */
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
