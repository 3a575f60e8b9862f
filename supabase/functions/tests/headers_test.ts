import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({
  env: { HTTP_REFERER: "https://operator.example", X_TITLE: "The Operator's" },
});

/** Sends a chat with these headers; gives the headers that OpenRouter saw. */
async function seenWith(headers: Record<string, string>) {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat("hello"), { headers });
  assert.equal(response.status, 200, await response.text());
  const hash = await db.keyHash(identity.did);
  const [request] = openrouter.requestsWith(hash);
  assert.ok(request, "the call came with the DID's own key");
  return request.headers;
}

Deno.test("OpenRouter sees the headers that concern it, as the client sent them", async () => {
  const sent = {
    "accept": "application/json, text/event-stream",
    "user-agent": "a-client/1.2 (test)",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "vendor=1",
    "x-session-id": "session-1",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "a-beta",
    "x-anthropic-beta": "another-beta",
    "x-openrouter-categories": "cli-agent",
    "http-referer": "https://client.example/app",
    "x-title": "The Client's",
  };
  const seen = await seenWith(sent);
  for (const [name, value] of Object.entries(sent)) assert.equal(seen[name], value, name);
  assert.equal(seen["content-type"], "application/json");
});

Deno.test("OpenRouter sees no credential, no cookie and no trace of the way", async () => {
  const sent = {
    "apikey": "sb_publishable_x",
    "cookie": "session=1",
    "x-client-info": "supabase-js/2",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-host": "elsewhere.example",
    "x-forwarded-proto": "https",
    "x-real-ip": "203.0.113.7",
    "forwarded": "for=203.0.113.7",
    "cf-connecting-ip": "203.0.113.7",
    "via": "1.1 somewhere",
    "proxy-authorization": "Basic YTpi",
    "x-api-key": "sk-ant-1",
    "x-custom": "1",
    "x-label": "customer 7",
    "x-claude-code-session-id": "s-1",
    "origin": "https://app.example",
    "referer": "https://app.example/page",
  };
  // A Bearer that is no DID token, as supabase-js sends it along.
  const seen = await seenWith({ ...sent, authorization: "Bearer sb_publishable_x" });
  for (const name of Object.keys(sent)) assert.equal(seen[name], undefined, name);
  assert.deepEqual(Object.keys(seen).filter((name) => name.startsWith("x-did")), []);
});

Deno.test("OpenRouter sees the operator's referer and title where the client sent none", async () => {
  const seen = await seenWith({});
  assert.equal(seen["http-referer"], "https://operator.example");
  assert.equal(seen["x-title"], "The Operator's");
});

for (const stream of [false, true]) {
  Deno.test(`the client sees OpenRouter's headers on ${stream ? "a stream" : "JSON"}, less its cookie and its encoding`, async () => {
    const { db, gateway } = world;
    const identity = await newIdentity();
    const response = await call(gateway, identity, "POST", CHAT, chat("hello", { stream }), {
      headers: { "x-openrouter-simulate": "gzip", "accept-encoding": "identity" },
    });
    await response.arrayBuffer();
    const { headers } = response;
    assert.equal(headers.get("content-type"), stream ? "text/event-stream" : "application/json");
    assert.equal(headers.get("x-provider-name"), "OpenAI");
    assert.match(headers.get("cf-ray") ?? "", /-FRA$/);
    const [row] = await db.endedRows(identity.did, 1);
    assert.equal(headers.get("x-generation-id"), row?.generation_id);
    assert.equal(headers.get("x-request-id"), row?.id);
    assert.equal(headers.get("set-cookie"), null);
    assert.equal(headers.get("content-encoding"), null);
    for (const stage of ["auth", "admit", "upstream"]) {
      assert.match(headers.get("server-timing") ?? "", new RegExp(`\\b${stage};dur=[0-9.]+`));
    }
  });
}
