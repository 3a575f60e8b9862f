/** The query of a route of ours: a misspelt filter must not look like a total. */
import { GatewayError } from "../errors.ts";

/** supabase-js says with it where the function shall run; it is for the platform. */
const PLATFORM = ["forceFunctionRegion"];

/**
 * @param known the names of the route's parameters, each of which may be given once
 * @throws {GatewayError} invalid_request, naming the first parameter that is none of them, is given twice
 *   or is not UTF-8
 */
export function queryOf(url: string, known: readonly string[]): URLSearchParams {
  // Not by a parser of URLs, which a Host that is none makes throw: Deno's server writes it there.
  const text = /\?([^#]*)/.exec(url)?.[1] ?? "";
  // Of two question marks the second is the first character of a name.
  const query = new URLSearchParams(`?${text}`);
  for (const name of query.keys()) {
    if (PLATFORM.includes(name)) continue;
    const taken = known.length === 0 ? "it takes none" : `it takes ${known.join(", ")}`;
    if (!known.includes(name)) throw refused(name, `is no parameter of this route: ${taken}`);
    if (query.getAll(name).length > 1) throw refused(name, "is given twice");
  }
  for (const parameter of text.split("&")) {
    if (isUtf8(parameter)) continue;
    const [name] = new URLSearchParams(`?${parameter}`).keys();
    throw refused(name!, "is not UTF-8");
  }
  return query;
}

function refused(name: string, why: string): GatewayError {
  return new GatewayError("invalid_request", `${name} ${why}`, { details: { param: name } });
}

/** URLSearchParams makes U+FFFD of other bytes, which would be another name or value. */
function isUtf8(parameter: string): boolean {
  try {
    for (const [bytes] of parameter.matchAll(/(?:%[0-9A-Fa-f]{2})+/g)) decodeURIComponent(bytes);
    return true;
  } catch {
    return false;
  }
}
