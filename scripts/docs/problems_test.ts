import assert from "node:assert/strict";
import { documentationProblems } from "./problems.ts";

/** Names that are not spelled out here, because this file is searched as well. */
const [GUIDE, LOST] = ["guide", "lost"].map((name) => `${name}.${"md"}`) as [string, string];
const FILES = new Map([
  [`docs/${GUIDE}`, "# Guide\n\n## Paths\n\n### By endpoint, all\n"],
  ["src/table.ts", "// code\n"],
]);

/** What is wrong with one more file. */
function problems(path: string, text: string): string[] {
  const files = new Map([...FILES, [path, text]]);
  return documentationProblems(files, (name) => files.has(name) || name === "src");
}

Deno.test("a citation of what exists is no problem, wherever the document is", () => {
  for (
    const [path, text] of [
      ["a.ts", `// ${GUIDE}, "Paths" and "By endpoint, all"`],
      ["a.sql", `-- docs/${GUIDE}, "Guide"`],
      ["a.ts", `/** G${GUIDE.slice(1)} says so. */`],
      [`src/${LOST}`, `# Notes\n\n${LOST}, "Notes"`],
    ] as const
  ) assert.deepEqual(problems(path, text), [], text);
});

Deno.test("a cited section that does not exist is reported with its file and line", () => {
  assert.deepEqual(
    problems("src/a.ts", `\n/**\n * ${GUIDE}, "Paths",\n * "Bodies" and\n * "paths".\n */`),
    [
      `src/a.ts:3: ${GUIDE} has no section "Bodies"`,
      `src/a.ts:3: ${GUIDE} has no section "paths"`,
    ],
  );
});

Deno.test("a document that does not exist is reported, cited or mentioned", () => {
  assert.deepEqual(problems("a.sql", `-- ${LOST}, "Paths"\n-- and docs/${LOST}`), [
    `a.sql:1: there is no ${LOST}`,
    `a.sql:2: there is no docs/${LOST}`,
  ]);
});

Deno.test("a link to a file, a folder, an anchor or another site is no problem", () => {
  const targets = [
    `docs/${GUIDE}`,
    `docs/${GUIDE}#by-endpoint-all`,
    "src",
    "src/table.ts#L1",
    "#top",
    "/src/table.ts",
    "https://example.com/nowhere",
    "mailto:a@example.com",
  ];
  const text = ["# Top", ...targets.map((target) => `[x](${target})`)].join("\n\n");
  assert.deepEqual(problems("README.md", text), []);
});

Deno.test("a link that leads nowhere is reported with its file and line", () => {
  const targets = ["../src/lost.ts", `${GUIDE}#bodies`, "#nowhere", "/lost.ts"];
  const text = ["# Top", ...targets.map((target) => `[x](${target})`)].join("\n");
  assert.deepEqual(problems("docs/more.txt", text), []);
  assert.deepEqual(problems(`docs/${LOST}`, text), [
    `docs/${LOST}:2: the link ../src/lost.ts leads to no file`,
    `docs/${LOST}:3: the link ${GUIDE}#bodies leads to no heading`,
    `docs/${LOST}:4: the link #nowhere leads to no heading`,
    `docs/${LOST}:5: the link /lost.ts leads to no file`,
  ]);
});
