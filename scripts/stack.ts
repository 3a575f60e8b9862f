/**
 * `deno task stack`: PostgreSQL and the Data API, without the gateway.
 *
 * Environment: PORT (54321) and DB_PORT (54322), 0 for any free port; EPHEMERAL=1 for a database
 * that is deleted at the end. `--seed` loads the made-up history of supabase/seed.sql into a database
 * without requests. Prints NAME=value lines on stdout, then one that starts with `ready`.
 */
import { runCommand } from "./command.ts";
import { shellQuoted } from "./shell_quoted.ts";
import {
  printEnvironment,
  stackCommand,
  stackEnvironment,
  stackOptions,
  writeEnvironment,
} from "./stack/command.ts";
import { runUntilSignalled } from "./stack/lifetime.ts";
import { startStack } from "./stack/start_stack.ts";

const program = stackCommand("stack", "Start Postgres and the Data API alone.");
await runCommand(
  program.action((options: { seed: boolean }) =>
    runUntilSignalled(async (signal) => {
      await using starting = new AsyncDisposableStack();
      const stack = await startStack({ ...stackOptions(options), signal });
      starting.defer(stack.stop);
      const environment = stackEnvironment(stack);
      const file = starting.use(await writeEnvironment(stack.dataFolder, environment));
      printEnvironment(environment);
      console.log(
        `ready: the Data API is at ${stack.url}/rest/v1; Ctrl-C stops it\n\n` +
          `# In another terminal, for report and seed:\n. ${shellQuoted(file.path)}\n`,
      );
      const running = starting.move();
      return { failed: stack.failed, stop: () => running.disposeAsync() };
    })
  ),
);
