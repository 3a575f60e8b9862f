import assert from "node:assert/strict";
import { runToEnd } from "../run_to_end.ts";
import { environmentLines, readEnvironmentLines } from "./printed_environment.ts";

const VARIABLES = {
  PLAIN: "postgres://postgres:0f@127.0.0.1:54322/postgres",
  JSON_TEXT: '{"default":"sb_secret_1"}',
  BASE64: "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=",
  SHELLS_OWN: "a $HOME `id` \\ \"b\" 'c' # d; & | > e ! ~ *",
  NOTHING: "",
};

Deno.test("readEnvironmentLines reads what environmentLines writes, among other lines", () => {
  const text = ["starting", ...environmentLines(VARIABLES), "ready: x=1", "{"].join("\n");
  assert.deepEqual(readEnvironmentLines(text), VARIABLES);
});

for (const shell of ["sh", "bash"]) {
  Deno.test(`${shell} sources the lines, and its children have the values`, async () => {
    const program =
      `set -eu; eval "$1"; exec "$2" eval 'console.log(JSON.stringify(Deno.env.toObject()))'`;
    const { success, stdout, stderr } = await runToEnd(shell, {
      args: ["-c", program, shell, environmentLines(VARIABLES).join("\n"), Deno.execPath()],
    });
    assert.ok(success, stderr);
    const inherited = JSON.parse(stdout);
    for (const [name, value] of Object.entries(VARIABLES)) assert.equal(inherited[name], value);
  });
}
