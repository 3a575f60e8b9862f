/** What the simulator is asked. */
import type { IncomingHttpHeaders } from "node:http";
import type { Faults } from "./faults.ts";
import type { Key, Ledger } from "./ledger.ts";

/** A request whose sender is known. */
export interface Call {
  /** The query, e.g. `id=gen-…`. */
  query: URLSearchParams;
  /** Members of the JSON object or of the form; empty without a body. */
  body: Record<string, unknown>;
  /** The route as the table of endpoints names it, e.g. `POST /chat/completions`. */
  route: string;
  headers: IncomingHttpHeaders;
  /** The values of the route's `:parameters`, joined by slashes; empty where it has none. */
  parameter: string;
  faults: Faults;
  /** The ordinary key that called; null for the management key, or on a public route. */
  key: Key | null;
  ledger: Ledger;
}
