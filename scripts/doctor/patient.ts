/** What the checks are given: the gateway, and what the operator knows of it. */
import {
  createManagement,
  type Management,
} from "../../supabase/functions/openrouter-proxy/openrouter/management.ts";
import { isObject } from "../../supabase/functions/openrouter-proxy/bytes/encodings.ts";
import { oneLine } from "../command.ts";
import { type Identity, signRequest } from "../client/llm_gateway.ts";
import { once } from "../once.ts";
import type { Variables } from "../operator/env_file.ts";
import type { HostedProject, Query } from "../operator/hosted_project.ts";

export interface PatientOptions {
  /** The function's URL without a trailing slash. */
  gatewayUrl: string;
  /** What the gateway is expected to be called in signatures. */
  audience: string;
  /** Where its calls shall run; null: where the platform likes. */
  region: string | null;
  /** The gateway's environment as far as it is known here. */
  variables: Variables;
  /** Of these, what the deployment's own file holds: all that the gateway needs; null: no file was named. */
  file: Variables | null;
  project: HostedProject | null;
  /** Null: no way to the database is known. */
  query: Query | null;
  /** Whether it may spend a little, and make keys and an identity. */
  mayChange: boolean;
  /** Of OpenRouter, for the call that costs. */
  model: string;
  identity: () => Promise<Identity>;
  /** The versions of the checkout's migrations, in order. */
  migrations: () => Promise<string[]>;
  fetch: typeof globalThis.fetch;
  sleep: (ms: number) => Promise<void>;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds since any moment. */
  elapsedMs: () => number;
}

/** An answer that was read. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The JSON object that the body is, or an empty one. */
  json: Record<string, unknown>;
}

export interface Patient extends PatientOptions {
  /** Whether the gateway is on this machine. */
  isLocal: boolean;
  /** Asks the gateway without credentials. @param path e.g. `/api/v1/health` */
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** Sends a request signed by the doctor's identity. */
  signed(method: string, path: string, body?: string): Promise<Response>;
  /** The same, read to its end. */
  askSigned(method: string, path: string): Promise<Answer>;
  /** `GET /api/v1/health`, once. */
  health(): Promise<Answer & { sentAt: number; receivedAt: number }>;
  /** What the gateway takes for its audience, once; null: it does not say. */
  toldAudience(): Promise<string | null>;
  /** OpenRouter's management API; null: its key is not known here. */
  management: Management | null;
}

const ANSWER_WITHIN_MS = 30_000;
const LOOPBACK = /^(?:localhost|127\.[0-9.]+|\[::1\])$/;
export const OPENROUTER_URL = "https://openrouter.ai/api/v1";

export function patientOf(options: PatientOptions): Patient {
  const { gatewayUrl, region, variables, now } = options;
  const pinned: Record<string, string> = region === null ? {} : { "x-region": region };

  async function send(path: string, init: RequestInit): Promise<Response> {
    try {
      return await options.fetch(gatewayUrl + path, {
        redirect: "manual",
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        ...init,
        headers: { ...pinned, ...init.headers as Record<string, string> },
      });
    } catch (error) {
      throw new Error(`${gatewayUrl}${path} did not answer: ${oneLine(error)}`);
    }
  }

  async function get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return await readAnswer(await send(path, { headers }));
  }

  async function signed(method: string, path: string, body?: string): Promise<Response> {
    const identity = await options.identity();
    const audience = await toldAudience() ?? options.audience;
    const headers = await signRequest(identity, {
      audience,
      method,
      path,
      body,
      timestamp: Math.floor(now() / 1000),
    });
    return await send(path, {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body }),
    });
  }

  const health = once(async () => {
    const sentAt = now();
    const answer = await get("/api/v1/health");
    return { ...answer, sentAt, receivedAt: now() };
  });

  const toldAudience = once(async () => {
    const { json } = await get("/api/v1/openapi.json");
    const server = Array.isArray(json.servers) ? json.servers[0] : null;
    return isObject(server) && typeof server.url === "string" ? server.url : null;
  });

  const key = variables.OPENROUTER_PROVISIONING_KEY;
  return {
    ...options,
    isLocal: LOOPBACK.test(new URL(gatewayUrl).hostname),
    get,
    signed,
    askSigned: async (method, path) => await readAnswer(await signed(method, path)),
    health,
    toldAudience,
    management: key === undefined ? null : createManagement(
      variables.OPENROUTER_API_URL ?? OPENROUTER_URL,
      key,
      options.fetch,
      variables.OPENROUTER_WORKSPACE_ID ?? null,
      variables.OPENROUTER_USD_PER_CREDIT ?? "1",
    ),
  };
}

/** Reads an answer to its end. */
export async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = null;
  }
  const { status, headers } = response;
  return { status, headers, text, json: isObject(json) ? json : {} };
}

/** What an answer says of its error, for people, with its status. */
export function errorOf({ status, text, json }: Answer): string {
  const error = isObject(json.error) ? json.error.message : json.message ?? json.msg;
  return `status ${status}: ${typeof error === "string" ? error : text.slice(0, 200)}`;
}
