/**
 * `did curl`, `did sign`, `did token`: credentials for the gateway.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import type { Identity } from "../../client/identity.ts";
import { signRequest } from "../../client/signed_request.ts";
import { createToken } from "../../client/token_source.ts";
import { curlCommand } from "../curl_command.ts";
import { loadIdentity } from "../identity_file.ts";
import {
  bodyArgument,
  gatewayArgument,
  methodArgument,
  pathArgument,
} from "../request_arguments.ts";
import { type GatewayOptions, gatewayOptions, note, requestArguments } from "./options.ts";

export function signedCurlCommand(): Command {
  const command = new Command("curl")
    .description("print a signed curl command, good for 300 s")
    .option("--stream", "print the answer as it arrives (curl -N)")
    .addHelpText("after", `\nExample:\n  ${CURL_EXAMPLE}`)
    .action(
      async (
        method: string,
        path: string,
        body: string | undefined,
        options: GatewayOptions & { stream?: boolean },
      ) => {
        const { stream = false } = options;
        console.log(curlCommand({ ...await signedRequest(method, path, body, options), stream }));
      },
    );
  requestArguments().forEach((argument) => command.addArgument(argument));
  gatewayOptions().forEach((option) => command.addOption(option));
  return command;
}

const CURL_EXAMPLE = `did curl POST /api/v1/openrouter/chat/completions --stream \\
    '{"model":"openai/gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}' | sh`;

export function signCommand(): Command {
  const command = new Command("sign")
    .description("print the headers of a signed request")
    .option("--json", "as a JSON object")
    .action(
      async (
        method: string,
        path: string,
        body: string | undefined,
        options: GatewayOptions & { json?: boolean },
      ) => {
        const { headers } = await signedRequest(method, path, body, options);
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
        console.log(options.json ? JSON.stringify(headers) : lines.join("\n"));
      },
    );
  requestArguments().forEach((argument) => command.addArgument(argument));
  gatewayOptions().forEach((option) => command.addOption(option));
  return command;
}

export function tokenCommand(): Command {
  const command = new Command("token")
    .description("print a token, the API key of any SDK (for did:pkh, a wallet session)")
    .addOption(
      new Option("--ttl <seconds>", "its life; gateways accept 3600, of wallet sessions 86400")
        .argParser(secondsArgument).default(3600),
    )
    .addHelpText("after", "\nExample:\n  export OPENAI_API_KEY=$(did token)")
    .action(async (options: GatewayOptions & { ttl: number }) => {
      const { identity, audience } = await signer(options);
      console.log(await createToken(identity, { audience, ttlSeconds: options.ttl }));
    });
  gatewayOptions().forEach((option) => command.addOption(option));
  return command;
}

/** Who signs, for which gateway: the identity file is read, the options are checked. */
export async function signer(
  options: GatewayOptions,
): Promise<{ identity: Identity; gateway: string; audience: string }> {
  const gateway = gatewayArgument(options.gateway);
  const identity = await loadIdentity(options.file, note);
  return { identity, gateway, audience: options.audience || gateway };
}

async function signedRequest(
  methodText: string,
  pathText: string,
  bodyText: string | undefined,
  options: GatewayOptions,
) {
  const { identity, gateway, audience } = await signer(options);
  const method = methodArgument(methodText);
  const path = pathArgument(pathText, gateway);
  const body = await bodyArgument(bodyText, method);
  const headers = await signRequest(identity, { audience, method, path, body: body?.bytes });
  return { method, url: gateway + path, headers, body };
}

function secondsArgument(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) {
    throw new InvalidArgumentError("Give whole seconds above 0.");
  }
  return Number(text);
}
