/** Which path was meant by one that nothing is at. */
import { closest, distance } from "fastest-levenshtein";

/** What base URLs of other APIs begin with, and what people put there twice. */
const BASE = /^(?:\/(?:api|v\d+|openrouter|openai)(?=\/|$))+/;
/** Longer than any path that is meant: what a stranger sends must not cost much. */
const MAX_LENGTH = 200;
/** Which part of a path may be spelled otherwise: beyond it, any path is as near as any other. */
const MAX_MISSPELT = 0.3;

/** A path without the base that it was put behind: `/api/v1/chat/completions` → `/chat/completions`. */
export function withoutBase(path: string): string {
  return path.slice(0, MAX_LENGTH).toLowerCase().replace(BASE, "").replace(/\/+$/, "");
}

/**
 * The path that was most likely meant; null where none resembles it.
 *
 * @param path behind any base, e.g. `/v1/chat/completion`
 * @param paths those that there are, at least one, in lower case and without a base
 */
export function nearestPath(path: string, paths: readonly string[]): string | null {
  const bare = withoutBase(path);
  const ends = paths.filter((candidate) => bare.endsWith(candidate));
  const begins = paths.filter((candidate) => continues(bare, candidate));
  // Of `/completions` and `/chat/completions`, the longer one says more.
  return longest(ends) ?? longest(begins) ??
    paths.find((candidate) => bare !== "" && continues(candidate, bare)) ??
    misspelt(bare, paths);
}

/** Whether a path goes on where another ends: below it, or with a file's extension. */
function continues(path: string, other: string): boolean {
  return path.startsWith(`${other}/`) || path.startsWith(`${other}.`);
}

function misspelt(path: string, paths: readonly string[]): string | null {
  // Nobody means a query that is not there.
  const named = new Map(paths.map((candidate) => [candidate.split("?", 1)[0]!, candidate]));
  const name = closest(path, [...named.keys()]);
  const most = MAX_MISSPELT * Math.max(path.length, name.length);
  return distance(path, name) <= most ? named.get(name)! : null;
}

function longest(paths: string[]): string | undefined {
  return paths.toSorted((a, b) => b.length - a.length)[0];
}
