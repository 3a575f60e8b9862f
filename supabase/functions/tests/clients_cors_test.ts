import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const ALLOWED = ["https://app.example", "http://localhost:3000"];
const FOREIGN = "https://elsewhere.example";

const open = useWorld();
const listed = useWorld({ env: { ALLOWED_ORIGINS: ALLOWED.join(", ") } });

/** What a browser asks before it sends what is not a "simple" request. */
async function preflight(
  gateway: { url: string },
  origin: string,
  path: string,
  method: string,
  requestHeaders: string[],
): Promise<Headers> {
  const response = await fetch(gateway.url + path, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": method,
      "access-control-request-headers": requestHeaders.join(","),
    },
  });
  assert.equal(response.status, 204);
  assert.equal(await response.text(), "");
  return response.headers;
}

function listOf(headers: Headers, name: string): string[] {
  return (headers.get(name) ?? "").toLowerCase().split(",").map((item) => item.trim());
}

/** As the Fetch standard decides it for a request without credentials; `*` covers no authorization. */
function allows(headers: Headers, origin: string, method: string, requested: string[]): boolean {
  const allowedOrigin = headers.get("access-control-allow-origin");
  const allowedHeaders = listOf(headers, "access-control-allow-headers");
  return (allowedOrigin === "*" || allowedOrigin === origin) &&
    listOf(headers, "access-control-allow-methods").includes(method.toLowerCase()) &&
    requested.every((name) => allowedHeaders.includes(name));
}

const SIGNED = [
  "content-type",
  "x-did",
  "x-did-nonce",
  "x-did-signature",
  "x-did-timestamp",
];

/** What the openai package adds in a browser, beside its key. */
const STAINLESS = [
  "arch",
  "lang",
  "os",
  "package-version",
  "retry-count",
  "runtime",
  "runtime-version",
  "timeout",
  "helper-method",
].map((name) => `x-stainless-${name}`);

for (
  const [who, path, method, requested] of [
    ["a signed request", CHAT, "POST", SIGNED],
    ["the openai package", CHAT, "POST", ["authorization", "content-type", ...STAINLESS]],
    [
      "supabase-js",
      "/api/v1/usage",
      "GET",
      ["apikey", "authorization", "x-client-info", ...SIGNED],
    ],
    [
      "OpenRouter's own headers",
      "/api/v1/openrouter/messages",
      "POST",
      [
        "anthropic-version",
        "http-referer",
        "idempotency-key",
        "x-openrouter-title",
        "x-session-id",
        "x-title",
      ],
    ],
    ["a removal", "/api/v1/openrouter/anything", "DELETE", SIGNED],
    [
      "whatever else clients send from browsers",
      "/api/v1/openrouter/v1/messages",
      "POST",
      [
        "anthropic-dangerous-direct-browser-access",
        "baggage",
        "openai-organization",
        "user-agent",
        "x-api-key",
        "x-region",
      ],
    ],
  ] as const
) {
  Deno.test(`a preflight of ${who} is answered from any origin, without credentials`, async () => {
    const calls = open.openrouter.requestCount();
    const answer = await preflight(open.gateway, FOREIGN, path, method, [...requested]);
    assert.ok(allows(answer, FOREIGN, method, [...requested]));
    assert.equal(answer.get("access-control-allow-origin"), "*");
    assert.equal(answer.get("access-control-allow-credentials"), null);
    assert.ok(Number(answer.get("access-control-max-age")) > 0);
    assert.equal(open.openrouter.requestCount(), calls);
  });
}

Deno.test("a preflight allows what it asks for and nothing else", async () => {
  const asked = ["x-anything", "*", "x-a b"];
  const answer = await preflight(open.gateway, FOREIGN, CHAT, "POST", asked);
  assert.deepEqual(listOf(answer, "access-control-allow-headers"), ["x-anything"]);
});

Deno.test("with a list of origins, each of them may call and no other", async () => {
  for (const origin of ALLOWED) {
    const answer = await preflight(listed.gateway, origin, CHAT, "POST", SIGNED);
    assert.ok(allows(answer, origin, "POST", SIGNED));
    assert.equal(answer.get("access-control-allow-origin"), origin);
    assert.ok(listOf(answer, "vary").includes("origin"));
  }
  for (
    const origin of [
      FOREIGN,
      "null",
      "http://app.example",
      "https://app.example.evil.example",
      "https://app.example:8443",
      "http://localhost:3001",
    ]
  ) {
    const answer = await preflight(listed.gateway, origin, CHAT, "POST", SIGNED);
    assert.ok(!allows(answer, origin, "POST", SIGNED), origin);
    assert.equal(answer.get("access-control-allow-origin"), null, origin);
    assert.ok(listOf(answer, "vary").includes("origin"), origin);
  }
});

function assertReadable(response: Response, origin: string | null) {
  assert.equal(response.headers.get("access-control-allow-origin"), origin);
  assert.deepEqual(
    listOf(response.headers, "access-control-expose-headers").sort(),
    [
      "ratelimit-limit",
      "ratelimit-remaining",
      "ratelimit-reset",
      "request-id",
      "retry-after",
      "server-timing",
      "x-budget-remaining-usd",
      "x-generation-id",
      "x-openrouter-cache-age",
      "x-openrouter-cache-status",
      "x-openrouter-cache-ttl",
      "x-request-id",
      "x-should-retry",
    ],
  );
}

Deno.test("an answer is readable from its origin, and its headers too", async () => {
  for (
    const [world, origin, readableFrom] of [
      [open, FOREIGN, "*"],
      [listed, ALLOWED[0]!, ALLOWED[0]!],
      [listed, FOREIGN, null],
    ] as const
  ) {
    const response = await call(world.gateway, await newIdentity(), "POST", CHAT, chat("hello"), {
      headers: { origin },
    });
    assert.equal(response.status, 200);
    assertReadable(response, readableFrom);
    for (const name of ["x-request-id", "x-generation-id", "server-timing"]) {
      assert.ok(response.headers.get(name), name);
    }
    await response.body?.cancel();
  }
});

for (
  const [what, status, send] of [
    [
      "401 of the gateway",
      401,
      (url: string, origin: string) => fetch(url + CHAT, { method: "POST", headers: { origin } }),
    ],
    [
      "404 of the gateway",
      404,
      (url: string, origin: string) => fetch(`${url}/nowhere`, { headers: { origin } }),
    ],
    [
      "405 of the gateway",
      405,
      (url: string, origin: string) =>
        fetch(`${url}/api/v1/usage`, { method: "DELETE", headers: { origin } }),
    ],
    [
      "400 of the gateway, for a path",
      400,
      (url: string, origin: string) =>
        fetch(`${url}/api/v1/openrouter/a%2fb`, { headers: { origin } }),
    ],
    [
      "429 of OpenRouter",
      429,
      async (url: string, origin: string) =>
        await call({ url }, await newIdentity(), "POST", CHAT, chat("hello"), {
          headers: { origin, "x-openrouter-simulate": "status:429:7" },
        }),
    ],
  ] as const
) {
  Deno.test(`a ${what} is readable from the origins that may call`, async () => {
    for (
      const [world, origin, readableFrom] of [
        [open, FOREIGN, "*"],
        [listed, ALLOWED[0]!, ALLOWED[0]!],
        [listed, FOREIGN, null],
      ] as const
    ) {
      const response = await send(world.gateway.url, origin);
      assert.equal(response.status, status, await response.text());
      assertReadable(response, readableFrom);
      assert.equal(response.headers.get("retry-after"), status === 429 ? "7" : null);
    }
  });
}
