import assert from "node:assert/strict";
import { citedTests, hasTest, pointsBelow } from "./cited_tests.ts";

const MARKDOWN = `# Title

- **Not "this".** [a_test.ts](x/a_test.ts), "one \${case}
  of many", "two"; [b](b.test.sql), "it's three"
- [c_test.ts](c_test.ts)
- none, but a [link](c.ts), "four"

## Next

- other
`;

Deno.test("citedTests finds each file of tests, with the names that follow it", () => {
  assert.deepEqual(citedTests(MARKDOWN), [
    { file: "x/a_test.ts", names: ["one ${case} of many", "two"], line: 3 },
    { file: "b.test.sql", names: ["it's three"], line: 4 },
    { file: "c_test.ts", names: ["four"], line: 5 },
  ]);
});

Deno.test("pointsBelow gives the points below a heading, and below its own headings", () => {
  assert.deepEqual(pointsBelow(MARKDOWN, "Next"), ["- other"]);
  assert.equal(pointsBelow(MARKDOWN, "Title").length, 4);
  assert.deepEqual(pointsBelow(MARKDOWN, "None"), []);
});

Deno.test("hasTest takes a whole literal, in TypeScript or SQL, and no part of one", () => {
  for (const source of ['test("a b")', "test(`a b`)", "is(1, 1, 'a b')"]) {
    assert.ok(hasTest(source, "a b"), source);
    assert.ok(!hasTest(source, "a"), source);
  }
  assert.ok(hasTest("is(1, 1, 'it''s')", "it's"));
});
