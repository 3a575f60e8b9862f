/**
 * `deno task stack`: PostgreSQL and the Data API, without the gateway.
 *
 * Environment: PORT (54321) and DB_PORT (54322), 0 for any free port; EPHEMERAL=1 for a database
 * that is deleted at the end. `--seed` loads the made-up history of supabase/seed.sql into a database
 * without requests. Prints NAME=value lines on stdout, then one that starts with `ready`.
 */
import { runUntilSignalled } from "./stack/lifetime.ts";
import { printEnvironment, stackEnvironment, stackOptionsFromEnv } from "./stack/command.ts";
import { startStack } from "./stack/start_stack.ts";

await runUntilSignalled(async (signal) => {
  const stack = await startStack({ ...stackOptionsFromEnv(), signal });
  printEnvironment(stackEnvironment(stack));
  console.log(`ready: the Data API is at ${stack.url}/rest/v1; Ctrl-C stops it`);
  return stack;
});
