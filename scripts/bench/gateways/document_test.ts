import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../stack/data_folder.ts";
import { withSection } from "./document.ts";
import { figure, markdownTable } from "./markdown_table.ts";
import { PARTS } from "./report.ts";

Deno.test("a section replaces what stands between its markers, and nothing else", () => {
  const document = "# A\n\n<!-- figures: load -->\n\nold\n\n<!-- /figures: load -->\n\nend\n";
  const once = withSection(document, "load", "new");
  assert.equal(once, document.replace("old", "new"));
  assert.equal(withSection(once, "load", "new"), once);
  assert.throws(() => withSection(document, "growth", "new"), /no markers/);
});

Deno.test("docs/performance.md has a place for each part of the bench", () => {
  const document = readFileSync(`${PROJECT_ROOT}/docs/performance.md`, "utf8");
  for (const part of PARTS) assert.match(withSection(document, part, "its figures"), /its figures/);
});

Deno.test("figures have their thousands apart, and a dash where there is none", () => {
  assert.equal(figure(1_234_567.891, 2), "1 234 567.89");
  assert.equal(figure(1_000), "1 000");
  assert.equal(figure(0.12345, 4), "0.1235");
  assert.equal(figure(-0.001, 2), "0.00");
  assert.equal(figure(-12.5, 1), "-12.5");
  assert.equal(figure(null), "–");
  assert.equal(figure(NaN), "–");
});

Deno.test("a table's columns are as wide as their widest cell", () => {
  const rows = [{ name: "a longer name", value: 1 }, { name: "b", value: 12_345 }];
  assert.equal(
    markdownTable([
      { title: "", of: ({ name }) => name },
      { title: "ms", of: ({ value }) => figure(value) },
    ], rows),
    [
      "|               |     ms |",
      "| ------------- | -----: |",
      "| a longer name |      1 |",
      "| b             | 12 345 |",
    ].join("\n"),
  );
});
