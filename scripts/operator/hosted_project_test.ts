import assert from "node:assert/strict";
import { CliError, hostedProject, NoLoginError } from "./hosted_project.ts";

const REF = "abcdefghijklmnopqrst";

/** A project whose CLI answers with this on stdout; and what it was asked. */
function projectSaying(answer: unknown, code = 0) {
  const asked: string[][] = [];
  const stdout = typeof answer === "string" ? answer : JSON.stringify(answer);
  const project = hostedProject(REF, (args) => {
    asked.push(args);
    return Promise.resolve({ code, stdout, output: `Target: project\n${stdout}` });
  });
  return { project, asked };
}

Deno.test("a hosted project tells its secrets by their digests", async () => {
  const { project, asked } = projectSaying({ secrets: [{ name: "A", value: "ab12" }] });
  assert.deepEqual([...await project.secretDigests()], [["A", "ab12"]]);
  assert.deepEqual(asked, [["secrets", "list", `--remote=${REF}`, "--output-format", "json"]]);
});

Deno.test("a hosted project gives a secret key of the new kind before the legacy one", async () => {
  const legacy = { name: "service_role", type: "legacy", api_key: "eyJ" };
  const others = [legacy, { name: "anon", type: "legacy", api_key: "anon" }];
  const secret = { name: "default", type: "secret", api_key: "sb_secret_1" };
  const both = projectSaying({ keys: [...others, secret] });
  assert.equal(await both.project.secretKey(), "sb_secret_1");
  assert.equal(await projectSaying({ keys: others }).project.secretKey(), "eyJ");
  await assert.rejects(projectSaying({ keys: [] }).project.secretKey(), /no secret key/);
});

Deno.test("a hosted project runs a query that cannot write", async () => {
  const { project, asked } = projectSaying([{ a: 1 }]);
  assert.deepEqual(await project.query("select 1 as a"), [{ a: 1 }]);
  assert.deepEqual(asked[0]!.slice(0, 4), ["db", "query", "select 1 as a", "--read-only"]);
});

Deno.test("what the CLI could not do is said in its words, whether they are JSON or not", async () => {
  const token = { _tag: "Error", error: { code: "AccessTokenRequiredError", message: "log in" } };
  for (const [answer, expected] of [[token, "log in"], ["no network", "no network"]] as const) {
    await assert.rejects(projectSaying(answer, 1).project.secretDigests(), (error: Error) => {
      assert.ok(error instanceof CliError);
      assert.equal(error instanceof NoLoginError, answer === token);
      assert.ok(
        error.message.startsWith("supabase secrets list: ") && error.message.endsWith(expected),
      );
      return true;
    });
  }
});
