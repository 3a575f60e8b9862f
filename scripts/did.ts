/**
 * `deno task did`: make identities, sign requests, print signed curl commands.
 *
 * Standard output holds the result alone, so that it can be piped or put into a variable; notes and
 * errors go to standard error. Exit codes: 1 when a command fails, 2 when it is called wrongly.
 */
import { Command, CommanderError } from "commander";
import { importCommand, newCommand, whoamiCommand } from "./identity/commands/key_commands.ts";
import {
  signCommand,
  signedCurlCommand,
  tokenCommand,
} from "./identity/commands/request_commands.ts";

const program = new Command("did")
  .description("Make identities, sign requests to the gateway, print signed curl commands.")
  .helpCommand(false);
for (
  const command of [
    newCommand(),
    importCommand(),
    whoamiCommand(),
    signedCurlCommand(),
    signCommand(),
    tokenCommand(),
  ]
) program.addCommand(command);
for (const command of [program, ...program.commands]) {
  command.exitOverride().showSuggestionAfterError(false);
}

try {
  await program.parseAsync(Deno.args, { from: "user" });
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed its own line by the time it throws.
    Deno.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    Deno.exitCode = 1;
  }
}
