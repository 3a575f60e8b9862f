import assert from "node:assert/strict";
import { runToEnd } from "./run_to_end.ts";

Deno.test("test refuses a suite that it does not know, and names those that it does", async () => {
  const { code, stdout, stderr } = await runToEnd(Deno.execPath(), {
    args: ["run", "--quiet", "-A", `${import.meta.dirname}/test.ts`, "unit", "units", "--filter=x"],
    env: { NO_COLOR: "1" },
  });
  assert.deepEqual([code, stdout], [2, ""]);
  assert.equal(
    stderr,
    'error: there is no suite "units"; the suites are: http, scripts, maintenance, unit, unit-2.1.4, http-2.1.4, pgtap, schema, agents\n',
  );
});
