/** Which encryption keys the deployed function has, by their ids. */
import type { KeyIds } from "../../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import { askGateway, type GatewayTarget } from "./gateway_routes.ts";

/** Workers of before a deployment answer beside those of after it for a while: several are asked. */
const TIMES = 8;
const ANSWER_WITHIN_MS = 30_000;

/** Each pair of ids that an answer told. @throws {Error} in words for the operator */
export async function askForKeyIds(target: GatewayTarget): Promise<KeyIds[]> {
  const answers = await Promise.all(Array.from({ length: TIMES }, () => ask(target)));
  const different = new Map(answers.map((ids) => [`${ids.current} ${ids.previous}`, ids]));
  return [...different.values()];
}

async function ask(target: GatewayTarget): Promise<KeyIds> {
  const { current, previous } = await askGateway(target, {
    method: "GET",
    path: "/api/v1/encryption-keys",
    withinMs: ANSWER_WITHIN_MS,
    ifUnknown: "is not known there: deploy this version of the function first",
  });
  if (typeof current !== "string") throw new Error("the gateway told no id of its encryption key");
  return { current, previous: (previous ?? null) as string | null };
}
