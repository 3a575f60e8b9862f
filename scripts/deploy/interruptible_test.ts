import assert from "node:assert/strict";
import { runChild } from "../stack/child.ts";
import { interruptible } from "./interruptible.ts";

Deno.test("a signal ends the command that runs, and what cleans up after it is done", {
  ignore: Deno.build.os === "windows",
}, async () => {
  let isCleanedUp = false;
  const running = interruptible(async (signal) => {
    try {
      await runChild("sh", ["-c", "echo here; exec sleep 60"], {
        signal,
        // Deno's own test runner hears SIGINT, too.
        onOutput: () => Deno.kill(Deno.pid, "SIGHUP"),
      });
    } finally {
      isCleanedUp = true;
    }
  });
  await assert.rejects(running, /^Error: interrupted: .*Run it again/);
  assert.ok(isCleanedUp);
});
