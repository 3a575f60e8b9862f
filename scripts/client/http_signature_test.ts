import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { startVerifyingGateway } from "../identity/verifying_gateway.ts";
import {
  createIdentity,
  createIdentityRecord,
  httpSignatureFetch,
  type Identity,
  identityOf,
  signHttpMessage,
} from "./llm_gateway.ts";

const audience = "https://gateway.example/functions/v1/openrouter-proxy";
const path = "/api/v1/openrouter/chat/completions?x=1";

async function verify(identity: { keyPair: CryptoKeyPair }, base: string, signature: string) {
  const bytes = Buffer.from(signature.replace(/^did=:(.*):$/, "$1"), "base64");
  const algorithm = { name: identity.keyPair.publicKey.algorithm.name, hash: "SHA-256" };
  const signed = new TextEncoder().encode(base);
  return await crypto.subtle.verify(algorithm, identity.keyPair.publicKey, bytes, signed);
}

for (const type of ["ed25519", "p256"] as const) {
  Deno.test(`signHttpMessage signs RFC 9421's base with ${type}: method, target, digest, parameters`, async () => {
    const identity = await createIdentity(type);
    const request = { audience, method: "post", path, timestamp: 1795370400, nonce: "n-1" };
    // RFC 9530, appendix B.
    const body = '{"hello": "world"}';
    const digest = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    const signed = await signHttpMessage(identity, { ...request, body });
    const parameters = `("@method" "@target-uri" "content-digest")` +
      `;created=1795370400;nonce="n-1";keyid="${identity.did}"`;
    assert.equal(signed["signature-input"], `did=${parameters}`);
    assert.equal(signed["content-digest"], digest);
    const base = [
      '"@method": POST',
      `"@target-uri": ${audience}${path}`,
      `"content-digest": ${digest}`,
      `"@signature-params": ${parameters}`,
    ].join("\n");
    assert.ok(await verify(identity, base, signed.signature));
    assert.ok(!await verify(identity, base.replace("POST", "PUT"), signed.signature));

    const bodyless = await signHttpMessage(identity, { ...request, method: "GET" });
    assert.deepEqual(Object.keys(bodyless).sort(), ["signature", "signature-input"]);
    const short = parameters.replace(' "content-digest"', "");
    assert.equal(bodyless["signature-input"], `did=${short}`);
    assert.ok(
      await verify(
        identity,
        `"@method": GET\n"@target-uri": ${audience}${path}\n"@signature-params": ${short}`,
        bodyless.signature,
      ),
    );
  });
}

Deno.test("signHttpMessage refuses did:pkh, whose keys sign what is meant for people", async () => {
  const account: Identity = {
    did: "did:pkh:eip155:1:0x2c7536e3605d9c16a7a3d7b1898e529396a65c23",
    algorithm: "EIP-191",
    sign: () => assert.fail("must not sign"),
  };
  await assert.rejects(
    signHttpMessage(account, { audience, method: "GET", path }),
    /signs no HTTP messages/,
  );
});

Deno.test("httpSignatureFetch signs anew each time, for the audience, and nothing outside the gateway", async () => {
  const sent: Request[] = [];
  const signing = httpSignatureFetch(await createIdentity(), {
    gatewayUrl: "https://front.example/f/",
    audience,
    fetch: (input) => {
      sent.push(input as Request);
      return Promise.resolve(new Response());
    },
  });
  const post = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
  await signing("https://front.example/f/x", post);
  await signing("https://front.example/f/x", post);
  const [first, second] = sent as [Request, Request];
  assert.equal(await first.text(), "{}");
  assert.equal(first.headers.get("content-type"), "application/json");
  assert.match(first.headers.get("content-digest")!, /^sha-256=:[A-Za-z0-9+/]{43}=:$/);
  for (const name of ["signature", "signature-input"]) {
    assert.notEqual(first.headers.get(name), second.headers.get(name));
  }
  assert.equal(first.headers.get("x-did"), null);
  await assert.rejects(signing("https://evil.example/f/x"), /^TypeError: not signing/);
});

for (
  const options of [{}, { type: "p256" }, { type: "secp256k1" }, {
    type: "secp256k1",
    method: "jwk",
  }] as const
) {
  Deno.test(`the gateway takes what httpSignatureFetch sends, once: ${JSON.stringify(options)}`, async () => {
    await using gateway = startVerifyingGateway();
    const identity = await identityOf(await createIdentityRecord(options));
    const sent: Request[] = [];
    const signing = httpSignatureFetch(identity, {
      gatewayUrl: gateway.url,
      fetch: async (input) => {
        sent.push((input as Request).clone());
        return await fetch(input);
      },
    });
    const url = `${gateway.url}/api/v1/openrouter/chat/completions?x=%C3%BC`;
    for (const init of [{ method: "POST", body: '{"model":"ü"}' }, { method: "GET" }]) {
      const response = await signing(url, init);
      assert.equal(response.status, 200, await response.text());
      assert.equal(gateway.received.at(-1)?.did, identity.did);
    }
    const again = await fetch(sent[0]!);
    assert.deepEqual([again.status, await again.text()], [401, "replayed"]);
  });
}

Deno.test("a time in milliseconds is signed in seconds, which is all that RFC 9421 has", async () => {
  const identity = await createIdentity();
  const request = { audience, method: "GET", path, nonce: "n-1" };
  const signed = await signHttpMessage(identity, { ...request, timestamp: 1795370400999 });
  assert.match(signed["signature-input"], /;created=1795370400;/);
});
