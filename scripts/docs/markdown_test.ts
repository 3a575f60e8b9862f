import assert from "node:assert/strict";
import { parseMarkdown } from "./markdown.ts";

Deno.test("parseMarkdown knows headings of every level by their plain titles and GitHub's anchors", () => {
  const { titles, anchors } = parseMarkdown(
    "# A `b` *c*\n\ntext\n\n### Where it sits, by name\n\n> ## Quoted\n\nUnderlined\n---\n",
  );
  assert.deepEqual([...titles], ["A b c", "Where it sits, by name", "Quoted", "Underlined"]);
  assert.deepEqual([...anchors], ["a-b-c", "where-it-sits-by-name", "quoted", "underlined"]);
});

Deno.test("parseMarkdown numbers the anchors of headings with one title", () => {
  assert.deepEqual([...parseMarkdown("# A\n## A\n").anchors], ["a", "a-1"]);
});

Deno.test("parseMarkdown finds links, images and definitions, each with its line", () => {
  const { links } = parseMarkdown(
    "[a](x#y)\n![b](z.png) [c][d]\n\n| t |\n| - |\n| [e](f) |\n\n[d]: w\n",
  );
  assert.deepEqual(links, [
    { target: "x#y", line: 1 },
    { target: "z.png", line: 2 },
    { target: "f", line: 6 },
    { target: "w", line: 8 },
  ]);
});

Deno.test("parseMarkdown finds nothing in code", () => {
  const { titles, links } = parseMarkdown("```sh\n# no heading\n```\n\n`[a](b)`\n");
  assert.deepEqual([titles.size, links.length], [0, 0]);
});
