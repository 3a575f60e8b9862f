/** A whole gateway, between a store and an OpenRouter that are a test. */
import assert from "node:assert/strict";
import { createKeyVault } from "../accounts/key_vault.ts";
import { AUDIENCE, newSigner, NOW, type Parts, signedRequest, type Signer } from "./signers.ts";
import { configFromEnv } from "../config/config.ts";
import { createGateway } from "../gateway.ts";
import type { GatewayDeps } from "../parts.ts";
import type { Store } from "../store/store.ts";
import type { Settlement } from "../store/settlement.ts";
import type { Admission } from "../store/admission_decision.ts";

export const ENVIRONMENT: Record<string, string> = {
  SUPABASE_URL: "http://supabase.test",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_x"}',
  OPENROUTER_API_URL: "http://openrouter.test/api/v1",
  OPENROUTER_PROVISIONING_KEY: "management",
  API_KEY_ENCRYPTION_KEY: "pOJ2oJXw0uS4s7k6yT1fWm3ZqVb9cNnEaGhRrLtDxQU=",
  GATEWAY_AUDIENCE: AUDIENCE,
};
export const CHAT = "/api/v1/openrouter/chat/completions";
export const ANSWER =
  '{"id":"gen-1","model":"m","usage":{"prompt_tokens":1,"completion_tokens":2,' +
  '"cost":0.000001}}';

/** A gateway between a store that admits everybody and an OpenRouter that answers as it is told. */
export async function gatewayWith(options: {
  admission?: Partial<Admission>;
  openrouter?: (request: Request) => Response | Promise<Response>;
  /** What the store throws instead of an admission. */
  failure?: Error;
  env?: Record<string, string>;
  /** Who calls; without it a new DID. */
  signer?: Signer;
  /** Whether each settlement brings a budget to a threshold. */
  isAlerted?: boolean;
  /** What else the store does. */
  store?: Partial<Store>;
  now?: () => number;
  sleep?: (ms: number) => Promise<void>;
} = {}) {
  const environment = { ...ENVIRONMENT, ...options.env };
  const config = configFromEnv({ get: (name) => environment[name] });
  const signer = options.signer ?? await newSigner("did:key Ed25519");
  const vault = createKeyVault(config.encryptionKey, null);
  const seen = {
    settlements: [] as Settlement[],
    logs: [] as Record<string, unknown>[],
    forwarded: [] as Request[],
    admissions: 0,
    withdrawn: [] as string[],
    sweeps: 0,
  };
  const pending = new Set<Promise<unknown>>();
  const store = {
    admit: async () => {
      seen.admissions++;
      if (options.failure) throw options.failure;
      return {
        decision: "admitted",
        key: {
          encryptedApiKey: await vault.seal(signer.did, "sk-or-v1-user"),
          hash: "hash",
          newLimit: null,
        },
        requestTime: "2026-11-22T00:00:00Z",
        rate: null,
        remainingUsd: null,
        ...options.admission,
      } as Admission;
    },
    settle: (settlement: Settlement) => {
      seen.settlements.push(settlement);
      return Promise.resolve({
        settled: true,
        totalCostUsd: settlement.cost,
        leftOut: null,
        isAlerted: options.isAlerted ?? false,
      });
    },
    settleSoon() {},
    expireStaleRequests: () => {
      seen.sweeps++;
      return Promise.resolve(0);
    },
    withdraw: (requestId: string) => {
      seen.withdrawn.push(requestId);
      return Promise.resolve(true);
    },
    ping: () => Promise.resolve(),
    ...options.store,
  } as Partial<Store> as Store;
  const deps: GatewayDeps = {
    config,
    store,
    fetch: async (input, init) => {
      const request = new Request(input as string, init);
      if (request.url.includes("/generation?")) return new Response("{}", { status: 404 });
      if (request.url.endsWith("/models?output_modalities=all")) return Response.json({ data: [] });
      seen.forwarded.push(request);
      return await (options.openrouter ?? (() =>
        new Response(ANSWER, {
          headers: { "content-type": "application/json" },
        })))(request);
    },
    now: options.now ?? (() => NOW * 1000),
    sleep: options.sleep ?? (() => Promise.resolve()),
    waitUntil: (promise) => {
      pending.add(promise);
      promise.finally(() => pending.delete(promise));
    },
    log: (event) => seen.logs.push(event),
  };
  const idle = async () => {
    while (pending.size > 0) await Promise.all(pending);
  };
  return { ...createGateway(deps), signer, seen, idle };
}

/** A signed request as the function sees it, hosted or served locally. */
export async function requestFrom(
  signer: Signer,
  parts: Partial<Parts>,
  base = "http://edge/openrouter-proxy",
): Promise<Request> {
  const signed = await signedRequest(signer, { path: CHAT, ...parts });
  const hasBody = signed.method !== "GET" && signed.method !== "HEAD";
  return new Request(base + signed.pathAndQuery, {
    method: signed.method,
    headers: signed.headers,
    ...(hasBody ? { body: signed.body } : {}),
  });
}

export async function errorOf(response: Response) {
  const { success, error } = await response.json();
  assert.equal(success, false);
  assert.equal(error.code, response.status);
  assert.equal(error.request_id, response.headers.get("x-request-id"));
  return error;
}
