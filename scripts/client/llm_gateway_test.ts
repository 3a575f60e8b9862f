import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import vectors from "../identity/testdata/auth_vectors.json" with { type: "json" };
import { startVerifyingGateway } from "../identity/verifying_gateway.ts";
import {
  createDidToken,
  createIdentity,
  type Identity,
  identityFromKeyPair,
  importIdentity,
  signedFetch,
  signRequest,
} from "./llm_gateway.ts";

/** The key of RFC 8037, appendix A, that the Ed25519 vectors are signed with. */
const RFC_8037_KEY = {
  kty: "OKP",
  crv: "Ed25519",
  d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
};
const RFC_8037_DIDS = [
  "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw",
  vectors.tokens.find(({ name }) => name === "EdDSA did:jwk")!.did,
];

function signatureBytes(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    text.startsWith("0x") ? Buffer.from(text.slice(2), "hex") : Buffer.from(text, "base64url"),
  );
}

for (const vector of vectors.signed_requests) {
  const { name, audience, method, path, body, message, headers } = vector;
  const did = headers["x-did"];
  const request = {
    audience,
    method,
    path,
    body,
    timestamp: Number(headers["x-did-timestamp"]),
    nonce: headers["x-did-nonce"],
  };

  Deno.test(`signRequest builds the message and headers of the vector "${name}"`, async () => {
    const signed: string[] = [];
    const identity: Identity = {
      did,
      algorithm: did.startsWith("did:pkh:") ? "EIP-191" : "EdDSA",
      sign: (bytes) => {
        signed.push(new TextDecoder().decode(bytes));
        return Promise.resolve(signatureBytes(headers["x-did-signature"]));
      },
    };
    assert.deepEqual(await signRequest(identity, request), headers);
    assert.deepEqual(signed, [message]);
  });

  if (RFC_8037_DIDS.includes(did)) {
    Deno.test(`signRequest reproduces the signature of the vector "${name}"`, async () => {
      const identity = await importIdentity(RFC_8037_KEY, did);
      assert.deepEqual(await signRequest(identity, request), headers);
    });
  }
}

for (const { name, did, audience, iat, exp, token } of vectors.tokens) {
  if (!RFC_8037_DIDS.includes(did)) continue;
  Deno.test(`createDidToken reproduces the token of the vector "${name}"`, async () => {
    const identity = await importIdentity(RFC_8037_KEY, did);
    const claims = { audience, issuedAt: iat, ttlSeconds: exp - iat };
    assert.equal(await createDidToken(identity, claims), token);
  });
}

for (const type of ["ed25519", "p256"] as const) {
  Deno.test(`a non-extractable ${type} identity signs requests and tokens that the gateway accepts`, async () => {
    await using gateway = startVerifyingGateway();
    const identity = await createIdentity(type);
    assert.equal(identity.keyPair.privateKey.extractable, false);
    const signed = await signedFetch(identity, { gatewayUrl: gateway.url })(
      `${gateway.url}/api/v1/usage?group_by=day`,
    );
    assert.equal(signed.status, 200, await signed.text());
    const token = await createDidToken(identity, { audience: gateway.url, ttlSeconds: 60 });
    const bearer = await fetch(`${gateway.url}/api/v1/usage`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(bearer.status, 200, await bearer.text());
    assert.deepEqual(gateway.received.map(({ did }) => did), [identity.did, identity.did]);
  });

  Deno.test(`an exported ${type} key imports as the same identity`, async () => {
    const { did, keyPair } = await createIdentity(type, true);
    const jwk = await crypto.subtle.exportKey("jwk", keyPair.privateKey);
    assert.equal((await importIdentity(jwk)).did, did);
    assert.equal((await importIdentity(jwk, did)).did, did);
    assert.equal(
      (await identityFromKeyPair(keyPair, "did:web:a.example")).did,
      "did:web:a.example",
    );
  });
}

Deno.test("importIdentity refuses public keys, other types, and halves of two keys", async () => {
  const expected = /expected a private JWK/;
  const { kty, crv, x } = RFC_8037_KEY;
  await assert.rejects(importIdentity({ kty, crv, x }), expected);
  await assert.rejects(importIdentity({ ...RFC_8037_KEY, crv: "X25519" }), expected);
  await assert.rejects(
    importIdentity({ ...RFC_8037_KEY, d: "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs" }),
    TypeError,
  );
  const { did } = await createIdentity();
  await assert.rejects(importIdentity(RFC_8037_KEY, did), /belongs to did:key:z6MktwupdmLX/);
});

const form = new FormData();
form.set("model", "whisper");
form.set("file", new Blob([new Uint8Array([0, 255, 10, 13])]), "a.wav");
const bodies: Record<string, () => BodyInit> = {
  "a string": () => '{"text":"héllo 世界 🌍"}',
  "an empty string": () => "",
  "a Uint8Array": () => new Uint8Array([0, 1, 255]),
  "a Blob": () => new Blob(["blob"], { type: "audio/wav" }),
  "URLSearchParams": () => new URLSearchParams({ q: "a b&c" }),
  "a ReadableStream": () => new Blob(["one ", "two"]).stream(),
  "FormData": () => form,
};
for (const [kind, body] of Object.entries(bodies)) {
  Deno.test(`signedFetch sends ${kind} with a signature of its bytes`, async () => {
    await using gateway = startVerifyingGateway();
    const signing = signedFetch(await createIdentity(), { gatewayUrl: `${gateway.url}/` });
    const url = `${gateway.url}/api/v1/openrouter/x?a=1#fragment`;
    const response = await signing(url, { method: "POST", body: body() });
    assert.equal(response.status, 200, await response.text());
    const [received] = gateway.received;
    assert.equal(received?.path, "/api/v1/openrouter/x?a=1");
    // Whoever parses these bytes by this content type finds what was given.
    if (kind === "FormData") {
      const headers = { "content-type": received.contentType! };
      const parsed = await new Response(received.body, { headers }).formData();
      assert.equal(parsed.get("model"), "whisper");
      const file = new Uint8Array(await (parsed.get("file") as File).arrayBuffer());
      assert.deepEqual([...file], [0, 255, 10, 13]);
    } else {
      const sent = new Response(body());
      assert.equal(received.contentType, sent.headers.get("content-type"));
      assert.deepEqual([...received.body], [...new Uint8Array(await sent.arrayBuffer())]);
    }
  });
}

Deno.test("signedFetch sends a form's content-type where reading the body loses it, as in Bun", async () => {
  await using gateway = startVerifyingGateway();
  const signing = signedFetch(await createIdentity(), { gatewayUrl: gateway.url });
  const complete = globalThis.Request;
  globalThis.Request = class extends complete {
    override arrayBuffer(): Promise<ArrayBuffer> {
      const read = super.arrayBuffer();
      this.headers.delete("content-type");
      return read;
    }
  };
  try {
    const response = await signing(`${gateway.url}/x`, { method: "POST", body: form });
    assert.equal(response.status, 200, await response.text());
  } finally {
    globalThis.Request = complete;
  }
  assert.match(gateway.received[0]?.contentType ?? "", /^multipart\/form-data; boundary=/);
});

Deno.test("signedFetch takes a Request object, and keeps its method, headers and body", async () => {
  await using gateway = startVerifyingGateway();
  const signing = signedFetch(await createIdentity(), { gatewayUrl: gateway.url });
  const request = new Request(`${gateway.url}/api/v1/openrouter/x`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  const response = await signing(request);
  assert.equal(response.status, 200, await response.text());
  const [received] = gateway.received;
  assert.equal(received?.method, "PATCH");
  assert.equal(received.contentType, "application/json");
  assert.equal(received.body.toString(), "{}");
});

Deno.test("signedFetch sends bodyless methods, and aborts with the caller's signal", async () => {
  await using gateway = startVerifyingGateway();
  const signing = signedFetch(await createIdentity(), { gatewayUrl: gateway.url });
  for (const method of ["GET", "HEAD", "DELETE", "POST"]) {
    const response = await signing(`${gateway.url}/api/v1/usage`, { method });
    assert.equal(response.status, 200, await response.text());
  }
  const signal = AbortSignal.abort(new Error("changed my mind"));
  await assert.rejects(signing(`${gateway.url}/api/v1/usage`, { signal }), /changed my mind/);
});

Deno.test("signedFetch sends no query that is empty, which Node's fetch would leave out by itself", async () => {
  await using gateway = startVerifyingGateway();
  const signing = signedFetch(await createIdentity(), { gatewayUrl: gateway.url });
  const url = `${gateway.url}/api/v1/usage`;
  const queries = [`?${new URLSearchParams()}`, "?#fragment", "??", "?a?", "#a?"];
  for (const query of queries) {
    const response = await signing(new URL(url + query), { method: "POST", body: "{}" });
    assert.equal(response.status, 200, await response.text());
    await (await signing(url + query)).body?.cancel();
  }
  const paths = gateway.received.map(({ path }) => path.replace("/api/v1/usage", ""));
  assert.deepEqual(paths, ["", "", "", "", "??", "??", "?a?", "?a?", "", ""]);
});

Deno.test("signedFetch hands on what belongs to no Request, such as Bun's proxy, and the caller's own signal", async () => {
  const handedOn: (RequestInit | undefined)[] = [];
  const signing = signedFetch(await createIdentity(), {
    gatewayUrl: "https://gateway.example/f",
    fetch: (_input, init) => {
      handedOn.push(init);
      return Promise.resolve(new Response());
    },
  });
  const url = "https://gateway.example/f/x";
  const { signal } = new AbortController();
  const bun = { proxy: "http://proxy.example", tls: { rejectUnauthorized: false } };
  const call = { method: "POST", headers: { accept: "*/*" }, body: "{}", signal };
  await signing(url, { ...call, ...bun });
  const request = new Request(url, call);
  await signing(request);
  await signing(new Request(url, { signal }), { signal: null });
  await signing(url);
  assert.deepEqual(handedOn, [
    { ...bun, signal },
    { signal: request.signal },
    { signal: null },
    { signal: null },
  ]);
  assert.equal(handedOn[0]?.signal, signal);
  assert.equal(handedOn[1]?.signal, request.signal);
});

Deno.test("signedFetch signs the same call anew each time", async () => {
  const sent: Headers[] = [];
  const signing = signedFetch(await createIdentity(), {
    gatewayUrl: "https://gateway.example/f",
    fetch: (input) => {
      sent.push((input as Request).headers);
      return Promise.resolve(new Response());
    },
  });
  await signing("https://gateway.example/f/x", { method: "POST", body: "{}" });
  await signing("https://gateway.example/f/x", { method: "POST", body: "{}" });
  for (const name of ["x-did-nonce", "x-did-signature"]) {
    assert.notEqual(sent[0]!.get(name), sent[1]!.get(name), name);
  }
});

Deno.test("signedFetch signs for the audience it is told, and without one for the URL", async () => {
  await using gateway = startVerifyingGateway();
  const localhost = gateway.url.replace("127.0.0.1", "localhost");
  const identity = await createIdentity();
  const options = { gatewayUrl: localhost, audience: gateway.url };
  const right = await signedFetch(identity, options)(`${localhost}/api/v1/usage`);
  assert.equal(right.status, 200, await right.text());
  const empty = signedFetch(identity, { gatewayUrl: gateway.url, audience: "" });
  const own = await empty(`${gateway.url}/api/v1/usage`);
  assert.equal(own.status, 200, await own.text());
  const wrong = await signedFetch(identity, { gatewayUrl: localhost })(`${localhost}/api/v1/usage`);
  assert.equal((await wrong.json()).error.type, "invalid_signature");
});

Deno.test("signedFetch refuses to sign for URLs outside the gateway", async () => {
  const signing = signedFetch(await createIdentity(), { gatewayUrl: "https://gateway.example/f" });
  for (
    const url of [
      "https://evil.example/f/x",
      "https://gateway.example/fx",
      "https://gateway.example/f/../g/x",
      "http://gateway.example/f/x",
    ]
  ) await assert.rejects(signing(url), { name: "TypeError", message: /^not signing/ });
});

Deno.test("createDidToken refuses did:pkh, which signs no tokens", async () => {
  const identity: Identity = {
    did: "did:pkh:eip155:1:0x2c7536e3605d9c16a7a3d7b1898e529396a65c23",
    algorithm: "EIP-191",
    sign: () => assert.fail("must not sign"),
  };
  await assert.rejects(createDidToken(identity, { audience: "a" }), /cannot sign tokens/);
});
