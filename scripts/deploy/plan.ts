/**
 * A deployment's steps in the order that is safe at each moment: the limits come with the migrations,
 * before there is a URL that anybody could call.
 */
import { join } from "node:path";
import { functionUrl } from "../doctor/consult.ts";
import { isScheduled } from "../doctor/checks/jobs.ts";
import type { Variables } from "../operator/env_file.ts";
import { type Cli, CliError, type HostedProject } from "../operator/hosted_project.ts";
import { shellQuoted } from "../shell_quoted.ts";
import { SUPABASE } from "../stack/supabase_cli.ts";
import { makeTemporaryFolder } from "../stack/temporary_folder.ts";
import type { FunctionGraph } from "./function_graph.ts";
import { secretsChange } from "./secrets_change.ts";
import type { Step } from "./step.ts";

export interface PlanOptions {
  project: HostedProject;
  cli: Cli;
  /** What the CLI is told of the secrets; an absolute path. */
  envFile: string;
  /** What is in it. */
  file: Variables;
  /** The names in it that the gateway does not read: of another program's file, or misspelt. */
  foreign: readonly string[];
  /** Of the secrets that the project has; null: nobody is logged in, so that it cannot be looked at. */
  digests: ReadonlyMap<string, string> | null;
  /** The names of this checkout's migrations. */
  migrations: readonly string[];
  graph: FunctionGraph;
  /** Where `db push` goes, where the project's own host cannot be reached from here. */
  databaseUrl: string | undefined;
}

export function planOf(options: PlanOptions): Step[] {
  return [
    migrate(options),
    setSecrets(options),
    deployFunction(options),
    scheduleMaintenance(options),
  ];
}

/** Runs the CLI, which has been confirmed already. @throws {CliError} with what it says */
async function run(cli: Cli, args: string[]): Promise<string> {
  const { code, output } = await cli(args);
  if (code !== 0) throw new CliError(`supabase ${args[0]} ${args[1]}:\n${output.trim()}`);
  return output;
}

function migrate({ cli, project: { ref }, digests, migrations, databaseUrl }: PlanOptions): Step {
  const remote = `--remote=${databaseUrl ?? ref}`;
  return {
    command: `${SUPABASE} db push --remote=${databaseUrl === undefined ? ref : '"$DATABASE_URL"'}`,
    why: "The database: tables, and limits that hold before anybody can call",
    async preview() {
      // The CLI asks DATABASE_URL's Postgres without a login.
      if (digests === null && databaseUrl === undefined) {
        return [`migrations: those of these ${migrations.length} that it lacks`, ...migrations];
      }
      const output = await run(cli, ["db", "push", remote, "--dry-run"]);
      const names = [...new Set(output.match(/\d{14}_\w+\.sql/g) ?? [])];
      // DATABASE_URL may be that of another project, left in the shell.
      const where = databaseUrl === undefined ? "" : ` at ${new URL(databaseUrl).host}`;
      return names.length === 0 ? null : [`migrations${where}: ${names.length}`, ...names];
    },
    run: async () => void await run(cli, ["db", "push", remote, "--yes"]),
  };
}

function setSecrets({ cli, project, envFile, file, foreign, digests }: PlanOptions): Step {
  return {
    command: `${SUPABASE} secrets set --remote=${project.ref} --env-file ${shellQuoted(envFile)}`,
    why: "The function's secrets",
    preview() {
      const { added, changed, cleared, same } = secretsChange(file, digests);
      const kinds = digests === null
        ? { set: added, cleared }
        : { new: added, changed, cleared, "the same": same };
      const lines = Object.entries({ ...kinds, "not of the gateway's": foreign })
        .filter(([, names]) => names.length > 0)
        .map(([what, names]) => `${what}: ${names.join(", ")}`);
      return Promise.resolve([...added, ...changed, ...cleared].length === 0 ? null : lines);
    },
    run: async () =>
      void await run(cli, [
        "secrets",
        "set",
        `--remote=${project.ref}`,
        "--env-file",
        envFile,
        "--yes",
      ]),
  };
}

export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;

function deployFunction({ cli, project: { ref }, graph }: PlanOptions): Step {
  const args = ["functions", "deploy", "openrouter-proxy", "--use-api", `--remote=${ref}`];
  return {
    command: `${SUPABASE} ${args.join(" ")}`,
    why: "The function: from here on it has a URL",
    preview: () =>
      Promise.resolve([
        `${functionUrl(ref)}: ${graph.files} files, ${megabytes(graph.sourceBytes)}, with ` +
        `${graph.packages.length} packages ${megabytes(graph.bundleBytes)} compressed`,
      ]),
    run: async () => void await run(cli, [...args, "--yes"]),
  };
}

const WITH_KEY = "with a secret key of the project, which the CLI reads and Vault keeps";

function scheduleMaintenance({ cli, project, digests }: PlanOptions): Step {
  const { ref } = project;
  const call = (key: string) =>
    `select public.schedule_maintenance('${functionUrl(ref)}', '${key}');`;
  return {
    command: `${SUPABASE} db query --remote=${ref} "create extension if not exists pg_net; ` +
      `${call("sb_secret_…")}"`,
    why: "Maintenance: costs that come late, every five minutes",
    async preview() {
      if (digests === null) return ["where it is not scheduled already", WITH_KEY];
      if (await isScheduled(project.query, "llm-gateway-maintenance")) return null;
      return [WITH_KEY];
    },
    async run() {
      const key = await project.secretKey();
      if (!/^[\w.-]+$/.test(key)) throw new CliError("the project's secret key has an odd shape");
      // In a file that is this user's alone: others may read the arguments of a program.
      const folder = await makeTemporaryFolder("llm-gateway-");
      try {
        const path = join(folder, "schedule.sql");
        const sql = `create extension if not exists pg_net;\n${call(key)}\n`;
        await Deno.writeTextFile(path, sql, { mode: 0o600 });
        await run(cli, ["db", "query", "--file", path, `--remote=${ref}`, "--yes"]);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  };
}
