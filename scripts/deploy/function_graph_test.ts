import assert from "node:assert/strict";
import { join } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { functionGraph, graphProblems, MAX_BUNDLE_BYTES } from "./function_graph.ts";

Deno.test("the function has all that it needs in its folder, pinned, and fits the platform", async () => {
  const { problems, files, sourceBytes, packages, bundleBytes } = await functionGraph();
  assert.deepEqual(problems, []);
  assert.ok(files > 100 && sourceBytes > 100_000, `${files} files, ${sourceBytes} bytes`);
  assert.ok(packages.some((name) => /^hono@\d/.test(name)), packages.join());
  // Far enough from the limit for a few versions to come.
  assert.ok(bundleBytes < MAX_BUNDLE_BYTES / 2, `${bundleBytes} bytes`);
});

const PROBLEMS: [string, string[], Record<string, string>, RegExp | null][] = [
  ["its own files, npm and node:", ["file:///f/a.ts", "npm:/hono@4.0.0", "node:buffer"], {
    hono: "npm:hono@4.0.0",
    "@noble/hashes": "npm:@noble/hashes@2.4.0",
  }, null],
  ["a file beside the function", ["file:///fx/a.ts"], {}, /a\.ts is outside/],
  ["a URL", ["https://esm.sh/hono"], {}, /comes from the network/],
  ["JSR", ["jsr:@std/assert"], {}, /comes from the network/],
  ["a range", [], { hono: "npm:hono@^4.0.0" }, /hono is not pinned/],
  ["no version", [], { hono: "npm:hono" }, /hono is not pinned/],
  ["a file by another name", [], { own: "../shared/mod.ts" }, /own is not pinned/],
];
for (const [name, specifiers, imports, expected] of PROBLEMS) {
  Deno.test(`graphProblems ${expected === null ? "takes" : "names"} ${name}`, () => {
    const modules = specifiers.map((specifier) => ({ specifier }));
    const problems = [...graphProblems(modules, "file:///f", imports)];
    if (expected === null) assert.deepEqual(problems, []);
    else assert.match(problems.join(), expected);
  });
}

Deno.test("config.toml has the lines that the Supabase CLI writes for a function", async () => {
  const text = await Deno.readTextFile(join(PROJECT_ROOT, "supabase", "config.toml"));
  const section = /\[functions\.openrouter-proxy\]\n(?<lines>(?:[^[].*\n?)*)/.exec(text)?.groups
    ?.lines;
  const lines = section!.split("\n").filter((line) => /^\w/.test(line));
  assert.deepEqual(lines, [
    "enabled = true",
    "verify_jwt = false",
    'import_map = "./functions/openrouter-proxy/deno.json"',
    'entrypoint = "./functions/openrouter-proxy/index.ts"',
  ]);
});
