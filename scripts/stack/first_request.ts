/** A first request to paste, signed by an identity that lives as long as the data folder. */
import { join } from "node:path";
import { curlCommand } from "../identity/curl_command.ts";
import { openIdentity, signRequest } from "../identity/mod.ts";
import { shellQuoted } from "../shell_quoted.ts";

const PATH = "/api/v1/openrouter/chat/completions";
const BODY = JSON.stringify({
  model: "openai/gpt-4o-mini",
  stream: true,
  messages: [{ role: "user", content: "Say hello." }],
});

/** A signed streaming curl command, and the command that prints the next one. */
export async function firstRequest(
  { dataFolder, gatewayUrl, audience }: {
    dataFolder: string;
    gatewayUrl: string;
    audience: string;
  },
): Promise<{ curl: string; again: string }> {
  const file = join(dataFolder, "identity.did.json");
  const identity = await openIdentity(file);
  const headers = await signRequest(identity, {
    audience,
    method: "POST",
    path: PATH,
    body: BODY,
  });
  return {
    curl: curlCommand({
      method: "POST",
      url: gatewayUrl + PATH,
      headers,
      body: { bytes: new TextEncoder().encode(BODY), operand: BODY },
      stream: true,
    }),
    again: `npx -y deno@${Deno.version.deno} task did curl --file ${shellQuoted(file)} ` +
      `--gateway ${gatewayUrl} --audience ${shellQuoted(audience)} --stream POST ${PATH} ` +
      `${shellQuoted(BODY)} | sh`,
  };
}
