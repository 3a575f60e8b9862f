import assert from "node:assert/strict";
import { assertProblems, config } from "../testing/environments.ts";

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
    ["see https://gateway.example", "http"],
    ["https://gateway.example:99999", "http"],
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

Deno.test("one * among the origins allows all", () => {
  assert.equal(config({ ALLOWED_ORIGINS: "https://a.example,*" }).allowedOrigins, "*");
  assert.equal(config({ ALLOWED_ORIGINS: " , " }).allowedOrigins, "*");
});

for (
  const origin of [
    "https://app.example/",
    "https://app.example/path",
    "https://App.example",
    "HTTPS://app.example",
    "https://app.example:443",
    "https://b\u00fccher.example",
    "https://*.app.example",
    "https://user@app.example",
    "https://app.example https://b.example",
    "app.example",
    "//app.example",
    "localhost:3000",
    "see capacitor://localhost",
    "capacitor://localhost?x",
    "capacitor://localhost#x",
    "capacitor://user@localhost",
    "NULL",
  ]
) {
  Deno.test(`${origin} is no origin that a browser sends`, () => {
    assertProblems({ ALLOWED_ORIGINS: `https://good.example, ${origin}` }, "ALLOWED_ORIGINS");
  });
}

Deno.test("origins are those of pages, extensions, apps, and of pages that have none", () => {
  const allowed = [
    "https://app.example",
    "http://localhost:3000",
    "http://[::1]:5173",
    "https://xn--bcher-kva.example:8443",
    "chrome-extension://abcdefghijklmnop",
    "capacitor://localhost",
    "null",
  ];
  assert.deepEqual(config({ ALLOWED_ORIGINS: allowed.join(", ") }).allowedOrigins, allowed);
});
