/** What the HTTP contract lists, so that a test asks for all of it and the list stays true. */
import { fileURLToPath } from "node:url";

const CONTRACT = await Deno.readTextFile(
  fileURLToPath(new URL("../../../../docs/protocol.md", import.meta.url)),
);

/**
 * The paths that are named between two texts of docs/protocol.md.
 *
 * @throws {RangeError} when the texts are not there, in this order, or name no path
 */
export function pathsBetween(start: string, end: string): string[] {
  const from = CONTRACT.indexOf(start);
  const to = CONTRACT.indexOf(end, from);
  const section = from === -1 || to === -1 ? "" : CONTRACT.slice(from, to);
  const paths = [...section.matchAll(/`(\/[^`]+)`/g)].map(([, path]) => path!);
  if (paths.length === 0) {
    throw new RangeError(`docs/protocol.md names no path between "${start}" and "${end}"`);
  }
  return paths;
}
