/** The deployed function's own routes for operators. */
import { isObject } from "../../supabase/functions/openrouter-proxy/bytes/encodings.ts";
import { oneLine } from "../command.ts";
import { readEnvironment } from "./environment.ts";

export interface GatewayTarget {
  /** The function's URL without a trailing slash. */
  gatewayUrl: string;
  /** A secret key of the project. */
  secretKey: string;
}

/** The variables that a target is made of. */
export const GATEWAY_VARIABLES = ["GATEWAY_URL", "SUPABASE_SECRET_KEYS"] as const;

/** @throws {UsageError} naming the variables that are missing or bad */
export function gatewayTarget(): GatewayTarget {
  const { GATEWAY_URL, SUPABASE_SECRET_KEYS } = readEnvironment(GATEWAY_VARIABLES);
  return { gatewayUrl: GATEWAY_URL, secretKey: SUPABASE_SECRET_KEYS };
}

interface Asked {
  method: "GET" | "POST";
  path: string;
  withinMs: number;
  /** What a 404 means, in words that follow the route's. */
  ifUnknown?: string;
}

/** The `data` of a route's answer. @throws {Error} in words for the operator */
export async function askGateway(
  { gatewayUrl, secretKey }: GatewayTarget,
  { method, path, withinMs, ifUnknown }: Asked,
): Promise<Record<string, unknown>> {
  const route = `${method} ${gatewayUrl}${path}`;
  const response = await fetch(`${gatewayUrl}${path}`, {
    method,
    headers: { apikey: secretKey },
    redirect: "error",
    signal: AbortSignal.timeout(withinMs),
  }).catch((error: Error) => {
    throw new Error(`${route} was not answered: ${oneLine(error)}`);
  });
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok && isObject(answer) && isObject(answer.data)) return answer.data;
  if (response.ok) throw new Error(`what answers ${route} is no gateway: look at GATEWAY_URL`);
  if (response.status === 404 && ifUnknown !== undefined) throw new Error(`${route} ${ifUnknown}`);
  const error = isObject(answer) && isObject(answer.error) ? `: ${answer.error.message}` : "";
  throw new Error(`${route} was answered with status ${response.status}${error}`);
}
