/** The answer where there is no route: it names the one that was most likely meant. */
import { GatewayError } from "../errors.ts";
import { openPaths } from "./endpoints.ts";
import { nearestPath, withoutBase } from "./nearest_path.ts";
import { PROXY_PREFIX } from "./paths.ts";

/** What most clients mean, who have but a base URL, or a path like no other. */
const USUAL = `${PROXY_PREFIX}/chat/completions`;

/**
 * @param path as it came, without the query
 * @param routes the gateway's own, e.g. `/api/v1/usage`
 */
export function unknownRoute(
  method: string,
  path: string,
  routes: readonly string[],
): GatewayError {
  return new GatewayError(
    "not_found",
    `${path} is no route of the gateway; did you mean ${routeFor(method, path, routes)}?`,
  );
}

function routeFor(method: string, path: string, routes: readonly string[]): string {
  if (withoutBase(path) === "") return USUAL;
  const meant = new Map(openPaths(method).map((open) => [open, PROXY_PREFIX + open]));
  for (const route of routes) {
    if (!/(?:\*|^\/)$/.test(route)) meant.set(withoutBase(route), route);
  }
  const nearest = nearestPath(path, [...meant.keys()]);
  return nearest === null ? USUAL : meant.get(nearest)!;
}
