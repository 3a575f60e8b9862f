/** Requests that a published library signs by RFC 9421, through the whole gateway. */
import { httpbis } from "http-message-signatures";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { AUDIENCE, call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { sha256 } from "./harness/openrouter.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ env: { DID_WEB_HOSTS: "nobody.invalid" } });
const BODY = chat("four words of mine");

async function signedHeaders(
  identity: Identity,
  method: string,
  path: string,
  body?: string,
): Promise<Record<string, string>> {
  const headers: Record<string, string> = body === undefined ? {} : {
    "content-type": "application/json",
    "content-digest": `sha-256=:${Buffer.from(sha256(body), "hex").toString("base64")}:`,
  };
  const fields = ["@method", "@target-uri", ...Object.keys(headers)];
  const key = {
    id: identity.did,
    sign: async (base: Uint8Array) => Buffer.from(await identity.sign(new Uint8Array(base))),
  };
  const request = { method, url: AUDIENCE + path, headers };
  const params = ["created", "keyid", "nonce"];
  const paramValues = { nonce: crypto.randomUUID() };
  const signed = await httpbis.signMessage({ key, fields, params, paramValues }, request);
  return signed.headers as Record<string, string>;
}

async function post(headers: Record<string, string>, body = BODY): Promise<Response> {
  return await fetch(world.gateway.url + CHAT, { method: "POST", headers, body });
}

Deno.test("a call by an HTTP message signature is answered and booked, once", async () => {
  const identity = await newIdentity();
  const headers = await signedHeaders(identity, "POST", CHAT, BODY);
  const response = await post(headers);
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  assert.equal(answer.choices[0].message.content.trim(), "four words of mine");
  await assertRefused(await post(headers), 401, "replayed_request");
  // Another spelling of the same signature is the same message.
  const input = headers["Signature-Input"]!;
  const respelled = { ...headers, "Signature-Input": input.replace("=(", "=( ") };
  await assertRefused(await post(respelled), 401, "replayed_request");
  assert.equal((await world.db.endedRows(identity.did, 1)).length, 1);

  const usage = "/api/v1/usage?group_by=model";
  const reading = await signedHeaders(identity, "GET", usage);
  for (let i = 0; i < 2; i++) {
    const read = await fetch(world.gateway.url + usage, { headers: reading });
    assert.equal((await read.json()).data.total_requests, 1, "reads may be repeated");
  }
});

Deno.test("a body other than the signed one is refused without a trace", async () => {
  const identity = await newIdentity();
  const headers = await signedHeaders(identity, "POST", CHAT, BODY);
  await assertRefused(await post(headers, chat("other words")), 401, "invalid_signature");
  const { "content-digest": _, ...undigested } = headers;
  await assertRefused(await post(undigested), 401, "invalid_signature");
  assert.deepEqual(await world.db.rowsOf(identity.did), []);
});

Deno.test("a did:web whose host cannot be reached is 503 with Retry-After", async () => {
  const identity = { ...await newIdentity(), did: "did:web:nobody.invalid" };
  const response = await call(world.gateway, identity, "POST", CHAT, BODY);
  assert.equal(response.headers.get("retry-after"), "5");
  await assertRefused(response, 503, "did_unavailable");
});
