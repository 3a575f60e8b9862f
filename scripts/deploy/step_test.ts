import assert from "node:assert/strict";
import { takeSteps } from "./step.ts";

/** Three steps of which the second has nothing to do, and what came of them. */
async function taken(answers: boolean[], dryRun = false) {
  const lines: string[] = [];
  const done: string[] = [];
  const step = (name: string, changes: string[] | null) => ({
    command: `run ${name}`,
    why: `why ${name}`,
    preview: () => Promise.resolve(changes),
    run: () => Promise.resolve(void done.push(name)),
  });
  const outcome = await takeSteps([step("a", ["1 file"]), step("b", null), step("c", ["x"])], {
    print: (line) => lines.push(line.trim()),
    confirm: () => {
      // What is asked for was shown before, and is not done yet.
      lines.push(`asked after ${done.join()}`);
      return answers.shift()!;
    },
    dryRun,
  });
  return { outcome, lines, done };
}

Deno.test("takeSteps shows each step before it asks, and asks before it does it", async () => {
  const { outcome, lines, done } = await taken([true, true]);
  assert.equal(outcome, "done");
  assert.deepEqual(done, ["a", "c"]);
  assert.deepEqual(lines, [
    "1/3  why a",
    "$ run a",
    "1 file",
    "asked after ",
    "done",
    "2/3  why b",
    "$ run b",
    "nothing to do",
    "3/3  why c",
    "$ run c",
    "x",
    "asked after a",
    "done",
  ]);
});

Deno.test("takeSteps stops at the first that is declined", async () => {
  const { outcome, done } = await taken([false]);
  assert.deepEqual([outcome, done], ["declined", []]);
});

Deno.test("takeSteps does and asks nothing in a dry run", async () => {
  const { outcome, done, lines } = await taken([], true);
  assert.deepEqual([outcome, done], ["done", []]);
  assert.ok(lines.includes("$ run c") && !lines.some((line) => line.startsWith("asked")));
});
