import assert from "node:assert/strict";
import { StackError } from "../stack/errors.ts";
import { describe, sum } from "./outcome.ts";
import { runSuite, type Suite } from "./suite.ts";

async function run(suite: Suite, signal = new AbortController().signal) {
  const lines: string[] = [];
  const context = {
    signal,
    template: () => Promise.reject(new Error("no template")),
    stack: () => Promise.reject(new Error("no stack")),
    isAlone: false,
    denoTestArgs: [],
  };
  const outcome = await runSuite("unit", suite, context, (line) => lines.push(line));
  return { outcome, lines };
}

Deno.test("runSuite prints whole lines as they come, each with the suite's name", async () => {
  const { outcome, lines } = await run(({ write }) => {
    write("one\r\ntwo, ");
    write("continued\n\nlast");
    return Promise.resolve({ passed: 2, failed: 0, skipped: 1 });
  });
  assert.deepEqual(lines, [
    "[unit] one",
    "[unit] two, continued",
    "[unit] ",
    "[unit] last",
    "[unit] 2 passed, 0 failed, 1 skipped",
  ]);
  assert.deepEqual(outcome, { passed: 2, failed: 0, skipped: 1 });
});

Deno.test("runSuite counts a suite that throws as a failure, with its message", async () => {
  const { outcome, lines } = await run(() => Promise.reject(new StackError("no Postgres")));
  assert.deepEqual(outcome, { passed: 0, failed: 1, skipped: 0 });
  assert.ok(lines.includes("[unit] no Postgres"));
});

Deno.test("runSuite says of a suite that takes too long that the rest of it has not run", async () => {
  const { timeout } = AbortSignal;
  AbortSignal.timeout = () => timeout.call(AbortSignal, 0);
  try {
    const { outcome, lines } = await run(({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
    );
    assert.deepEqual(outcome, { passed: 0, failed: 1, skipped: 0 });
    assert.ok(
      lines.includes("[unit] stopped: it did not end within 20 minutes. What was left has not run"),
      lines.join("\n"),
    );
  } finally {
    AbortSignal.timeout = timeout;
  }
});

Deno.test("runSuite counts a suite that ran no test as a failure", async () => {
  const { outcome } = await run(() => Promise.resolve({ passed: 0, failed: 0, skipped: 3 }));
  assert.deepEqual(outcome, { passed: 0, failed: 1, skipped: 3 });
});

Deno.test("runSuite does not take an interruption for a failure", async () => {
  const interruption = new AbortController();
  const suite: Suite = () => {
    interruption.abort(new Error("interrupted"));
    return Promise.reject(new Error("killed"));
  };
  await assert.rejects(run(suite, interruption.signal), /interrupted/);
});

Deno.test("outcomes add up, and are described without what is not there", () => {
  const total = sum([
    { passed: 1, failed: 2, skipped: 0 },
    { passed: 10, failed: 20, skipped: 0 },
  ]);
  assert.equal(describe(total), "11 passed, 22 failed");
  assert.equal(describe({ ...total, skipped: 1 }), "11 passed, 22 failed, 1 skipped");
});
