import assert from "node:assert/strict";
import { runChild, signalProcess } from "./child.ts";

Deno.test("runChild gives the exit code and the output of both streams", async () => {
  const { code, output } = await runChild("sh", ["-c", "echo out; echo err >&2; exit 3"]);
  assert.equal(code, 3);
  assert.deepEqual(output.trim().split("\n").sort(), ["err", "out"]);
});

Deno.test("runChild adds to the environment and takes a working directory", async () => {
  const { output } = await runChild("sh", ["-c", 'echo "$STACK_TEST $PWD"'], {
    env: { STACK_TEST: "x" },
    cwd: "/",
  });
  assert.equal(output, "x /\n");
});

Deno.test("aborting runChild ends the child and its own children", async () => {
  const interruption = new AbortController();
  const reason = new Error("interrupted");
  // The grandchild holds the pipe that runChild reads to its end, so it has ended when this has.
  const running = runChild("sh", ["-c", "sleep 1000 & echo started; wait"], {
    signal: interruption.signal,
    onOutput: () => interruption.abort(reason),
  });
  await assert.rejects(running, reason);
});

Deno.test("signalProcess takes a process that is gone already", async () => {
  const child = new Deno.Command("true").spawn();
  await child.status;
  signalProcess(child.pid, "SIGTERM");
});
