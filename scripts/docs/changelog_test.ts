/** CHANGELOG.md has the form of Keep a Changelog, and names variables that there are. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";

const read = (path: string) => Deno.readTextFile(join(PROJECT_ROOT, path));
const CHANGELOG = await read("CHANGELOG.md");
const KINDS = ["Upgrading", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

Deno.test("CHANGELOG.md has versions, the newest first, with changes by their kind", () => {
  const versions = CHANGELOG.split(/^## /m).slice(1);
  assert.ok(versions[0]!.startsWith("[Unreleased]\n"));
  const dates = versions.slice(1).map((text) =>
    /^\[\d+\.\d+\.\d+\] - ([\d-]{10})\n/.exec(text)![1]!
  );
  assert.deepEqual(dates, dates.toSorted().reverse());
  for (const version of versions) {
    const kinds = [...version.matchAll(/^### (.*)$/gm)].map(([, kind]) => kind!);
    assert.ok(kinds.length > 0);
    assert.deepEqual(kinds, KINDS.filter((kind) => kinds.includes(kind)));
    for (const kind of version.split(/^### /m).slice(1)) assert.match(kind, /^- /m);
  }
});

Deno.test("CHANGELOG.md names variables that the function or an operator's command reads", async () => {
  const readers = [
    "supabase/functions/openrouter-proxy/config/config.ts",
    "scripts/operator/environment.ts",
  ];
  const source = (await Promise.all(readers.map(read))).join("\n");
  const named = [...CHANGELOG.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name]) => name!);
  assert.ok(named.length > 5);
  for (const name of named) assert.match(source, new RegExp(`\\b${name}\\b`));
});
