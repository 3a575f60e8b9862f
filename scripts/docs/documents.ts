/** The project's documents. */
import { globSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";

/** What git does not track. */
const UNTRACKED = new Set(["node_modules", ".dev", ".git", ".temp", ".branches"]);

/**
 * The texts of all files whose names end like this, by path from the project's root with `/` between
 * folders.
 */
export function filesOf(endings: string[]): Map<string, string> {
  const paths = globSync(`**/*.{${[...endings, "none"].join(",")}}`, {
    cwd: PROJECT_ROOT,
    exclude: (path) => UNTRACKED.has(path.split(sep).at(-1)!),
  });
  return new Map(
    paths.sort().map((path) => [
      path.replaceAll(sep, "/"),
      readFileSync(join(PROJECT_ROOT, path), "utf8"),
    ]),
  );
}
