/** A hosted project, through the Supabase CLI of whoever is logged in: no password, no URL of Postgres. */
import {
  isObject,
  parseJsonObject,
  utf8,
} from "../../supabase/functions/openrouter-proxy/bytes/encodings.ts";
import type { ChildResult } from "../stack/child.ts";

/** Rows of Postgres, as JSON has them. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** Runs `supabase <args>`. */
export type Cli = (args: string[]) => Promise<ChildResult>;

export interface HostedProject {
  ref: string;
  /**
   * The names of the function's secrets, and the lower-case SHA-256 hex of each.
   *
   * @throws {NoLoginError} where nobody is logged in
   * @throws {CliError}
   */
  secretDigests(): Promise<Map<string, string>>;
  /** One of the project's secret keys, in full. @throws {CliError} */
  secretKey(): Promise<string>;
  /** Runs a statement that changes nothing, by the Management API. @throws {CliError} */
  query: Query;
}

/** What the CLI says that it could not do. */
export class CliError extends Error {
  override readonly name: string = "CliError";
}

/** Nobody is logged in to Supabase here, so that nothing can be said of any project. */
export class NoLoginError extends CliError {
  override readonly name = "NoLoginError";
}

/** @param ref 20 lower-case letters: the project's id in its URLs */
export function hostedProject(ref: string, cli: Cli): HostedProject {
  const remote = `--remote=${ref}`;

  async function ask(...args: string[]): Promise<unknown> {
    const { code, stdout, output } = await cli([...args, remote, "--output-format", "json"]);
    if (code === 0) return JSON.parse(stdout);
    const error = errorIn(stdout);
    const message = typeof error.message === "string" ? error.message : output.trim();
    const what = NO_LOGIN.test(String(error.code)) ? NoLoginError : CliError;
    throw new what(`supabase ${args[0]} ${args[1]}: ${message}`);
  }

  return {
    ref,

    async secretDigests() {
      const secrets = listIn(await ask("secrets", "list"), "secrets");
      return new Map(secrets.map(({ name, value }) => [String(name), String(value)]));
    },

    async secretKey() {
      const keys = listIn(await ask("projects", "api-keys", "--reveal"), "keys");
      const byAge = [...keys.filter(isSecret), ...keys.filter(isServiceRole)];
      const key = byAge[0]?.api_key;
      if (typeof key === "string") return key;
      throw new CliError("the project has no secret key: make one under Settings, API Keys");
    },

    async query(sql) {
      return await ask("db", "query", sql, "--read-only") as Record<string, unknown>[];
    },
  };
}

const isSecret = ({ type }: Record<string, unknown>) => type === "secret";
/** The key of before, which projects are about to lose. */
const isServiceRole = ({ name }: Record<string, unknown>) => name === "service_role";

function listIn(answer: unknown, member: string): Record<string, unknown>[] {
  const list = isObject(answer) ? answer[member] : null;
  if (!Array.isArray(list)) throw new CliError(`the Supabase CLI told no ${member}`);
  return list.filter(isObject);
}

/** The codes of the CLI's errors that a login would mend. */
const NO_LOGIN = /^(?:AccessTokenRequired|DbQueryLoginRequired)Error$/;

/** The error in the CLI's JSON; empty where it wrote none. */
function errorIn(stdout: string): Record<string, unknown> {
  const error = parseJsonObject(utf8(stdout.trim()))?.error;
  return isObject(error) ? error : {};
}
