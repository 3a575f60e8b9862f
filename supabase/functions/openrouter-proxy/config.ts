/**
 * Environment → configuration, read and validated once.
 *
 * Source: protocol.md, "Environment".
 */
import { base64 } from "@scure/base";
import type { Bytes } from "./bytes/encodings.ts";
import { audienceFault, didWebHostFault } from "./config_addresses.ts";
import { readSecretKeys } from "./config_secret_keys.ts";
import type { LogSuccesses } from "./log/log.ts";
import { JWT_KEY_RULE, type JwtKey, readJwtKey } from "./usage/jwt_key.ts";

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
  provisioningKey: string;
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

interface Environment {
  get(name: string): string | undefined;
}

/** Timers take no more. */
const MAX_INTEGER = 2 ** 31 - 1;
const HEX = /^(?:[0-9a-fA-F]{2})+$/;
/** These complete a sentence that begins with the variable's name. */
export const OPENROUTER_ID_RULE = "must be an id of OpenRouter's, such as a UUID, without spaces";
export const ENCRYPTION_KEY_RULE =
  "must be at least 32 random bytes in base64 or hex, no placeholder; make one with: deno task secrets";

/**
 * Reads and validates the environment.
 *
 * @throws {ConfigError} naming all variables that are missing or bad
 */
export function configFromEnv(env: Environment): Config {
  const problems: string[] = [];
  const optional = (name: string) => env.get(name)?.trim() || undefined;

  function required(name: string): string {
    const value = optional(name);
    if (value === undefined) problems.push(`${name} is not set`);
    return value ?? "";
  }

  function httpUrl(name: string, value: string): string {
    if (!value) return "";
    if (/^https?:\/\/[^\s?#]+$/.test(value) && URL.canParse(value)) {
      return value.replace(/\/+$/, "");
    }
    problems.push(`${name} must be an http(s) URL without query or fragment`);
    return "";
  }

  function positiveInteger(name: string, fallback: number): number {
    const value = optional(name);
    if (value === undefined) return fallback;
    if (/^[1-9][0-9]{0,9}$/.test(value) && Number(value) <= MAX_INTEGER) return Number(value);
    problems.push(`${name} must be a whole number from 1 to ${MAX_INTEGER}`);
    return fallback;
  }

  function headerValue(name: string, fallback: string): string {
    const value = optional(name) ?? fallback;
    if (!/^[\x20-\x7e]+$/.test(value)) problems.push(`${name} must be printable ASCII`);
    return value;
  }

  function openrouterId(name: string): string | null {
    const value = optional(name);
    if (value !== undefined && !isOpenRouterId(value)) {
      problems.push(`${name} ${OPENROUTER_ID_RULE}`);
    }
    return value ?? null;
  }

  function list(name: string): string[] {
    return (optional(name) ?? "").split(",").map((item) => item.trim()).filter(Boolean);
  }

  function extraPaths(): string[] {
    const paths = list("OPENROUTER_EXTRA_PATHS").map((path) =>
      path.toLowerCase().replace(/\/+$/, "")
    );
    if (!paths.every((path) => path === "*" || /^(?:\/[a-z0-9._~-]+)+$/.test(path))) {
      problems.push("OPENROUTER_EXTRA_PATHS must be paths such as /new/endpoint, or *");
    }
    return paths;
  }

  function provisioningKey(): string {
    const key = required("OPENROUTER_PROVISIONING_KEY");
    // It goes into a header.
    if (key && !/^[\x21-\x7e]+$/.test(key)) {
      problems.push(
        "OPENROUTER_PROVISIONING_KEY must be a management key, such as sk-or-v1- and 64 hex digits, no placeholder",
      );
    }
    return key;
  }

  function encryptionKey(name: string, value: string): Bytes {
    const bytes = readEncryptionKey(value);
    if (value && bytes === null) problems.push(`${name} ${ENCRYPTION_KEY_RULE}`);
    return bytes ?? new Uint8Array();
  }

  /** The project's secret keys, the default one first, and the legacy one last. */
  function secretKeys(): string[] {
    const keys = readSecretKeys({
      keys: optional("SUPABASE_SECRET_KEYS"),
      legacy: optional("SUPABASE_SERVICE_ROLE_KEY"),
    });
    if (typeof keys !== "string") return keys;
    problems.push(keys);
    return [];
  }

  function usdPerCredit(): string {
    const value = optional("OPENROUTER_USD_PER_CREDIT") ?? "1";
    if (!isPositiveDecimal(value)) {
      problems.push("OPENROUTER_USD_PER_CREDIT must be a positive decimal number");
    }
    return value;
  }

  function alertWebhookUrl(): string | null {
    const value = optional("ALERT_WEBHOOK_URL") ?? null;
    if (value !== null && !(/^https?:\/\/[^\s#]+$/i.test(value) && URL.canParse(value))) {
      problems.push("ALERT_WEBHOOK_URL must be an http(s) URL without a fragment");
    }
    return value;
  }

  function alertWebhookSecret(): string | null {
    const value = optional("ALERT_WEBHOOK_SECRET") ?? null;
    if (value !== null && value.length < 16) {
      problems.push("ALERT_WEBHOOK_SECRET must have at least 16 characters");
    }
    return value;
  }

  function didWebHosts(): string[] {
    const hosts = list("DID_WEB_HOSTS").map((host) => host.toLowerCase());
    const faults = new Set(hosts.flatMap((host) => didWebHostFault(host) ?? []));
    if (faults.size > 0) {
      problems.push(
        `DID_WEB_HOSTS must be domain names such as example.com, without ${[...faults].join(", ")}`,
      );
    }
    return hosts;
  }

  function audience(): string {
    const value = optional("GATEWAY_AUDIENCE");
    if (value === undefined) return `${supabaseUrl}/functions/v1/openrouter-proxy`;
    const fault = audienceFault(value);
    if (fault !== null) problems.push(`GATEWAY_AUDIENCE ${fault}`);
    return value;
  }

  function jwtKey(): JwtKey | null {
    const value = optional("GATEWAY_JWT_KEY");
    const key = value === undefined ? null : readJwtKey(value);
    if (value !== undefined && key === null) problems.push(`GATEWAY_JWT_KEY ${JWT_KEY_RULE}`);
    return key;
  }

  function logSuccesses(): LogSuccesses {
    const value = optional("LOG_SUCCESSES");
    if (value === "all") return value;
    if (value === undefined) return 1;
    if (/^[0-9]{1,9}$/.test(value)) return Number(value);
    problems.push("LOG_SUCCESSES must be a whole number, or all");
    return 1;
  }

  const supabaseUrl = httpUrl("SUPABASE_URL", required("SUPABASE_URL"));
  const operatorKeys = secretKeys();
  const origins = list("ALLOWED_ORIGINS");
  const previous = optional("API_KEY_ENCRYPTION_KEY_PREVIOUS");
  const config: Config = {
    supabaseUrl,
    supabaseSecretKey: operatorKeys[0] ?? "",
    operatorKeys,
    openrouterUrl: httpUrl(
      "OPENROUTER_API_URL",
      optional("OPENROUTER_API_URL") ?? "https://openrouter.ai/api/v1",
    ),
    extraPaths: extraPaths(),
    provisioningKey: provisioningKey(),
    workspaceId: openrouterId("OPENROUTER_WORKSPACE_ID"),
    guardrailId: openrouterId("OPENROUTER_GUARDRAIL_ID"),
    encryptionKey: encryptionKey("API_KEY_ENCRYPTION_KEY", required("API_KEY_ENCRYPTION_KEY")),
    previousEncryptionKey: previous === undefined
      ? null
      : encryptionKey("API_KEY_ENCRYPTION_KEY_PREVIOUS", previous),
    audience: audience(),
    allowedOrigins: origins.length === 0 || origins.includes("*") ? "*" : origins,
    didWebHosts: didWebHosts(),
    maxRequestBytes: positiveInteger("MAX_REQUEST_BYTES", 20 * 1024 * 1024),
    maxTokenLifetimeSeconds: positiveInteger("MAX_TOKEN_LIFETIME_SECONDS", 3600),
    maxWalletSessionSeconds: positiveInteger("MAX_WALLET_SESSION_SECONDS", 86_400),
    readsPerMinute: positiveInteger("READS_PER_MINUTE", 300),
    upstreamHeadersTimeoutMs: positiveInteger("UPSTREAM_HEADERS_TIMEOUT_MS", 145_000),
    upstreamIdleTimeoutMs: positiveInteger("UPSTREAM_IDLE_TIMEOUT_MS", 120_000),
    httpReferer: headerValue("HTTP_REFERER", "https://llm-gateway.local"),
    xTitle: headerValue("X_TITLE", "LLM Gateway"),
    usdPerCredit: usdPerCredit(),
    alertWebhookUrl: alertWebhookUrl(),
    alertWebhookSecret: alertWebhookSecret(),
    jwtKey: jwtKey(),
    region: optional("SB_REGION") ?? null,
    logSuccesses: logSuccesses(),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** Whether OpenRouter could have given something this id: printable ASCII without spaces. */
export function isOpenRouterId(value: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(value);
}

export function isPositiveDecimal(value: string): boolean {
  return /^[0-9]+(\.[0-9]+)?$/.test(value) && Number(value) > 0;
}

/** The bytes of an encryption key in base64 or hex; null when it is not at least 32 random ones. */
export function readEncryptionKey(value: string): Bytes | null {
  const bytes = decodeKey(value);
  return bytes !== null && looksRandom(value, bytes) ? bytes : null;
}

/** Hex or base64 → bytes; null for anything else. */
function decodeKey(value: string): Bytes | null {
  if (HEX.test(value)) {
    return Uint8Array.from(value.match(/../g)!, (pair) => parseInt(pair, 16));
  }
  try {
    return new Uint8Array(base64.decode(value.padEnd(Math.ceil(value.length / 4) * 4, "=")));
  } catch {
    return null;
  }
}

/**
 * Whether a key can have come from a random generator. A phrase of letters is valid base64 too, so
 * that length alone would let placeholders pass; random bytes fail these checks less than once in
 * a billion.
 */
function looksRandom(text: string, bytes: Uint8Array): boolean {
  return bytes.length >= 32 && new Set(bytes).size >= 16 &&
    (HEX.test(text) || (/[a-z]/.test(text) && /[A-Z]/.test(text))) &&
    !/change.?(?:me|this|it)|placeholder|replace|example/i.test(text);
}
