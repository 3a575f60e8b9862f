import assert from "node:assert/strict";
import { codeBlocks } from "./code_blocks.ts";

Deno.test("codeBlocks names the language and the heading of each block", () => {
  const markdown =
    "```sh\ntrue\n```\n\n## A `title`\n\ntext\n\n```ts\nlet a;\n```\n\n    indented\n";
  assert.deepEqual(codeBlocks(markdown), [
    { title: "", language: "sh", code: "true" },
    { title: "A title", language: "ts", code: "let a;" },
    { title: "A title", language: "", code: "indented" },
  ]);
});
