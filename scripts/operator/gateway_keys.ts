/** Which encryption keys the deployed function has, by their ids. */
import { isObject } from "../../supabase/functions/openrouter-proxy/bytes/encodings.ts";
import type { KeyIds } from "../../supabase/functions/openrouter-proxy/accounts/key_vault.ts";

/** Workers of before a deployment answer beside those of after it for a while: several are asked. */
const TIMES = 8;
const ANSWER_WITHIN_MS = 30_000;

export interface GatewayTarget {
  /** The function's URL without a trailing slash. */
  gatewayUrl: string;
  /** A secret key of the project. */
  secretKey: string;
}

/** Each pair of ids that an answer told. @throws {Error} in words for the operator */
export async function askForKeyIds(target: GatewayTarget): Promise<KeyIds[]> {
  const answers = await Promise.all(Array.from({ length: TIMES }, () => ask(target)));
  const different = new Map(answers.map((ids) => [`${ids.current} ${ids.previous}`, ids]));
  return [...different.values()];
}

async function ask({ gatewayUrl, secretKey }: GatewayTarget): Promise<KeyIds> {
  const route = `GET ${gatewayUrl}/api/v1/encryption-keys`;
  const response = await fetch(`${gatewayUrl}/api/v1/encryption-keys`, {
    headers: { apikey: secretKey },
    redirect: "error",
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  }).catch((error: Error) => {
    throw new Error(`${route} was not answered: ${error.message}`);
  });
  const answer: unknown = await response.json().catch(() => null);
  const data = isObject(answer) ? answer.data : undefined;
  if (response.ok && isObject(data) && typeof data.current === "string") {
    return { current: data.current, previous: (data.previous ?? null) as string | null };
  }
  if (response.status === 404) {
    throw new Error(`${route} is not known there: deploy this version of the function first`);
  }
  const error = isObject(answer) && isObject(answer.error) ? `: ${answer.error.message}` : "";
  throw new Error(`${route} was answered with status ${response.status}${error}`);
}
