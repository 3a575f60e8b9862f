import assert from "node:assert/strict";
import { codeBlocks } from "./code_blocks.ts";

Deno.test("codeBlocks names the language, the heading and the line of each block", () => {
  const markdown =
    "```sh\ntrue\n```\n\n## A `title`\n\ntext\n\n```ts\nlet a;\n```\n\n    indented\n";
  assert.deepEqual(codeBlocks(markdown), [
    { title: "", language: "sh", code: "true", line: 1 },
    { title: "A title", language: "ts", code: "let a;", line: 9 },
    { title: "A title", language: "", code: "indented", line: 13 },
  ]);
});

Deno.test("codeBlocks finds what stands in lists and quotes, without its indentation", () => {
  const markdown = "- item\n\n  ```sql\n  select 1\n    as one;\n  ```\n\n> ```sh\n> true\n> ```\n";
  assert.deepEqual(codeBlocks(markdown), [
    { title: "", language: "sql", code: "select 1\n  as one;", line: 3 },
    { title: "", language: "sh", code: "true", line: 8 },
  ]);
});
