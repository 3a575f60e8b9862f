import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { testModules } from "./test_modules.ts";

const FILES: Record<string, string> = {
  "a_test.ts": "",
  "b/b_test.ts": "",
  "b/c_test.ts": "",
  "d_test.ts": "Deno.test.beforeEach(() => {});",
  "e_test.ts": 'Deno.test({ name: "e", sanitizeOps: false, fn() {} });',
  "f_test.ts": 'import { testWithTimers } from "./testing/with_timers.ts";',
  "g.ts": "",
};

Deno.test("testModules imports each test file in one module, but for those that would disturb others", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(folder, "b"));
    for (const [name, text] of Object.entries(FILES)) {
      await Deno.writeTextFile(join(folder, name), text);
    }
    let shared: string[];
    {
      await using modules = await testModules(folder, 2);
      shared = modules.paths.slice(0, 2);
      const imports = (names: string[]) =>
        names.map((name) => `import "${pathToFileURL(join(folder, name))}";\n`).join("");
      assert.deepEqual(await Promise.all(shared.map((path) => Deno.readTextFile(path))), [
        imports(["a_test.ts", "b/c_test.ts"]),
        imports(["b/b_test.ts"]),
      ]);
      const alone = modules.paths.slice(2).map((path) => basename(path));
      assert.deepEqual(alone, ["d_test.ts", "e_test.ts", "f_test.ts"]);
    }
    await assert.rejects(Deno.stat(shared[0]!), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
