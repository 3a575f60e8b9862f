import assert from "node:assert/strict";

Deno.test("test refuses a suite that it does not know, and names those that it does", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", `${import.meta.dirname}/test.ts`, "unit", "units", "--filter=x"],
    env: { NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.deepEqual([code, out], [2, ""]);
  assert.equal(
    err,
    'error: there is no suite "units"; the suites are: http, scripts, maintenance, unit, unit-2.1.4, http-2.1.4, pgtap, schema, agents\n',
  );
});
