/** The doctor as its command, and deploy, call it. */
import { setTimeout } from "node:timers/promises";
import { UsageError } from "../command.ts";
import { openIdentity } from "../identity/mod.ts";
import { withDatabase } from "../operator/database.ts";
import { readEnvironment } from "../operator/environment.ts";
import { readEnvFile, setIn, type Variables } from "../operator/env_file.ts";
import { type HostedProject, hostedProject, type Query } from "../operator/hosted_project.ts";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { migrationsIn } from "../stack/migrate.ts";
import { supabaseCli } from "../stack/supabase_cli.ts";
import { CHECKS } from "./checks.ts";
import { examine, type Result } from "./examine.ts";
import { patientOf } from "./patient.ts";
import { resultLines, summary } from "./report.ts";

export interface DoctorOptions {
  /** A hosted project's ref. */
  remote?: string;
  envFile?: string;
  region?: string;
  identity: string;
  model: string;
  readOnly?: boolean;
  json?: boolean;
}

const LOCAL_GATEWAY = "http://127.0.0.1:54321/functions/v1/openrouter-proxy";
export const DEFAULTS = { identity: "doctor.did.json", model: "openai/gpt-4o-mini" } as const;
const REF = /^[a-z]{20}$/;

/** @throws {UsageError} where it is none */
export function projectRef(text: string): string {
  if (REF.test(text)) return text;
  throw new UsageError(
    `${text} is no project ref: 20 lower-case letters, as in https://<ref>.supabase.co`,
  );
}

export const functionUrl = (ref: string) =>
  `https://${ref}.supabase.co/functions/v1/openrouter-proxy`;

/** What the environment says of a gateway that has a file of its own. */
const WHERE = ["GATEWAY_URL", "DATABASE_URL"];

/**
 * The gateway's variables are the file's alone where there is one: the shell's may be another gateway's,
 * and a management key must not go to another's OpenRouter.
 */
function variablesOf(file: Variables | null): Variables {
  const environment = setIn(Deno.env.toObject());
  if (file === null) return environment;
  const where = Object.entries(environment).filter(([name]) => WHERE.includes(name));
  return { ...Object.fromEntries(where), ...setIn(file) };
}

/** Where the gateway is: as GATEWAY_URL says, at the project, or on this machine. */
function gatewayUrlOf(variables: Variables, ref: string | undefined): string {
  const otherwise = ref === undefined ? LOCAL_GATEWAY : functionUrl(ref);
  const get = (name: string) => variables[name] || otherwise;
  return readEnvironment(["GATEWAY_URL"], { get }).GATEWAY_URL;
}

/** DATABASE_URL's Postgres, in transactions that cannot write; else the project's, by the CLI. */
function queryOf(variables: Variables, project: HostedProject | null): Query | null {
  if (!variables.DATABASE_URL) return project?.query ?? null;
  const get = (name: string) => variables[name];
  const { DATABASE_URL: databaseUrl } = readEnvironment(["DATABASE_URL"], { get });
  return (text) =>
    withDatabase(databaseUrl, async (sql) => {
      const rows = await sql.begin("read only", (sql) => sql.unsafe(text));
      return [...rows as unknown as Record<string, unknown>[]];
    });
}

/** Looks at everything, and prints what it finds as it finds it. */
export async function consult(options: DoctorOptions): Promise<Result[]> {
  const { remote, envFile, region, json = false } = options;
  const file = envFile === undefined ? null : await readEnvFile(envFile);
  const variables = variablesOf(file);
  const project = remote === undefined
    ? null
    : hostedProject(projectRef(remote), (args) => supabaseCli(args));
  const gatewayUrl = gatewayUrlOf(variables, remote);
  const patient = patientOf({
    gatewayUrl,
    audience: variables.GATEWAY_AUDIENCE || gatewayUrl,
    region: region ?? null,
    variables,
    file,
    project,
    query: queryOf(variables, project),
    mayChange: options.readOnly !== true,
    model: options.model,
    identity: () => openIdentity(options.identity),
    migrations: () => migrationsIn(`${PROJECT_ROOT}/supabase/migrations`),
    fetch,
    sleep: (ms) => setTimeout(ms),
    now: Date.now,
    elapsedMs: () => performance.now(),
  });
  const inColour = Deno.stdout.isTerminal() && !Deno.noColor;
  const print = (result: Result) => {
    if (!json) { for (const line of resultLines(result, inColour)) console.log(line); }
  };
  if (!json) console.log(`${gatewayUrl}\n`);
  const results = await examine(CHECKS, patient, print);
  if (json) console.log(JSON.stringify({ gateway_url: gatewayUrl, checks: results }, null, 2));
  else console.log(`\n${summary(results)}`);
  return results;
}
