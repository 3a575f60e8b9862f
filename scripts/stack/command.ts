/** What the commands `stack` and `dev` take and tell. */
import { Command } from "commander";
import { join } from "node:path";
import { removeIfThere } from "./files.ts";
import { portFromEnv } from "./ports.ts";
import { environmentLines, type Variables } from "./printed_environment.ts";
import type { Stack, StackOptions } from "./start_stack.ts";

const ENVIRONMENT = `
Environment:
  PORT       of the Data API and the gateway, by default 54321; 0: any free one
  DB_PORT    of PostgreSQL, by default 54322; 0: any free one
  EPHEMERAL  1: a database of its own, which is deleted at the end
  TEMPLATE   the data folder of a stopped stack, whose copy that one begins as

What it prints on standard output are lines that a shell can source, one that starts with
\`ready\`, and what follows that. The lines are in a file as well, which it names.`;

/** A command that starts the stack. */
export function stackCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option(
      "--seed",
      "fill a database without requests with the made-up history of seed.sql",
      false,
    )
    .addHelpText("after", ENVIRONMENT);
}

/**
 * What the command's options and its environment ask for; progress goes to stderr.
 *
 * @throws {StackError} naming a variable that is no port
 */
export function stackOptions({ seed }: { seed: boolean }): StackOptions {
  return {
    seed,
    port: portFromEnv("PORT", 54321),
    dbPort: portFromEnv("DB_PORT", 54322),
    ephemeral: Deno.env.get("EPHEMERAL") === "1",
    template: Deno.env.get("TEMPLATE") || undefined,
    onProgress: (message) => console.error(message),
  };
}

/** The variables that a client of the stack needs, in the form that Supabase gives them. */
export function stackEnvironment(stack: Stack): Variables {
  return {
    SUPABASE_URL: stack.url,
    SUPABASE_PUBLISHABLE_KEY: stack.publishableKey,
    SUPABASE_SECRET_KEYS: JSON.stringify(stack.secretKeys),
    GATEWAY_JWT_SECRET: stack.jwtSecret,
    GATEWAY_JWT_KEY: stack.jwtKey,
    DATABASE_URL: stack.databaseUrl,
  };
}

/** Prints the lines that a shell can source on stdout. */
export function printEnvironment(variables: Variables): void {
  for (const line of environmentLines(variables)) console.log(line);
}

export interface EnvironmentFile extends AsyncDisposable {
  path: string;
}

/** The same lines in a file that only its owner can read, until it is disposed. */
export async function writeEnvironment(
  folder: string,
  variables: Variables,
): Promise<EnvironmentFile> {
  const path = join(folder, "env");
  await removeIfThere(path); // the mode holds for a new file alone
  await Deno.writeTextFile(path, `${environmentLines(variables).join("\n")}\n`, { mode: 0o600 });
  return { path, [Symbol.asyncDispose]: () => removeIfThere(path) };
}
