import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { ConfigError, configFromEnv } from "./config.ts";
import { assertProblems, config, KEY } from "../testing/environments.ts";

Deno.test("the configuration has the defaults of protocol.md", () => {
  assert.deepEqual(config(), {
    supabaseUrl: "https://ref.supabase.co",
    supabaseSecretKey: "sb_secret_1",
    operatorKeys: ["sb_secret_1"],
    openrouterUrl: "https://openrouter.ai/api/v1",
    managementKey: "sk-or-v1-management",
    workspaceId: null,
    guardrailId: null,
    extraPaths: [],
    encryptionKey: new Uint8Array(KEY),
    previousEncryptionKey: null,
    audience: "https://ref.supabase.co/functions/v1/openrouter-proxy",
    allowedOrigins: "*",
    didWebHosts: [],
    maxRequestBytes: 20 * 1024 * 1024,
    maxTokenLifetimeSeconds: 3600,
    maxWalletSessionSeconds: 86_400,
    readsPerMinute: 300,
    upstreamHeadersTimeoutMs: 145_000,
    upstreamIdleTimeoutMs: 120_000,
    httpReferer: "https://llm-gateway.local",
    xTitle: "LLM Gateway",
    usdPerCredit: "1",
    alertWebhookUrl: null,
    alertWebhookSecret: null,
    jwtKey: null,
    region: null,
    logSuccesses: 1,
  });
});

Deno.test("every variable of the environment has its place", () => {
  const previous = randomBytes(48);
  const read = config({
    SUPABASE_URL: " https://ref.supabase.co/ ",
    OPENROUTER_API_URL: "http://127.0.0.1:8080/api/v1//",
    OPENROUTER_WORKSPACE_ID: " 0b6f9c1e-3f4d-4a5b-8c7d-9e0f1a2b3c4d ",
    OPENROUTER_GUARDRAIL_ID: "guardrail_1",
    OPENROUTER_EXTRA_PATHS: "/New/Endpoint/, /rerank,*",
    API_KEY_ENCRYPTION_KEY_PREVIOUS: previous.toString("hex"),
    GATEWAY_AUDIENCE: "https://gateway.example/llm",
    ALLOWED_ORIGINS: "https://a.example, https://b.example,",
    DID_WEB_HOSTS: "A.example,b.example",
    MAX_REQUEST_BYTES: "1000",
    MAX_TOKEN_LIFETIME_SECONDS: "60",
    MAX_WALLET_SESSION_SECONDS: "600",
    READS_PER_MINUTE: "30",
    UPSTREAM_HEADERS_TIMEOUT_MS: "1",
    UPSTREAM_IDLE_TIMEOUT_MS: "2",
    HTTP_REFERER: "https://a.example",
    X_TITLE: "A",
    OPENROUTER_USD_PER_CREDIT: "0.000001",
    ALERT_WEBHOOK_URL: " https://hooks.example/services/T1?code=2 ",
    ALERT_WEBHOOK_SECRET: "16 characters...",
    SB_REGION: "eu-central-1",
  });
  assert.deepEqual(read, {
    ...config(),
    openrouterUrl: "http://127.0.0.1:8080/api/v1",
    workspaceId: "0b6f9c1e-3f4d-4a5b-8c7d-9e0f1a2b3c4d",
    guardrailId: "guardrail_1",
    extraPaths: ["/new/endpoint", "/rerank", "*"],
    previousEncryptionKey: new Uint8Array(previous),
    audience: "https://gateway.example/llm",
    region: "eu-central-1",
    allowedOrigins: ["https://a.example", "https://b.example"],
    didWebHosts: ["a.example", "b.example"],
    maxRequestBytes: 1_000,
    maxTokenLifetimeSeconds: 60,
    maxWalletSessionSeconds: 600,
    readsPerMinute: 30,
    upstreamHeadersTimeoutMs: 1,
    upstreamIdleTimeoutMs: 2,
    httpReferer: "https://a.example",
    xTitle: "A",
    usdPerCredit: "0.000001",
    alertWebhookUrl: "https://hooks.example/services/T1?code=2",
    alertWebhookSecret: "16 characters...",
  });
});

Deno.test("an empty variable is one that is not set", () => {
  assert.deepEqual(config({ X_TITLE: "", ALLOWED_ORIGINS: " ", MAX_REQUEST_BYTES: "" }), config());
});

Deno.test("LOG_SUCCESSES is a number of successes, 0, or all", () => {
  assert.equal(config().logSuccesses, 1);
  assert.equal(config({ LOG_SUCCESSES: "100" }).logSuccesses, 100);
  assert.equal(config({ LOG_SUCCESSES: "0" }).logSuccesses, 0);
  assert.equal(config({ LOG_SUCCESSES: "all" }).logSuccesses, "all");
  for (const bad of ["none", "1/100", "0.1", "-1"]) {
    assertProblems({ LOG_SUCCESSES: bad }, "LOG_SUCCESSES");
  }
});

Deno.test("all that is missing is reported at once", () => {
  assert.throws(() => configFromEnv({ get: () => undefined }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.problems.map((problem) => problem.split(" ")[0]), [
      "SUPABASE_URL",
      "SUPABASE_SECRET_KEYS",
      "OPENROUTER_PROVISIONING_KEY",
      "API_KEY_ENCRYPTION_KEY",
    ]);
    return true;
  });
});

Deno.test("all that is bad is reported at once, by name and without values", () => {
  assertProblems(
    {
      SUPABASE_URL: "ref.supabase.co",
      SUPABASE_SECRET_KEYS: "sb_secret_of_mine",
      OPENROUTER_API_URL: "ftp://openrouter.example",
      OPENROUTER_PROVISIONING_KEY: "   ",
      OPENROUTER_WORKSPACE_ID: "the default workspace",
      OPENROUTER_GUARDRAIL_ID: "no guardrail",
      API_KEY_ENCRYPTION_KEY: "too-short-a-secret",
      API_KEY_ENCRYPTION_KEY_PREVIOUS: "another-short-secret",
      GATEWAY_AUDIENCE: "gateway.example",
      DID_WEB_HOSTS: "https://did.example,localhost",
      MAX_REQUEST_BYTES: "20MiB",
      MAX_TOKEN_LIFETIME_SECONDS: "1 hour",
      MAX_WALLET_SESSION_SECONDS: "1 day",
      READS_PER_MINUTE: "0",
      UPSTREAM_HEADERS_TIMEOUT_MS: "-1000",
      UPSTREAM_IDLE_TIMEOUT_MS: "1.5e3",
      OPENROUTER_USD_PER_CREDIT: "one dollar",
      ALERT_WEBHOOK_URL: "hooks.example/services/secret",
      ALERT_WEBHOOK_SECRET: "15 characters..",
    },
    "SUPABASE_URL",
    "SUPABASE_SECRET_KEYS",
    "OPENROUTER_API_URL",
    "OPENROUTER_PROVISIONING_KEY",
    "OPENROUTER_WORKSPACE_ID",
    "OPENROUTER_GUARDRAIL_ID",
    "API_KEY_ENCRYPTION_KEY",
    "API_KEY_ENCRYPTION_KEY_PREVIOUS",
    "GATEWAY_AUDIENCE",
    "DID_WEB_HOSTS",
    "MAX_REQUEST_BYTES",
    "MAX_TOKEN_LIFETIME_SECONDS",
    "MAX_WALLET_SESSION_SECONDS",
    "READS_PER_MINUTE",
    "UPSTREAM_HEADERS_TIMEOUT_MS",
    "UPSTREAM_IDLE_TIMEOUT_MS",
    "OPENROUTER_USD_PER_CREDIT",
    "ALERT_WEBHOOK_URL",
    "ALERT_WEBHOOK_SECRET",
  );
});
