/** `did usage`: what the identity's own DID has used. */
import type { Command } from "commander";
import { signedFetch } from "../../client/llm_gateway.ts";
import { usageCommand } from "../../report/own_usage_command.ts";
import { type GatewayOptions, gatewayOptions } from "./options.ts";
import { signer } from "./request_commands.ts";

export function ownUsageCommand(): Command {
  return usageCommand<GatewayOptions>(gatewayOptions(), async (options) => {
    const { identity, gateway, audience } = await signer(options);
    return {
      gatewayUrl: gateway,
      fetch: signedFetch(identity, { gatewayUrl: gateway, audience }),
    };
  });
}
