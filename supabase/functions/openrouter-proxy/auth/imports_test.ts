import assert from "node:assert/strict";

const AUTHENTICATE = new URL("./authenticate.ts", import.meta.url).href;
const STATIC_IMPORT = /^(?:import|export) (?!type )[^;]*?from "([^"]+)"/gm;

/** What is loaded with a module, before any `await import()` runs. */
async function loadedWith(module: string, loaded = new Set<string>()): Promise<Set<string>> {
  if (loaded.has(module)) return loaded;
  loaded.add(module);
  if (!module.startsWith("file:")) return loaded;
  const source = await Deno.readTextFile(new URL(module));
  for (const [, specifier] of source.matchAll(STATIC_IMPORT)) {
    const imported = specifier!.startsWith(".") ? new URL(specifier!, module).href : specifier!;
    await loadedWith(imported, loaded);
  }
  return loaded;
}

Deno.test("what most requests do not use is not loaded with authentication", async () => {
  const loaded = [...await loadedWith(AUTHENTICATE)];
  const libraries = loaded.filter((module) => !module.startsWith("file:"));
  assert.deepEqual(libraries, ["@scure/base"]);
  const rare = loaded.filter((module) =>
    /\/(?:wallet_session|siwe_message|http_signature|signature_(?:base|component|fields))\.ts$/
      .test(module)
  );
  assert.deepEqual(rare, []);
  assert.ok(loaded.some((module) => module.endsWith("/did_token.ts")));
});
