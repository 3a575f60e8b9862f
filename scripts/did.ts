/**
 * `did`, in this repository `deno task did`: make identities, sign requests, print signed curl
 * commands and tokens, serve a signing proxy.
 *
 * Standard output holds the result alone, so that it can be piped or put into a variable; notes and
 * errors go to standard error. Exit codes: 1 when a command fails, 2 when it is called wrongly.
 */
import { Command } from "commander";
import { VERSION } from "../supabase/functions/openrouter-proxy/version.ts";
import { runCommand } from "./command.ts";
import { importCommand, newCommand, whoamiCommand } from "./identity/commands/key_commands.ts";
import { proxyCommand } from "./identity/commands/proxy_command.ts";
import {
  signCommand,
  signedCurlCommand,
  tokenCommand,
} from "./identity/commands/request_commands.ts";
import { ownUsageCommand } from "./identity/commands/usage_command.ts";

const program = new Command("did")
  .version(VERSION)
  .description("Make identities, sign requests to the gateway, serve it to tools that cannot.");
for (
  const command of [
    newCommand(),
    importCommand(),
    whoamiCommand(),
    signedCurlCommand(),
    signCommand(),
    tokenCommand(),
    proxyCommand(),
    ownUsageCommand(),
  ]
) program.addCommand(command);
await runCommand(program);
