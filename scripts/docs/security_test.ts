/** What SECURITY.md says of tests and of secrets is so. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { citedTests, hasTest, pointsBelow } from "./cited_tests.ts";

const read = (path: string) => Deno.readTextFile(join(PROJECT_ROOT, path));
const SECURITY = await read("SECURITY.md");

Deno.test("each threat in SECURITY.md names a test that meets it", () => {
  const threats = pointsBelow(SECURITY, "Threats, and the tests that meet them");
  assert.ok(threats.length > 40);
  for (const threat of threats) {
    const cited = citedTests(threat);
    assert.ok(cited.length > 0 && cited.every(({ names }) => names.length > 0), threat);
  }
});

Deno.test("each test that SECURITY.md names exists", async () => {
  const missing: string[] = [];
  for (const { file, names, line } of citedTests(SECURITY)) {
    const source = await read(file);
    for (const name of names) {
      if (!hasTest(source, name)) missing.push(`SECURITY.md:${line}: ${file} has no "${name}"`);
    }
  }
  assert.equal(missing.join("\n"), "");
});

Deno.test("SECURITY.md says of every variable whether it is a secret", async () => {
  const config = await read("supabase/functions/openrouter-proxy/config/config.ts");
  const variables = new Set(
    [...config.matchAll(/\("([A-Z][A-Z_]{3,})"/g)].map(([, name]) => name!),
  );
  assert.ok(variables.size > 10);
  const start = SECURITY.indexOf("\n## Secrets\n");
  const section = SECURITY.slice(start, SECURITY.indexOf("\n## ", start + 1));
  const named = new Set([...section.matchAll(/`([A-Z][A-Z_]{3,})`/g)].map(([, name]) => name!));
  assert.deepEqual([...variables].filter((name) => !named.has(name)), []);
});
