/** The query of a route of ours: a misspelt filter must not look like a total. */
import { GatewayError } from "../errors.ts";

/** supabase-js says with it where the function shall run; it is for the platform. */
const PLATFORM = ["forceFunctionRegion"];

/**
 * @param known the names of the route's parameters
 * @throws {GatewayError} invalid_request, naming the first parameter that is none of them
 */
export function queryOf(url: string, known: readonly string[]): URLSearchParams {
  // Not by a parser of URLs, which a Host that is none makes throw: Deno's server writes it there.
  const query = new URLSearchParams(/\?[^#]*/.exec(url)?.[0]);
  for (const name of query.keys()) {
    if (known.includes(name) || PLATFORM.includes(name)) continue;
    const taken = known.length === 0 ? "it takes none" : `it takes ${known.join(", ")}`;
    throw new GatewayError("invalid_request", `${name} is no parameter of this route: ${taken}`, {
      details: { param: name },
    });
  }
  return query;
}
