import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { documentationProblems } from "./docs/problems.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";

/** What git does not track. */
const UNTRACKED = new Set(["node_modules", ".dev", ".git", ".temp", ".branches"]);

Deno.test("every document and section that is cited exists, and every link leads somewhere", () => {
  const paths = globSync("**/*.{ts,sql,md}", {
    cwd: PROJECT_ROOT,
    exclude: (path) => UNTRACKED.has(path.split(sep).at(-1)!),
  });
  const read = (path: string) => readFileSync(join(PROJECT_ROOT, path), "utf8");
  const files = new Map(paths.map((path) => [path.replaceAll(sep, "/"), read(path)]));
  for (const path of ["docs/protocol.md", "docs/openrouter.md", "README.md"]) {
    assert.ok(files.has(path), path);
  }
  const problems = documentationProblems(files, (path) => existsSync(join(PROJECT_ROOT, path)));
  assert.equal(problems.join("\n"), "");
});
