/** Files of NAME=value lines, as `supabase secrets set --env-file` reads them. */
import { parseEnv } from "node:util";
import { UsageError } from "../command.ts";
import { shellQuoted } from "../shell_quoted.ts";

/** Variables by name. */
export type Variables = Readonly<Record<string, string>>;

/**
 * All that it names: what is empty there counts as not set, and clears what the project has.
 *
 * @throws {UsageError} where there is no such file
 */
export async function readEnvFile(path: string): Promise<Variables> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(
      `there is no ${path}; make it with: deno task secrets --output ${shellQuoted(path)}`,
    );
  }
  return trimmed(parseEnv(text));
}

/** Variables as the gateway reads them: trimmed, and without those that are empty. */
export function setIn(variables: Variables): Variables {
  return Object.fromEntries(Object.entries(trimmed(variables)).filter(([, value]) => value !== ""));
}

function trimmed(variables: Record<string, string | undefined>): Variables {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, (value ?? "").trim()]),
  );
}
