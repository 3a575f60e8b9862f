/** What CONTRIBUTING.md says of files, folders, tasks and suites is so. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join, sep } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";

const read = (path: string) => Deno.readTextFile(join(PROJECT_ROOT, path));
const CONTRIBUTING = await read("CONTRIBUTING.md");

/** What the document has in code spans. */
const SPANS = [...CONTRIBUTING.replaceAll(/^```.*?^```/gms, "").matchAll(/`([^`]+)`/g)]
  .map(([, code]) => code!.replaceAll(/\s+/g, " "));

function foldersIn(path: string): string[] {
  return [...Deno.readDirSync(join(PROJECT_ROOT, path))]
    .filter(({ name, isDirectory }) => isDirectory && !name.startsWith("."))
    .map(({ name }) => `${path}/${name}`);
}

Deno.test("CONTRIBUTING.md says what is in each folder", () => {
  const linked = new Set([...CONTRIBUTING.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => path!));
  const rooms = ["supabase/functions/openrouter-proxy", "scripts", "supabase"].flatMap(foldersIn);
  const missing = [...rooms, "docs", "supabase/functions/tests"]
    .filter((path) => path !== "supabase/functions" && !linked.has(path));
  assert.deepEqual(missing, []);
});

Deno.test("each file that CONTRIBUTING.md names exists", () => {
  const paths = globSync("**/*.{ts,sql,md,json}", {
    cwd: PROJECT_ROOT,
    exclude: (path) => ["node_modules", ".dev", ".git"].includes(path.split(sep).at(-1)!),
  }).map((path) => `/${path.replaceAll(sep, "/")}`);
  const named = SPANS.filter((code) => /^[\w./-]+\.(?:ts|sql|md|json)$/.test(code));
  assert.ok(named.length > 40);
  const missing = named.filter((name) => !paths.some((path) => path.endsWith(`/${name}`)));
  assert.deepEqual(missing, []);
});

Deno.test("CONTRIBUTING.md names tasks that exist, and every suite", async () => {
  const { tasks } = JSON.parse(await read("deno.json"));
  const named = [...CONTRIBUTING.matchAll(/\btask (?:-q )?([a-z][a-z-]*)/g)].map(([, name]) =>
    name!
  );
  assert.ok(named.length > 10);
  for (const task of named) assert.ok(Object.hasOwn(tasks, task), task);

  const runner = await read("scripts/test.ts");
  const table = /^const SUITES\b.*?\{\n(.*?)^\};/ms.exec(runner)![1]!;
  const suites = [...table.matchAll(/^ {2}"?([\w.-]+)"?[:,]/gm)].map(([, name]) => name!);
  assert.ok(suites.length > 5);
  const told = [...CONTRIBUTING.matchAll(/^\| `([\w.-]+)` +\| /gm)].map(([, name]) => name!);
  assert.deepEqual(told.toSorted(), suites.toSorted());
});
