/** What the commands `stack` and `dev` take from their environment and print. */
import { StackError } from "./errors.ts";
import { portFromEnv } from "./ports.ts";
import type { Stack, StackOptions } from "./start_stack.ts";

/**
 * PORT, DB_PORT and EPHEMERAL, and the argument `--seed`; progress goes to stderr.
 *
 * @throws {StackError} naming a variable that is no port, or an argument that is not known
 */
export function stackOptionsFromEnv(args: readonly string[] = Deno.args): StackOptions {
  const unknown = args.find((argument) => argument !== "--seed");
  if (unknown !== undefined) {
    throw new StackError(`${unknown} is no option; --seed is the only one`);
  }
  return {
    seed: args.includes("--seed"),
    port: portFromEnv("PORT", 54321),
    dbPort: portFromEnv("DB_PORT", 54322),
    ephemeral: Deno.env.get("EPHEMERAL") === "1",
    onProgress: (message) => console.error(message),
  };
}

/** The variables that a client of the stack needs, in the form that Supabase gives them. */
export function stackEnvironment(stack: Stack): Record<string, string> {
  return {
    SUPABASE_URL: stack.url,
    SUPABASE_PUBLISHABLE_KEY: stack.publishableKey,
    SUPABASE_SECRET_KEYS: JSON.stringify(stack.secretKeys),
    GATEWAY_JWT_SECRET: stack.jwtSecret,
    GATEWAY_JWT_KEY: stack.jwtKey,
    DATABASE_URL: stack.databaseUrl,
  };
}

/** Prints NAME=value lines on stdout. */
export function printEnvironment(variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) console.log(`${name}=${value}`);
}
