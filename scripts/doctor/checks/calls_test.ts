import assert from "node:assert/strict";
import { looksHeldBack } from "./calls.ts";

const CASES: [string, number, number, boolean][] = [
  ["text over half a second", 900, 500, false],
  ["an answer that is there at once, as all of it", 120, 0, false],
  ["text that came at the end of a second", 1_000, 2, true],
  ["a second's wait, and then text over a tenth of one", 1_100, 100, false],
];
for (const [name, tookMs, spreadMs, expected] of CASES) {
  Deno.test(`${name} was ${expected ? "" : "not "}held back`, () => {
    assert.equal(looksHeldBack({ tookMs, spreadMs }), expected);
  });
}
