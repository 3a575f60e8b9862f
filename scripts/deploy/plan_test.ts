import assert from "node:assert/strict";
import type { HostedProject } from "../operator/hosted_project.ts";
import { CliError } from "../operator/hosted_project.ts";
import { planOf } from "./plan.ts";
import { digestOf } from "../doctor/checks/environment.ts";

const REF = "abcdefghijklmnopqrst";
const GRAPH = {
  problems: [],
  files: 180,
  sourceBytes: 683_065,
  packages: ["hono@4.13.19"],
  bundleBytes: 1_110_805,
};

/** A plan for a CLI that answers with this, and what it was asked. */
function planWith(
  {
    output = "",
    code = 0,
    digests = {},
    jobs = [],
    databaseUrl,
    foreign = [],
    file = { A: "1", B: "2" },
  }: {
    output?: string;
    code?: number;
    digests?: Record<string, string> | null;
    foreign?: string[];
    file?: Record<string, string>;
    jobs?: string[];
    databaseUrl?: string;
  } = {},
) {
  const asked: string[][] = [];
  const project: HostedProject = {
    ref: REF,
    secretDigests: () => Promise.reject(new Error("not needed")),
    secretKey: () => Promise.resolve("sb_secret_x"),
    query: (sql) =>
      Promise.resolve(
        sql.includes("as there") ? [{ there: true }] : jobs.map((name) => ({ name })),
      ),
  };
  const steps = planOf({
    project,
    cli: (args) => {
      asked.push(args);
      return Promise.resolve({ code, stdout: "", output });
    },
    envFile: "/x/it's secrets.env",
    file,
    foreign,
    digests: digests &&
      new Map(Object.entries(digests).map(([name, value]) => [name, digestOf(value)])),
    migrations: ["20261122000000_accounts.sql", "20261123000000_more.sql"],
    graph: GRAPH,
    databaseUrl,
  });
  return { steps, asked };
}

Deno.test("a plan's commands can be pasted, whatever the file is called", () => {
  const [, secrets] = planWith().steps;
  assert.match(secrets!.command, / --env-file '\/x\/it'\\''s secrets\.env'$/);
});

Deno.test("a plan brings the limits before the URL, and previews without changing anything", async () => {
  const { steps, asked } = planWith({
    output: "Would push these migrations:\n • 20261122000000_accounts_and_request_log.sql\n",
    digests: { A: "other" },
  });
  const previews = [];
  for (const step of steps) previews.push(await step.preview());
  assert.deepEqual(previews, [
    ["migrations: 1", "20261122000000_accounts_and_request_log.sql"],
    ["new: B", "changed: A"],
    [
      `https://${REF}.supabase.co/functions/v1/openrouter-proxy: 180 files, 0.68 MB, with 1 packages ` +
      "1.11 MB compressed",
    ],
    ["with a secret key of the project, which the CLI reads and Vault keeps"],
  ]);
  assert.deepEqual(asked, [["db", "push", `--remote=${REF}`, "--dry-run"]]);
});

Deno.test("a plan has nothing to do where it was done before, but to deploy the function", async () => {
  const { steps } = planWith({
    output: "Remote database is up to date.",
    digests: { A: "1", B: "2" },
    jobs: ["llm-gateway-maintenance"],
  });
  const previews = [];
  for (const step of steps) previews.push(await step.preview() === null);
  assert.deepEqual(previews, [true, true, false, true]);
});

Deno.test("a plan clears what the file has empty, and tells of it", async () => {
  const file = { A: "1", B: "" };
  const [, secrets] = planWith({ file, digests: { A: "1", B: "2" } }).steps;
  assert.deepEqual(await secrets!.preview(), ["cleared: B", "the same: A"]);
  const [, again] = planWith({ file, digests: { A: "1", B: "" } }).steps;
  assert.equal(await again!.preview(), null);
  const [, unknown] = planWith({ file, digests: null }).steps;
  assert.deepEqual(await unknown!.preview(), ["set: A", "cleared: B"]);
});

Deno.test("a plan without a login asks nobody, and shows what it would run and send", async () => {
  const { steps, asked } = planWith({ digests: null, foreign: ["B"] });
  const previews = [];
  for (const step of steps) previews.push(await step.preview());
  assert.deepEqual(previews, [
    [
      "migrations: those of these 2 that it lacks",
      "20261122000000_accounts.sql",
      "20261123000000_more.sql",
    ],
    ["set: A, B", "not of the gateway's: B"],
    [
      `https://${REF}.supabase.co/functions/v1/openrouter-proxy: 180 files, 0.68 MB, with 1 packages ` +
      "1.11 MB compressed",
    ],
    [
      "where it is not scheduled already",
      "with a secret key of the project, which the CLI reads and Vault keeps",
    ],
  ]);
  assert.deepEqual(asked, []);
});

Deno.test("a plan without a login compares migrations with DATABASE_URL's Postgres", async () => {
  const { steps, asked } = planWith({
    digests: null,
    databaseUrl: "postgres://postgres:hunter2@pooler/postgres",
    output: "Remote database is up to date.",
  });
  assert.equal(await steps[0]!.preview(), null);
  assert.equal(asked.length, 1);
});

Deno.test("a plan shows no password of DATABASE_URL and no secret key", async () => {
  const { steps } = planWith({
    databaseUrl: "postgres://postgres:hunter2@pooler/postgres",
    output: " • 20261122000000_accounts.sql",
  });
  assert.deepEqual((await steps[0]!.preview())![0], "migrations at pooler: 1");
  const commands = steps.map(({ command }) => command).join("\n");
  assert.match(commands, /db push --remote="\$DATABASE_URL"/);
  assert.ok(!commands.includes("hunter2") && !commands.includes("sb_secret_x"));
});

Deno.test("a step that fails says what the CLI said", async () => {
  const { steps } = planWith({ code: 1, output: "permission denied for schema public\n" });
  await assert.rejects(steps[0]!.run(), (error: Error) => {
    assert.ok(error instanceof CliError);
    assert.match(error.message, /supabase db push:\npermission denied/);
    return true;
  });
});

Deno.test("the secret key is not among the arguments of a program", async () => {
  const { steps, asked } = planWith();
  await steps[3]!.run();
  assert.ok(!asked.flat().join(" ").includes("sb_secret_x"));
  assert.deepEqual(asked[0]!.slice(0, 3), ["db", "query", "--file"]);
  await assert.rejects(Deno.stat(asked[0]![3]!), Deno.errors.NotFound);
});
