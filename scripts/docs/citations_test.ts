import assert from "node:assert/strict";
import { citationsIn } from "./citations.ts";

/** A document's name that is not spelled out here, because this file is searched as well. */
const GUIDE = ["guide", "md"].join(".");
const OTHER = ["docs/other", "md"].join(".");

const CASES: Record<string, [text: string, expected: ReturnType<typeof citationsIn>]> = {
  "a document alone": [
    `/** As ${GUIDE} says. */`,
    [{ document: GUIDE, sections: [], line: 1 }],
  ],
  "a section": [
    `x();\n// ${GUIDE}, "Paths"`,
    [{ document: GUIDE, sections: ["Paths"], line: 2 }],
  ],
  "several sections, with commas, semicolons and words between them": [
    `-- ${GUIDE}, "A" and "B", "C"; "D, with a comma", or "E"`,
    [{ document: GUIDE, sections: ["A", "B", "C", "D, with a comma", "E"], line: 1 }],
  ],
  "several documents": [
    ` * Source: ${GUIDE}, "A"; ${OTHER}, "B" and "C".`,
    [
      { document: GUIDE, sections: ["A"], line: 1 },
      { document: OTHER, sections: ["B", "C"], line: 1 },
    ],
  ],
  "a citation that goes on in the next line of a JSDoc comment": [
    `/**\n * Source: ${GUIDE},\n * "A" and\n * "A title of\n * two lines".\n */`,
    [{ document: GUIDE, sections: ["A", "A title of two lines"], line: 2 }],
  ],
  "a citation that goes on in the next line of other comments": [
    `  -- ${GUIDE}, "A" and\n  -- "B"\n  // ${OTHER},\n  // "C"`,
    [
      { document: GUIDE, sections: ["A", "B"], line: 1 },
      { document: OTHER, sections: ["C"], line: 3 },
    ],
  ],
  "a title in Markdown": [
    `See [${GUIDE}, "A"](${GUIDE}#a).\r\n> ${GUIDE}, "B"`,
    [
      { document: GUIDE, sections: ["A"], line: 1 },
      { document: GUIDE, sections: [], line: 1 },
      { document: GUIDE, sections: ["B"], line: 2 },
    ],
  ],
  "no quotation that belongs to something else": [
    `// ${GUIDE} holds "this". "That" is not cited.`,
    [{ document: GUIDE, sections: [], line: 1 }],
  ],
  "no part of a URL, of a pattern or of a longer name": [
    `// https://example.com/x/${GUIDE} *.md dir/*${GUIDE} ${GUIDE}x \${name}.md`,
    [],
  ],
};

for (const [what, [text, expected]] of Object.entries(CASES)) {
  Deno.test(`citationsIn finds ${what}`, () => assert.deepEqual(citationsIn(text), expected));
}
