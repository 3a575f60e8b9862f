import assert from "node:assert/strict";
import { outcomeOfTap } from "./tap.ts";

const samples: [string, string, [number, number, number]][] = [
  ["what passed", "1..2\nok 1 - a\nok 2 - b\n", [2, 0, 0]],
  ["what failed", '1..2\nok 1 - a\nnot ok 2 - b\n# Failed test 2: "b"\n', [1, 1, 0]],
  ["what was skipped", "1..2\nok 1 - a\nok 2 - b # SKIP no reason\n", [1, 0, 1]],
  ["a plan that was not kept as a failure", "1..3\nok 1 - a\n", [1, 1, 0]],
  ["a missing plan as a failure", "ok 1 - a\n", [1, 1, 0]],
  ["a bail-out as a failure", "1..1\nok 1 - a\nBail out!\n", [1, 1, 0]],
  ["silence as a failure", "", [0, 1, 0]],
];
for (const [name, tap, [passed, failed, skipped]] of samples) {
  Deno.test(`outcomeOfTap counts ${name}`, () => {
    assert.deepEqual(outcomeOfTap(tap), { passed, failed, skipped });
  });
}
