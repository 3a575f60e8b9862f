/**
 * Environment → configuration, read and validated once.
 *
 * Source: protocol.md, "Environment".
 */
import { NO_BYTES } from "../bytes/encodings.ts";
import type { Bytes } from "../bytes/encodings.ts";
import type { LogSuccesses } from "../log/log.ts";
import { audience, didWebHosts, origins } from "./addresses.ts";
import { encryptionKey } from "./encryption_key.ts";
import { type JwtKey, jwtKey } from "./jwt_key.ts";
import {
  extraPaths,
  headerValue,
  httpUrl,
  logSuccesses,
  managementKey,
  openrouterId,
  positiveDecimal,
  positiveInteger,
  projectUrl,
  type Reading,
  Unusable,
  webhookSecret,
  webhookUrl,
} from "./readings.ts";
import { readSecretKeys } from "./secret_keys.ts";

/** What the gateway needs to know. Durations in milliseconds or seconds, as the name says. */
export interface Config {
  /** Supabase's API, e.g. `https://<ref>.supabase.co`. */
  supabaseUrl: string;
  /** A key with the role `service_role`. */
  supabaseSecretKey: string;
  /** All secret keys of the project: whoever has one of them is the operator. */
  operatorKeys: string[];
  /** OpenRouter's API without a trailing slash. */
  openrouterUrl: string;
  /** Paths of OpenRouter's that the operator has opened besides those of policy/endpoints.ts, or `*`. */
  extraPaths: string[];
  /** OpenRouter's management key: creates user keys, never used for proxied calls. */
  managementKey: string;
  /** The workspace at OpenRouter that the DIDs' keys are in; null: the account's default one. */
  workspaceId: string | null;
  /** The guardrail at OpenRouter that each new key is put under; null: none. */
  guardrailId: string | null;
  /** At least 32 random bytes. */
  encryptionKey: Bytes;
  /** The key that `encryptionKey` replaced, while rotation runs. */
  previousEncryptionKey: Bytes | null;
  /** What signatures and tokens must name as their audience. */
  audience: string;
  /** `*`, or the origins that browsers may call from. */
  allowedOrigins: "*" | string[];
  /** Hosts whose did:web documents are fetched; none unless set. */
  didWebHosts: string[];
  maxRequestBytes: number;
  maxTokenLifetimeSeconds: number;
  /** From `Issued At` to `Expiration Time` of a wallet session. */
  maxWalletSessionSeconds: number;
  /** GET and HEAD of one DID, in each isolate. */
  readsPerMinute: number;
  upstreamHeadersTimeoutMs: number;
  upstreamIdleTimeoutMs: number;
  /** Sent to OpenRouter where the client sent none. */
  httpReferer: string;
  xTitle: string;
  /** US dollars in one of OpenRouter's credits, a decimal string: money is never a float. */
  usdPerCredit: string;
  /** Where alerts go, a secret; null: nowhere. */
  alertWebhookUrl: string | null;
  /** Signs alerts; null: they are not signed. */
  alertWebhookSecret: string | null;
  /** Signs the Supabase tokens of `POST /api/v1/token`; null: there are none. */
  jwtKey: JwtKey | null;
  /** Where the platform runs this isolate, e.g. `eu-central-1`; null: it does not say. */
  region: string | null;
  /** How many successes have a line in the log. */
  logSuccesses: LogSuccesses;
}

/** Every missing or bad variable at once, by name; values never appear. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: string[]) {
    super(`the gateway's environment is not usable:\n${problems.map((p) => `- ${p}`).join("\n")}`);
  }
}

export interface Environment {
  get(name: string): string | undefined;
}

/**
 * Reads and validates the environment.
 *
 * @throws {ConfigError} naming all variables that are missing or bad
 */
export function configFromEnv(env: Environment): Config {
  const problems: string[] = [];
  const textOf = (name: string) => env.get(name)?.trim() || undefined;

  /** @param fallback for a variable that is not set; one that is bad has it, too, and is a problem */
  function read<T, F>(name: string, reading: Reading<T>, fallback: F): T | F {
    const text = textOf(name);
    if (text === undefined) return fallback;
    const value = reading(text);
    if (!(value instanceof Unusable)) return value;
    problems.push(`${name} ${value.because}`);
    return fallback;
  }

  function required<T>(name: string, reading: Reading<T>, fallback: T): T {
    if (textOf(name) === undefined) problems.push(`${name} is not set`);
    return read(name, reading, fallback);
  }

  /** The project's secret keys, the default one first, and the legacy one last. */
  function secretKeys(): string[] {
    const keys = readSecretKeys({
      keys: textOf("SUPABASE_SECRET_KEYS"),
      legacy: textOf("SUPABASE_SERVICE_ROLE_KEY"),
    });
    if (typeof keys !== "string") return keys;
    problems.push(keys);
    return [];
  }

  const supabaseUrl = required("SUPABASE_URL", projectUrl, "");
  const operatorKeys = secretKeys();
  const config: Config = {
    supabaseUrl,
    supabaseSecretKey: operatorKeys[0] ?? "",
    operatorKeys,
    openrouterUrl: read("OPENROUTER_API_URL", httpUrl, "https://openrouter.ai/api/v1"),
    extraPaths: read("OPENROUTER_EXTRA_PATHS", extraPaths, []),
    managementKey: required("OPENROUTER_PROVISIONING_KEY", managementKey, ""),
    workspaceId: read("OPENROUTER_WORKSPACE_ID", openrouterId, null),
    guardrailId: read("OPENROUTER_GUARDRAIL_ID", openrouterId, null),
    encryptionKey: required("API_KEY_ENCRYPTION_KEY", encryptionKey, NO_BYTES),
    previousEncryptionKey: read("API_KEY_ENCRYPTION_KEY_PREVIOUS", encryptionKey, null),
    audience: read("GATEWAY_AUDIENCE", audience, `${supabaseUrl}/functions/v1/openrouter-proxy`),
    allowedOrigins: read("ALLOWED_ORIGINS", origins, "*"),
    didWebHosts: read("DID_WEB_HOSTS", didWebHosts, []),
    maxRequestBytes: read("MAX_REQUEST_BYTES", positiveInteger, 20 * 1024 * 1024),
    maxTokenLifetimeSeconds: read("MAX_TOKEN_LIFETIME_SECONDS", positiveInteger, 3600),
    maxWalletSessionSeconds: read("MAX_WALLET_SESSION_SECONDS", positiveInteger, 86_400),
    readsPerMinute: read("READS_PER_MINUTE", positiveInteger, 300),
    upstreamHeadersTimeoutMs: read("UPSTREAM_HEADERS_TIMEOUT_MS", positiveInteger, 145_000),
    upstreamIdleTimeoutMs: read("UPSTREAM_IDLE_TIMEOUT_MS", positiveInteger, 120_000),
    httpReferer: read("HTTP_REFERER", headerValue, "https://llm-gateway.local"),
    xTitle: read("X_TITLE", headerValue, "LLM Gateway"),
    usdPerCredit: read("OPENROUTER_USD_PER_CREDIT", positiveDecimal, "1"),
    alertWebhookUrl: read("ALERT_WEBHOOK_URL", webhookUrl, null),
    alertWebhookSecret: read("ALERT_WEBHOOK_SECRET", webhookSecret, null),
    jwtKey: read("GATEWAY_JWT_KEY", jwtKey, null),
    region: read("SB_REGION", asItIs, null),
    logSuccesses: read("LOG_SUCCESSES", logSuccesses, 1),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function asItIs(text: string): string {
  return text;
}
