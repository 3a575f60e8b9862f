import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { ConfigError, configFromEnv } from "./config.ts";

const KEY = randomBytes(32);
const BASE64 = KEY.toString("base64");
/** The members that `supabase gen signing-key --algorithm ES256` prints. */
const JWT_KEY = {
  kty: "EC",
  kid: "7e31a03c-2f95-418c-ab42-fb6b1503ca05",
  use: "sig",
  key_ops: ["sign", "verify"],
  alg: "ES256",
  ext: true,
  d: randomBytes(32).toString("base64url"),
  crv: "P-256",
  x: randomBytes(32).toString("base64url"),
  y: randomBytes(32).toString("base64url"),
};
const ENV = {
  SUPABASE_URL: "https://ref.supabase.co",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_1"}',
  OPENROUTER_PROVISIONING_KEY: "sk-or-v1-management",
  API_KEY_ENCRYPTION_KEY: BASE64,
};

function config(changes: Record<string, string | undefined> = {}) {
  const env: Record<string, string | undefined> = { ...ENV, ...changes };
  return configFromEnv({ get: (name) => env[name] });
}

/** Asserts that these changes, and no others, are reported, and that no value of them is. */
function assertProblems(changes: Record<string, string | undefined>, ...names: string[]) {
  assert.throws(() => config(changes), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.problems.length, names.length, error.message);
    for (const [index, name] of names.entries()) {
      assert.ok(error.problems[index]!.startsWith(`${name} `), error.problems[index]!);
      assert.ok(error.message.includes(`\n- ${name} `));
    }
    for (const value of Object.values(changes)) {
      if (value !== undefined && value.length > 3) assert.ok(!error.message.includes(value), value);
    }
    return true;
  });
}

Deno.test("the configuration has the defaults of protocol.md", () => {
  assert.deepEqual(config(), {
    supabaseUrl: "https://ref.supabase.co",
    supabaseSecretKey: "sb_secret_1",
    operatorKeys: ["sb_secret_1"],
    openrouterUrl: "https://openrouter.ai/api/v1",
    provisioningKey: "sk-or-v1-management",
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

Deno.test("GATEWAY_JWT_KEY is what supabase gen signing-key prints, on one line or on several", () => {
  for (const text of [JSON.stringify(JWT_KEY), JSON.stringify(JWT_KEY, null, 2)]) {
    const { kty, crv, kid, x, y, d } = JWT_KEY;
    assert.deepEqual(config({ GATEWAY_JWT_KEY: text }).jwtKey, { kty, crv, kid, x, y, d });
  }
});

for (
  const [what, changes] of Object.entries({
    "a public key": { d: undefined },
    "a key without a kid": { kid: undefined },
    "a key with an empty kid": { kid: "" },
    "an RSA key": { kty: "RSA", alg: "RS256" },
    "a P-384 key": { crv: "P-384", alg: "ES384" },
    "a key for ECDH": { alg: "ECDH-ES" },
    "a key for encryption": { use: "enc" },
    "a scalar of 31 bytes": { d: "A".repeat(42) },
    "a scalar that is a number": { d: 7 },
    "a padded point": { x: `${"A".repeat(43)}=` },
  })
) {
  Deno.test(`GATEWAY_JWT_KEY of ${what} is a problem`, () => {
    assertProblems(
      { GATEWAY_JWT_KEY: JSON.stringify({ ...JWT_KEY, ...changes }) },
      "GATEWAY_JWT_KEY",
    );
  });
}

Deno.test("GATEWAY_JWT_KEY that is no JSON object is a problem", () => {
  for (const text of ["a legacy secret", `[${JSON.stringify(JWT_KEY)}]`, "null"]) {
    assertProblems({ GATEWAY_JWT_KEY: text }, "GATEWAY_JWT_KEY");
  }
});

Deno.test("an empty variable is one that is not set", () => {
  assert.deepEqual(config({ X_TITLE: "", ALLOWED_ORIGINS: " ", MAX_REQUEST_BYTES: "" }), config());
});

Deno.test("the new secret keys win over the legacy one, which does without them", () => {
  const legacy = "eyJhbGciOi.legacy";
  assert.equal(config({ SUPABASE_SERVICE_ROLE_KEY: legacy }).supabaseSecretKey, "sb_secret_1");
  assert.equal(
    config({ SUPABASE_SERVICE_ROLE_KEY: legacy, SUPABASE_SECRET_KEYS: undefined })
      .supabaseSecretKey,
    legacy,
  );
});

Deno.test("every secret key of the project is the operator's, and the legacy one, too", () => {
  const keys = { default: "sb_secret_1", automation: "sb_secret_2" };
  const { operatorKeys, supabaseSecretKey } = config({
    SUPABASE_SECRET_KEYS: JSON.stringify(keys),
    SUPABASE_SERVICE_ROLE_KEY: "eyJhbGciOi.legacy",
  });
  assert.deepEqual(operatorKeys, ["sb_secret_1", "sb_secret_2", "eyJhbGciOi.legacy"]);
  assert.equal(supabaseSecretKey, "sb_secret_1");
});

Deno.test("without a default key another one is used, and without any the legacy one", () => {
  const legacy = "eyJhbGciOi.legacy";
  const keyOf = (keys: string) =>
    config({ SUPABASE_SECRET_KEYS: keys, SUPABASE_SERVICE_ROLE_KEY: legacy }).supabaseSecretKey;
  assert.equal(keyOf('{"automation":"sb_secret_2"}'), "sb_secret_2");
  assert.equal(keyOf('{"automation":"sb_secret_2","default":"sb_secret_1"}'), "sb_secret_1");
  // So Supabase's own compose file has it where there is no new key.
  for (const none of ["{}", '{"default":""}', '{"default":"","other":""}']) {
    assert.equal(keyOf(none), legacy);
    assertProblems({ SUPABASE_SECRET_KEYS: none }, "SUPABASE_SECRET_KEYS");
  }
});

for (const bad of ["sb_secret_1", "null", "[]", '{"default":7}', '{"default":"sb_secret_1"']) {
  Deno.test(`SUPABASE_SECRET_KEYS of ${bad} is a problem, with or without the legacy key`, () => {
    for (const legacy of ["eyJhbGciOi.legacy", undefined]) {
      assertProblems(
        { SUPABASE_SECRET_KEYS: bad, SUPABASE_SERVICE_ROLE_KEY: legacy },
        "SUPABASE_SECRET_KEYS",
      );
    }
  });
}

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

for (const key of ["sk-or-v1-…", "sk-or-v1-a sk-or-v1-b", "sk-or-v1-a\nX=1", "“sk-or-v1-a”"]) {
  Deno.test(`${JSON.stringify(key)} is no management key: no header takes it`, () => {
    assertProblems({ OPENROUTER_PROVISIONING_KEY: key }, "OPENROUTER_PROVISIONING_KEY");
  });
}

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

for (
  const good of [
    BASE64,
    BASE64.replace(/=+$/, ""),
    KEY.toString("hex"),
    KEY.toString("hex").toUpperCase(),
  ]
) {
  Deno.test(`an encryption key of ${good.length} characters is taken, as base64 or hex`, () => {
    assert.deepEqual(Buffer.from(config({ API_KEY_ENCRYPTION_KEY: good }).encryptionKey), KEY);
  });
}

for (
  const [what, key] of [
    ["a placeholder", "change-me-to-a-random-value"],
    ["a placeholder that is base64", "your0encryption0key0goes0here0Please0changeMe0now0"],
    ["a placeholder that is base64 of 32 bytes", "REPLACEthisWithARandomKeyOf32Bytes+123456789"],
    ["an example", "exampleExampleKeyABCDEFGHIJKLMNOPQRSTUV012345"],
    ["31 bytes", randomBytes(31).toString("base64")],
    ["31 bytes in hex", randomBytes(31).toString("hex")],
    ["zeros", Buffer.alloc(32).toString("base64")],
    ["zeros in hex", "0".repeat(64)],
    ["a repeated pattern", "deadbeef".repeat(8)],
    ["lower-case words", "correcthorsebatterystaplecorrecthorsebattery"],
    ["no base64 at all", "ß".repeat(44)],
  ] as const
) {
  Deno.test(`an encryption key that is ${what} is a problem, and the message says how to make one`, () => {
    assertProblems({ API_KEY_ENCRYPTION_KEY: key }, "API_KEY_ENCRYPTION_KEY");
    assert.throws(() => config({ API_KEY_ENCRYPTION_KEY: key }), /make one with/);
  });
}

for (
  const url of [
    "//h/x",
    "https://",
    "http://[",
    "https://h/x?y=1",
    "https://h/x#y",
    "https://h/x y",
  ]
) {
  Deno.test(`${url} is no URL of an API`, () => {
    assertProblems({ OPENROUTER_API_URL: url }, "OPENROUTER_API_URL");
    assertProblems({ SUPABASE_URL: url }, "SUPABASE_URL");
  });
}

for (const url of ["ftp://h/x", "https://", "http://[", "https://h/x#y", "https://h/x y", "/x"]) {
  Deno.test(`${url} is no URL of a webhook`, () => {
    assertProblems({ ALERT_WEBHOOK_URL: url }, "ALERT_WEBHOOK_URL");
  });
}

for (
  const number of ["0", "-1", "1.5", "1e3", "0x10", "1_000", "NaN", "Infinity", "1".repeat(13)]
) {
  Deno.test(`${number} is no positive whole number`, () => {
    assertProblems({ MAX_REQUEST_BYTES: number }, "MAX_REQUEST_BYTES");
  });
}

Deno.test("a number is as large as a timer takes, and not larger", () => {
  const largest = config({ UPSTREAM_IDLE_TIMEOUT_MS: "2147483647" });
  assert.equal(largest.upstreamIdleTimeoutMs, 2_147_483_647);
  assertProblems({ UPSTREAM_IDLE_TIMEOUT_MS: "2147483648" }, "UPSTREAM_IDLE_TIMEOUT_MS");
});

for (const id of ["0b6f9c1e-3f4d-4a5b-8c7d-9e0f1a2b3c4d", "ws_1", "~!/?", "x".repeat(128)]) {
  Deno.test(`${id} may be the id of a workspace`, () => {
    assert.equal(config({ OPENROUTER_WORKSPACE_ID: id }).workspaceId, id);
  });
}

for (const id of ["of mine", "a\nb", "a\tb", "wörkspace", "a\u007f", "x".repeat(129)]) {
  Deno.test(`${JSON.stringify(id)} is no id of OpenRouter's`, () => {
    assertProblems({ OPENROUTER_WORKSPACE_ID: id }, "OPENROUTER_WORKSPACE_ID");
  });
}

for (const rate of ["0", "0.000", "-1", "1e-6", ".5", "1.", "NaN", "one"]) {
  Deno.test(`${rate} is no price of a credit`, () => {
    assertProblems({ OPENROUTER_USD_PER_CREDIT: rate }, "OPENROUTER_USD_PER_CREDIT");
  });
}

Deno.test("one * among the origins allows all", () => {
  assert.equal(config({ ALLOWED_ORIGINS: "https://a.example,*" }).allowedOrigins, "*");
});

for (
  const [host, fault] of [
    ["https://a.example", "a scheme"],
    ["*.a.example", "a wildcard"],
    ["a.example/did", "a path"],
    ["user@a.example", "anything else of a URL"],
    ["a.example:8443", "a port"],
    ["127.0.0.1", "an IP address"],
    ["[::1]", "an IP address"],
    ["::1", "an IP address"],
    ["localhost", "localhost"],
    ["app.localhost", "localhost"],
    ["a.example.", "a dot at the end"],
    ["b\u00fccher.example", "the xn-- form"],
    ["intranet", "has no dot"],
    ["a_b.example", "is no domain name"],
    ["a b.example", "is no domain name"],
  ] as const
) {
  Deno.test(`${host} is no host of DID documents, and the message says what it has`, () => {
    const changes = { DID_WEB_HOSTS: `good.example, ${host}` };
    assertProblems(changes, "DID_WEB_HOSTS");
    assert.throws(() => config(changes), (error) => String(error).includes(fault));
  });
}

Deno.test("hosts of DID documents are taken in lower case, IDNs as xn--", () => {
  const { didWebHosts } = config({
    DID_WEB_HOSTS: "Example.COM, xn--bcher-kva.example,a.xn--p1ai",
  });
  assert.deepEqual(didWebHosts, ["example.com", "xn--bcher-kva.example", "a.xn--p1ai"]);
});

for (
  const [audience, fault] of [
    ["https://gateway.example/", "slash"],
    ["https://gateway.example/llm/", "slash"],
    ["https://gateway.example/llm?x=1", "query"],
    ["https://gateway.example/llm?", "query"],
    ["https://gateway.example/llm#x", "fragment"],
    ["https://user:word@gateway.example", "user name"],
    ["urn:gateway", "http"],
    ["wss://gateway.example", "http"],
    ["gateway.example", "http"],
    ["https://gate way.example", "http"],
    ["https://", "http"],
    ["HTTPS://gateway.example", "lower case"],
    ["https://Gateway.example/llm", "lower case"],
    ["https://gateway.example:443", "default port"],
    ["https://gateway.example/a/../llm", "dot segments"],
    ["https://b\u00fccher.example", "xn--"],
  ] as const
) {
  Deno.test(`${audience} is no audience, and the message says why`, () => {
    assertProblems({ GATEWAY_AUDIENCE: audience }, "GATEWAY_AUDIENCE");
    assert.throws(
      () => config({ GATEWAY_AUDIENCE: audience }),
      (error) => String(error).includes(fault),
    );
  });
}

for (const audience of ["https://gateway.example", "http://127.0.0.1:54321/functions/v1/x"]) {
  Deno.test(`${audience} is an audience as it stands`, () => {
    assert.equal(config({ GATEWAY_AUDIENCE: ` ${audience} ` }).audience, audience);
  });
}
