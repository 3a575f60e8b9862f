import assert from "node:assert/strict";
import { requestHeaders, responseHeaders } from "./headers.ts";

const DEFAULTS = { httpReferer: "https://gateway.example", xTitle: "Gateway" };

function sent(client: Record<string, string>, apiKey: string | null = "sk-or-v1-x") {
  return requestHeaders(new Headers(client), apiKey, DEFAULTS);
}

Deno.test("requestHeaders passes the listed headers and OpenRouter's own family", () => {
  const listed = {
    "accept": "text/event-stream",
    "anthropic-beta": "b",
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
    "http-referer": "https://app.example",
    "idempotency-key": "k",
    "traceparent": "00-1-2-01",
    "tracestate": "a=b",
    "user-agent": "sdk/1",
    "x-anthropic-beta": "c",
    "x-openrouter-categories": "cli",
    "x-openrouter-title": "t",
    "x-session-id": "s",
    "x-title": "App",
  };
  assert.deepEqual(sent(listed), { ...listed, authorization: "Bearer sk-or-v1-x" });
});

Deno.test("requestHeaders replaces the client's authorization and drops what names it, its hop or its route", () => {
  const dropped = {
    "apikey": "a",
    "authorization": "Bearer of-the-client",
    "cf-connecting-ip": "1.2.3.4",
    "connection": "upgrade",
    "content-encoding": "gzip",
    "content-length": "7",
    "cookie": "c=d",
    "expect": "100-continue",
    "forwarded": "for=1.2.3.4",
    "host": "evil.example",
    "keep-alive": "timeout=5",
    "origin": "https://app.example",
    "proxy-authorization": "Basic x",
    "te": "trailers",
    "transfer-encoding": "chunked",
    "upgrade": "websocket",
    "x-api-key": "k",
    "x-client-info": "i",
    "x-did": "did:key:z6Mk",
    "x-did-nonce": "n",
    "x-did-signature": "s",
    "x-did-timestamp": "1",
    "x-forwarded-for": "1.2.3.4",
    "x-forwarded-host": "evil.example",
    "x-stainless-lang": "js",
    "x-upstream-url": "https://evil.example",
  };
  assert.deepEqual(sent(dropped), {
    "authorization": "Bearer sk-or-v1-x",
    "http-referer": "https://gateway.example",
    "x-title": "Gateway",
  });
});

Deno.test("requestHeaders sends no authorization for a DID that has no key, not even the client's", () => {
  assert.deepEqual(sent({ authorization: "Bearer of-the-client" }, null), {
    "http-referer": "https://gateway.example",
    "x-title": "Gateway",
  });
});

Deno.test("requestHeaders lets the client's own title and referer stand, each by itself", () => {
  const own = sent({ "x-title": "App" });
  assert.deepEqual([own["x-title"], own["http-referer"]], ["App", "https://gateway.example"]);
  const other = sent({ "http-referer": "https://app.example" });
  assert.deepEqual([other["x-title"], other["http-referer"]], ["Gateway", "https://app.example"]);
});

Deno.test("requestHeaders adds no title of its own beside OpenRouter's name for it", () => {
  assert.equal(sent({ "x-openrouter-title": "App" })["x-title"], undefined);
});

Deno.test("responseHeaders passes what is for the client", () => {
  const passed: [string, string][] = [
    ["cache-control", "no-cache"],
    ["cf-ray", "1-FRA"],
    ["content-length", "3"],
    ["content-type", "audio/mpeg"],
    ["retry-after", "7"],
    ["x-generation-id", "gen-1"],
    ["x-provider-name", "OpenAI"],
    ["x-ratelimit-limit", "20"],
  ];
  assert.deepEqual([...responseHeaders(new Headers(passed))], passed);
});

Deno.test("responseHeaders drops cookies, hop-by-hop headers and those that Connection names", () => {
  const headers = responseHeaders(
    new Headers([
      ["connection", "close, X-Hop"],
      ["keep-alive", "timeout=5"],
      ["proxy-authenticate", "Basic"],
      ["proxy-authorization", "Basic x"],
      ["proxy-connection", "keep-alive"],
      ["set-cookie", "__cf_bm=1"],
      ["set-cookie", "b=2"],
      ["te", "trailers"],
      ["trailer", "x-checksum"],
      ["transfer-encoding", "chunked"],
      ["upgrade", "h2c"],
      ["x-hop", "1"],
      ["x-kept", "1"],
    ]),
  );
  assert.deepEqual([...headers], [["x-kept", "1"]]);
});

// better-ccflare PR #243: the client's ZlibError.
for (const [encoding, kept] of [["gzip", null], ["br", null], ["deflate", "deflate"]] as const) {
  Deno.test(`responseHeaders ${kept ? "keeps" : "drops"} content-encoding ${encoding}, as fetch leaves the bytes`, () => {
    const headers = responseHeaders(new Headers({ "content-encoding": encoding }));
    assert.equal(headers.get("content-encoding"), kept);
  });
}

const LENGTHS: [what: string, headers: Record<string, string>, kept: boolean][] = [
  ["gzip, which fetch decodes", { "content-encoding": "gzip" }, false],
  ["br, which fetch decodes", { "content-encoding": "br" }, false],
  ["GZIP, which some versions of fetch decode", { "content-encoding": "GZIP" }, false],
  ["deflate, which fetch leaves", { "content-encoding": "deflate" }, true],
  ["two encodings, which fetch leaves", { "content-encoding": "gzip, br" }, true],
  ["chunks, which overrule it", { "transfer-encoding": "chunked" }, false],
  [
    "gzip that Connection names, which fetch decodes",
    { "content-encoding": "gzip", connection: "Content-Encoding" },
    false,
  ],
  ["a hop, where Connection names it", { connection: "close, Content-Length" }, false],
];

for (const [what, others, kept] of LENGTHS) {
  Deno.test(`responseHeaders ${kept ? "keeps" : "drops"} the content-length of ${what}`, () => {
    const headers = responseHeaders(new Headers({ ...others, "content-length": "3" }));
    assert.equal(headers.get("content-length"), kept ? "3" : null);
  });
}

Deno.test("responseHeaders drops a content-length that was told twice", () => {
  const headers = responseHeaders(
    new Headers([["content-length", "3"], ["content-length", "3"]]),
  );
  assert.equal(headers.get("content-length"), null);
});

// Portkey #1389: mutating fetch's immutable headers.
Deno.test("responseHeaders gives headers that can be added to", async () => {
  const answer = await fetch("data:text/plain,x");
  await answer.body?.cancel();
  const mutable = responseHeaders(answer.headers);
  mutable.set("x-request-id", "1");
  assert.equal(mutable.get("x-request-id"), "1");
});

Deno.test("headers that name the operator's account stay here", () => {
  const upstream = new Headers({
    "openai-organization": "org-x",
    "openai-project": "proj_x",
    "anthropic-organization-id": "x",
    "x-openrouter-user-id": "user_2x",
    "x-workspace": "x",
    account: "x",
    "x-user-agent-hint": "stays",
    "x-superuser": "stays",
  });
  assert.deepEqual([...responseHeaders(upstream)], [
    ["x-superuser", "stays"],
    ["x-user-agent-hint", "stays"],
  ]);
});

Deno.test("what holds for OpenRouter's origin alone stays here", () => {
  const upstream = new Headers({
    "access-control-allow-origin": "https://openrouter.ai",
    "access-control-expose-headers": "*",
    "alt-svc": 'h3=":443"',
    "strict-transport-security": "max-age=1",
    "x-stays": "1",
  });
  assert.deepEqual([...responseHeaders(upstream)], [["x-stays", "1"]]);
});
