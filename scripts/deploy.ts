/**
 * `deno task deploy`: what a deployment takes, step by step, and then the doctor.
 *
 * Exit codes: 0 when all was done and nothing is red; 1 when something failed, is red, or was declined; 2
 * when it is called wrongly.
 */
import { Command } from "commander";
import { join, resolve } from "node:path";
import { runCommand, UsageError } from "./command.ts";
import { functionGraph, MAX_BUNDLE_BYTES } from "./deploy/function_graph.ts";
import { interruptible } from "./deploy/interruptible.ts";
import { megabytes, planOf } from "./deploy/plan.ts";
import { lockout } from "./deploy/secrets_change.ts";
import { takeSteps } from "./deploy/step.ts";
import { readAsGateway } from "./doctor/checks/environment.ts";
import { consult, DEFAULTS, projectRef } from "./doctor/consult.ts";
import { readEnvironment } from "./operator/environment.ts";
import { readEnvFile, type Variables } from "./operator/env_file.ts";
import { type HostedProject, hostedProject, NoLoginError } from "./operator/hosted_project.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";
import { migrationFilesIn } from "./stack/migrate.ts";
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
The same by hand, in five commands; your management key goes into secrets.env:
  ${SUPABASE} login
  deno task secrets --output secrets.env
  ${SUPABASE} db push --remote=<ref>
  ${SUPABASE} secrets set --remote=<ref> --env-file secrets.env
  ${SUPABASE} functions deploy openrouter-proxy --use-api --remote=<ref>
Then \`deno task doctor --remote <ref> --env-file secrets.env\` says what is left.

The order matters: the limits are there before the URL is. To deploy again is to run
it again: what is done already is not done twice. A dry run needs no login: without one it
leaves out what only the project can tell, and says so.

Environment:
  SUPABASE_ACCESS_TOKEN  in place of a login
  DATABASE_URL           for db push, from a network without IPv6: dashboard, Connect, Session pooler`;

const WITHOUT_LOGIN = `\
nobody is logged in to Supabase here, so the project was not looked at: whether it exists, which
migrations and secrets it has, whether it has keys of DIDs that this API_KEY_ENCRYPTION_KEY cannot open,
and whether maintenance is scheduled. A real run looks at that first. To compare: ${SUPABASE} login`;

/**
 * Of the project's secrets, which the file's must not lock out; null: in a dry run, without a login.
 *
 * @throws {Error} where they would, or the project cannot be looked at
 */
async function digestsOf(project: HostedProject, file: Variables, dryRun: boolean) {
  try {
    const digests = await project.secretDigests();
    const danger = lockout(file, digests);
    if (danger !== null) throw new Error(danger);
    return digests;
  } catch (error) {
    if (!(error instanceof NoLoginError)) throw error;
    if (dryRun) return null;
    throw new Error(`nobody is logged in to Supabase here; log in: ${SUPABASE} login`, {
      cause: error,
    });
  }
}

/**
 * The file as the function will read it.
 *
 * @returns why a real run would refuse it, and the names that the gateway does not know
 */
function examineFile(envFile: string, file: Variables, ref: string) {
  const { names, problems } = readAsGateway(file, `https://${ref}.supabase.co`, true);
  const foreign = Object.keys(file).filter((name) =>
    !names.includes(name) && !name.startsWith("SUPABASE_")
  );
  if (problems.length === 0) console.log(`${envFile}: the shapes are right of ${names.join(", ")}`);
  const refusal = problems.length === 0 ? null : `${envFile}: ${problems.join("; ")}`;
  return { refusal, foreign };
}

/** @throws {Error} where the function could not be deployed, or not the same way tomorrow */
async function examineFunction() {
  const graph = await functionGraph();
  if (graph.problems.length > 0) throw new Error(`the function: ${graph.problems.join("; ")}`);
  console.log(
    `the function: ${graph.files} files of its own and ${graph.packages.length} packages, each pinned; ` +
      `${megabytes(graph.bundleBytes)} compressed, of at most ${megabytes(MAX_BUNDLE_BYTES)}`,
  );
  return graph;
}

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
  const { refusal, foreign } = examineFile(envFile, file, ref);
  if (refusal !== null && !dryRun) throw new UsageError(refusal);
  const databaseUrl = Deno.env.get("DATABASE_URL")
    ? readEnvironment(["DATABASE_URL"]).DATABASE_URL
    : undefined;
  const graph = await examineFunction();

  const cli = (args: string[]) =>
    interruptible((signal) => supabaseCli([...args, "--workdir", PROJECT_ROOT], { signal }));
  const project = hostedProject(ref, cli);
  console.log(`the project ${ref}: asking ${SUPABASE} …`);
  const digests = await digestsOf(project, file, dryRun);
  const migrations = await migrationFilesIn(join(PROJECT_ROOT, "supabase", "migrations"));
  const secrets = { envFile: path, file, foreign, digests };
  const plan = planOf({ project, cli, ...secrets, migrations, graph, databaseUrl });
  const outcome = await takeSteps(plan, {
    print: console.log,
    confirm: yes ? () => true : confirm,
    dryRun,
  });
  if (dryRun) {
    console.log("\na dry run: nothing was changed");
    if (digests === null) console.log(WITHOUT_LOGIN);
    if (refusal !== null) throw new UsageError(`a real run refuses ${refusal}`);
    return;
  }
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
    .option("--dry-run", "check, show every step, and do none; without a login, too")
    .option("--model <id>", "of the doctor's call", DEFAULTS.model)
    .option("--identity <path>", "the doctor's DID", DEFAULTS.identity)
    .addHelpText("after", BY_HAND)
    .action(deploy),
);
