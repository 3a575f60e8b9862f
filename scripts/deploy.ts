/**
 * `deno task deploy`: what a deployment takes, step by step, and then the doctor.
 *
 * Exit codes: 0 when all was done and nothing is red; 1 when something failed, is red, or was declined; 2
 * when it is called wrongly.
 */
import { Command } from "commander";
import { resolve } from "node:path";
import { runCommand, UsageError } from "./command.ts";
import { functionGraph } from "./deploy/function_graph.ts";
import { planOf } from "./deploy/plan.ts";
import { lockout } from "./deploy/secrets_change.ts";
import { takeSteps } from "./deploy/step.ts";
import { readAsGateway } from "./doctor/checks/environment.ts";
import { consult, DEFAULTS, projectRef } from "./doctor/consult.ts";
import { readEnvironment } from "./operator/environment.ts";
import { readEnvFile } from "./operator/env_file.ts";
import { hostedProject } from "./operator/hosted_project.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";
import { SUPABASE, supabaseCli } from "./stack/supabase_cli.ts";

interface Options {
  remote?: string;
  envFile: string;
  yes?: boolean;
  dryRun?: boolean;
  model: string;
  identity: string;
}

const BY_HAND = `
The same by hand, in five commands:
  ${SUPABASE} login
  (umask 077; deno task -q secrets > secrets.env)   # and put your OpenRouter management key in
  ${SUPABASE} db push --remote=<ref>
  ${SUPABASE} secrets set --remote=<ref> --env-file secrets.env
  ${SUPABASE} functions deploy openrouter-proxy --use-api --remote=<ref>
Then \`deno task doctor --remote <ref> --env-file secrets.env\` says what is left.

The order matters: the limits are there before the URL is. To deploy again is to run
it again: what is done already is not done twice.

Environment:
  SUPABASE_ACCESS_TOKEN  in place of a login
  DATABASE_URL           for db push, from a network without IPv6: dashboard, Connect, Session pooler`;

async function deploy({ remote, envFile, yes = false, dryRun = false, ...doctor }: Options) {
  if (remote === undefined) {
    throw new UsageError("--remote <ref> is missing: the project, as in https://<ref>.supabase.co");
  }
  const ref = projectRef(remote);
  if (!yes && !dryRun && !Deno.stdin.isTerminal()) {
    throw new UsageError("there is nobody to ask: --yes does every step, --dry-run none");
  }
  const path = resolve(envFile);
  const file = await readEnvFile(path);
  const { problems } = readAsGateway(file, `https://${ref}.supabase.co`, true);
  if (problems.length > 0) throw new UsageError(`${envFile}: ${problems.join("; ")}`);
  const graph = await functionGraph();
  if (graph.problems.length > 0) throw new Error(`the function: ${graph.problems.join("; ")}`);

  const cli = (args: string[]) => supabaseCli([...args, "--workdir", PROJECT_ROOT]);
  const project = hostedProject(ref, cli);
  const digests = await project.secretDigests();
  const danger = lockout(file, digests);
  if (danger !== null) throw new Error(danger);

  const databaseUrl = Deno.env.get("DATABASE_URL")
    ? readEnvironment(["DATABASE_URL"]).DATABASE_URL
    : undefined;
  const plan = planOf({ project, cli, envFile: path, file, digests, graph, databaseUrl });
  const outcome = await takeSteps(plan, {
    print: console.log,
    confirm: yes ? () => true : confirm,
    dryRun,
  });
  if (dryRun) return console.log("\na dry run: nothing was changed");
  if (outcome === "declined") return void (Deno.exitCode = 1);
  console.log("\nThe doctor:");
  const results = await consult({ ...doctor, remote: ref, envFile: path });
  if (results.some(({ state }) => state === "bad")) Deno.exitCode = 1;
}

await runCommand(
  new Command("deploy")
    .description(
      "Deploy to a Supabase project: each step is shown, then asked for; at the end the doctor looks.",
    )
    .option("--remote <ref>", "the project, as in https://<ref>.supabase.co; required")
    .option("--env-file <path>", "the function's secrets", "secrets.env")
    .option("--yes", "do every step without asking")
    .option("--dry-run", "show every step and do none")
    .option("--model <id>", "of the doctor's call", DEFAULTS.model)
    .option("--identity <path>", "the doctor's DID", DEFAULTS.identity)
    .addHelpText("after", BY_HAND)
    .action(deploy),
);
