import assert from "node:assert/strict";
import { outcomeOf } from "./deno_runner.ts";

const samples: [string, number, string, [number, number, number]][] = [
  ["a run that passed", 0, "ok | 3 passed | 0 failed (5ms)\n", [3, 0, 0]],
  [
    "steps, ignored and filtered tests",
    0,
    "ok | 1 passed (2 steps) | 0 failed | 4 ignored (1 step) | 7 filtered out (1m 2s)\n",
    [1, 0, 4],
  ],
  [
    "a module that could not be loaded, which fails a run without failing a test",
    1,
    "FAILED | 1 passed (1 step) | 5 failed | 1 ignored (166ms)\n\nerror: Test failed\n",
    [1, 5, 1],
  ],
  ["colours", 1, "\x1b[0m\x1b[31mFAILED\x1b[0m | 2 passed | 1 failed \x1b[0m(4ms)\x1b[0m", [
    2,
    1,
    0,
  ]],
  [
    "a test that prints a summary of its own",
    0,
    "ok | 99 passed | 0 failed (1ms)\nok | 1 passed | 0 failed (2ms)\n",
    [1, 0, 0],
  ],
  ["a crash before the summary", 139, "running 3 tests from ./x_test.ts\n", [0, 1, 0]],
  ["an exit code that the summary does not explain", 1, "ok | 3 passed | 0 failed (5ms)\n", [
    3,
    1,
    0,
  ]],
  ["types that do not check", 1, "TS2322 [ERROR]: …\nerror: Type checking failed.\n", [0, 1, 0]],
  ["no test at all", 0, "ok | 0 passed | 0 failed (0ms)\n", [0, 0, 0]],
];
for (const [name, code, output, [passed, failed, skipped]] of samples) {
  Deno.test(`outcomeOf counts ${name}`, () => {
    assert.deepEqual(outcomeOf(code, output), { passed, failed, skipped });
  });
}
