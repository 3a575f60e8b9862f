/**
 * `did proxy`: a base URL for tools that cannot sign.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import process from "node:process";
import { onLauncherGone } from "../../launcher.ts";
import { IdentityError } from "../identity_error.ts";
import { type GatewayOptions, gatewayOptions, note, orVariable } from "./options.ts";
import { signer } from "./request_commands.ts";

const DEFAULT_PORT = 8484;

interface ProxyCommandOptions extends GatewayOptions {
  port: number;
  key?: string;
  sign?: boolean;
}

export function proxyCommand(): Command {
  const command = new Command("proxy")
    .description("serve the gateway on this machine to tools that know only a base URL and a key")
    .addOption(
      orVariable(
        new Option("--port <number>", "where it listens on 127.0.0.1; 0 takes any"),
        "DID_PROXY_PORT",
      ).argParser(portArgument).default(DEFAULT_PORT),
    )
    .addOption(
      new Option("--key <text>", "refuse requests that do not send this as their API key")
        .env("DID_PROXY_KEY").argParser(keyArgument),
    )
    .option("--sign", "sign each request, bodies read first, instead of sending a token along")
    .addHelpText("after", HELP)
    .action(async (options: ProxyCommandOptions, called: Command) => {
      await serve(options, called.getOptionValueSource("key") === "env");
    });
  gatewayOptions().forEach((option) => command.addOption(option));
  return command;
}

const HELP = `
It takes the paths of OpenAI's and Anthropic's APIs, with or without /v1 or /api/v1, streams both
ways, and refuses web pages. Every program of this machine may spend through it, other users' too,
unless --key is given. Ctrl-C ends it.`;

async function serve(options: ProxyCommandOptions, keyIsInEnvironment: boolean): Promise<void> {
  const { identity, gateway, audience } = await signer(options);
  const { port, key = null, sign = false } = options;
  const [{ startProxy }, { exportLines }] = await Promise.all([
    import("../../proxy/server.ts"),
    import("../../proxy/exports.ts"),
  ]);
  const proxy = await startProxy({ identity, gatewayUrl: gateway, audience, port, key, sign })
    .catch((error) => {
      throw error.code === "EADDRINUSE"
        ? new IdentityError(`port ${port} is taken; --port 0 takes any that is free`)
        : error;
    });
  const interrupted = interruption();
  // The key itself is a secret: whoever gave it has it.
  const word = key === null ? "unused" : keyIsInEnvironment ? '"$DID_PROXY_KEY"' : "'<your key>'";
  console.log(exportLines(proxy.url, word).join("\n"));
  note(`${proxy.url} spends as ${identity.did} at ${gateway}; Ctrl-C ends it`);
  await interrupted;
  await proxy.stop();
}

async function interruption(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    onLauncherGone(resolve);
  });
}

function portArgument(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new InvalidArgumentError("Give a number up to 65535.");
  }
  return Number(text);
}

function keyArgument(text: string): string {
  if (!/^[!-~]+$/.test(text)) {
    throw new InvalidArgumentError("Give visible ASCII without spaces.");
  }
  return text;
}
