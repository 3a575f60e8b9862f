/**
 * Test files as few modules. `deno test` gives each module an isolate that loads all anew: 0.2 s of
 * work for each of the function's files, in which most of its tests take milliseconds.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface TestModules extends AsyncDisposable {
  /** What `deno test` is given. */
  paths: string[];
}

/**
 * What a file does to those that share its isolate: hooks would run around all tests, and without
 * sanitizers a test may leave timers that end in another's.
 */
const NEEDS_ITS_OWN = /\bsanitize\w+: false|with_timers\.ts|\bDeno\.test\.(?:before|after)/;

/**
 * Writes modules that import the files below a folder; those that would disturb others stay alone.
 *
 * @param count how many modules share the files, for `deno test --parallel`
 */
export async function testModules(folder: string, count: number): Promise<TestModules> {
  const shared: string[] = [];
  const alone: string[] = [];
  for (const path of await testFiles(folder)) {
    const text = await Deno.readTextFile(path);
    (NEEDS_ITS_OWN.test(text) ? alone : shared).push(path);
  }
  const temporary = await Deno.makeTempDir();
  const modules = Array.from({ length: count }, (_, n) => join(temporary, `shared_${n}_test.ts`));
  for (const [n, path] of modules.entries()) {
    const imports = shared.filter((_, index) => index % count === n)
      .map((file) => `import ${JSON.stringify(pathToFileURL(file).href)};\n`);
    await Deno.writeTextFile(path, imports.join(""));
  }
  return {
    // They take longest.
    paths: [...modules, ...alone],
    [Symbol.asyncDispose]: () => Deno.remove(temporary, { recursive: true }),
  };
}

/** All below a folder, in order. */
async function testFiles(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const files = await Promise.all(entries.map(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return testFiles(path);
    return name.endsWith("_test.ts") ? [path] : [];
  }));
  return files.flat().sort();
}
