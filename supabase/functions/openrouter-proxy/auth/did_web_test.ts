import assert from "node:assert/strict";
import {
  assertRefused,
  AUDIENCE,
  authenticatorWith,
  bearer,
  newSigner,
  NOW,
  signedRequest,
  signedToken,
  type Signer,
} from "../testing/signers.ts";
import { as, DID, documentOf, gatewayFor, keySigner, siteOf } from "../testing/did_web_sites.ts";

Deno.test("a token is refused once its key's removal from the document has been read", async () => {
  let now = NOW * 1000;
  let holder = keySigner;
  const gateway = gatewayFor(siteOf(() => documentOf(DID, holder)), () => now);
  const token = bearer(await signedToken(as(DID), { exp: NOW + 3600 }));
  await gateway(await signedRequest(as(DID)));
  now += 299_999;
  await gateway(token);
  holder = await newSigner("did:key Ed25519");
  now++;
  await assertRefused(gateway(token), "invalid_token", /signature/);
});

Deno.test("did:web is resolved at its host, or below a path of it", async () => {
  const cases = [
    [DID, "https://example.com/.well-known/did.json"],
    [`${DID}:user:alice`, "https://example.com/user/alice/did.json"],
    [`${DID}:...:.a:a.`, "https://example.com/.../.a/a./did.json"],
  ] as const;
  for (const [did, url] of cases) {
    const site = siteOf(() => documentOf(did, keySigner));
    const identity = await gatewayFor(site)(await signedRequest(as(did)));
    assert.equal(identity.did, did);
    assert.deepEqual(site.requests, [url]);
  }
});

Deno.test("a DID document is asked for as one, in time, and no redirect is followed", async () => {
  const sent: RequestInit[] = [];
  const authenticate = authenticatorWith({
    didWebHosts: ["example.com"],
    fetch: (_input, init) => {
      sent.push(init!);
      return Promise.resolve(Response.json(documentOf(DID, keySigner)));
    },
    now: () => NOW * 1000,
  });
  await authenticate(await signedRequest(as(DID)));
  const [{ headers, redirect, signal }] = sent as [RequestInit];
  assert.deepEqual(headers, { accept: "application/did+json, application/json" });
  assert.equal(redirect, "manual");
  assert.ok(signal instanceof AbortSignal);
});

Deno.test("did:web of hosts that are not listed is refused without a request", async () => {
  const site = siteOf(() => documentOf(DID, keySigner));
  const gateway = gatewayFor(site);
  const unlisted = [
    "did:web:example.org",
    "did:web:sub.example.com",
    "did:web:EXAMPLE.com",
    "did:web:example.com.",
    "did:web:example.com%3A443",
    "did:web:example.com%3A8080",
    "did:web:example.com%2Fa",
    "did:web:127.0.0.1",
    "did:web:localhost",
  ];
  for (const did of unlisted) {
    await assertRefused(gateway(await signedRequest(as(did))), "unsupported_did_method");
  }
  // An address is refused even where the operator lists it.
  await assertRefused(gateway(await signedRequest(as("did:web:10.0.0.1"))), "invalid_did");
  assert.deepEqual(site.requests, []);
});

Deno.test("did:web paths that could lead elsewhere are refused without a request", async () => {
  const site = siteOf(() => documentOf(DID, keySigner));
  for (const path of ["", ".", "..", "a::b", "%2e%2e", "%2F", "a%3Fb", "a:"]) {
    const request = await signedRequest(as(`${DID}:${path}`));
    await assertRefused(gatewayFor(site)(request), "invalid_did");
  }
  assert.deepEqual(site.requests, []);
});

Deno.test("no request is made for what is refused without the key", async () => {
  const site = siteOf(() => documentOf(DID, keySigner));
  const gateway = gatewayFor(site);
  const stale = await signedRequest(as(DID), { timestamp: String(NOW - 301) });
  await assertRefused(gateway(stale), "expired_timestamp");
  const expired = await signedToken(as(DID), { iat: NOW - 600, exp: NOW - 60 });
  await assertRefused(gateway(bearer(expired)), "expired_token");
  assert.deepEqual(site.requests, []);
});

Deno.test("each kind of key and of reference in authentication is understood", async () => {
  const signers = await Promise.all(
    (["did:key Ed25519", "did:key P-256", "did:key secp256k1"] as const).map(newSigner),
  );
  for (const signer of signers) {
    const keys = [{ publicKeyMultibase: signer.multikey }, { publicKeyJwk: signer.jwk }];
    for (const key of keys) {
      const method = { id: `${DID}#a`, type: "Multikey", controller: DID, ...key };
      const relative = { ...method, id: "#a" };
      const documents = [
        { id: DID, authentication: [method] },
        { id: DID, authentication: [relative] },
        { id: DID, authentication: [`${DID}#a`], verificationMethod: [method] },
        { id: DID, authentication: ["#a"], verificationMethod: [method] },
        { id: DID, authentication: [`${DID}#a`], verificationMethod: [relative] },
      ];
      for (const document of documents) {
        const gateway = gatewayFor(siteOf(() => document));
        assert.equal((await gateway(await signedRequest(as(DID, signer)))).did, DID);
        assert.equal((await gateway(bearer(await signedToken(as(DID, signer))))).did, DID);
      }
    }
  }
});

Deno.test("keys outside authentication, of other DIDs or of unknown kinds do not count", async () => {
  const key = { publicKeyMultibase: keySigner.multikey };
  const method = { id: `${DID}#a`, type: "Multikey", controller: DID, ...key };
  const documents: unknown[] = [
    { id: DID },
    { id: DID, authentication: [] },
    { id: DID, authentication: {} },
    { id: DID, verificationMethod: [method] },
    { id: DID, assertionMethod: [method], keyAgreement: [method], verificationMethod: [method] },
    { id: DID, authentication: [`${DID}#b`], verificationMethod: [method] },
    { id: DID, authentication: [null, 1, [], {}, "a"], verificationMethod: [method, null] },
    { id: DID, authentication: [{ ...method, id: "did:web:example.org#a" }] },
    { id: DID, authentication: [{ ...method, id: `${DID}.evil#a` }] },
    { id: DID, authentication: [{ ...method, id: undefined }] },
    { id: DID, authentication: [{ ...method, controller: "did:web:example.org" }] },
    { id: DID, authentication: [{ ...method, publicKeyJwk: keySigner.jwk }] },
    { id: DID, authentication: [{ ...method, publicKeyMultibase: undefined }] },
    { id: DID, authentication: [{ ...method, publicKeyMultibase: "zabc" }] },
    {
      id: DID,
      authentication: [
        { id: `${DID}#a`, controller: DID, publicKeyJwk: { ...keySigner.jwk, d: "AAAA" } },
      ],
    },
    { ...documentOf("did:web:example.org", keySigner) },
    { ...documentOf(DID, keySigner), id: `${DID}:path` },
    { ...documentOf(DID, keySigner), id: undefined },
    documentOf(DID, ...Array<Signer>(21).fill(keySigner)),
    [documentOf(DID, keySigner)],
    null,
  ];
  for (const document of documents) {
    const gateway = gatewayFor(siteOf(() => document));
    await assertRefused(gateway(await signedRequest(as(DID))), "invalid_did");
  }
});

Deno.test("a key counts beside others that the gateway cannot use", async () => {
  const { authentication: [good] } = documentOf(DID, keySigner);
  const { publicKeyMultibase: _, ...keyless } = { ...good!, id: `${DID}#b` };
  const unusable: unknown[] = [
    { ...keyless, publicKeyMultibase: "zabc" },
    { ...keyless, publicKeyJwk: { kty: "EC", crv: "P-384", x: "AAAA", y: "AAAA" } },
    { ...keyless, publicKeyJwk: { ...keySigner.jwk, d: "AAAA" } },
    { ...keyless, publicKeyPem: "-----BEGIN PUBLIC KEY-----" },
    null,
  ];
  for (const other of unusable) {
    const document = { id: DID, authentication: [other, good] };
    const gateway = gatewayFor(siteOf(() => document));
    assert.equal((await gateway(await signedRequest(as(DID)))).did, DID);
  }
});

Deno.test("a key that its document says is revoked or has expired does not count", async () => {
  const other = await newSigner("did:key P-256");
  const document = documentOf(DID, keySigner, other);
  const [ending, lasting] = document.authentication;
  const instant = (seconds: number) => new Date(seconds * 1000).toISOString();
  for (const name of ["revoked", "expires"]) {
    for (const over of [instant(NOW), "2020-01-01T00:00:00+02:00", "yesterday", "", true, 0]) {
      const ended = { ...document, authentication: [{ ...ending, [name]: over }, lasting] };
      const gateway = gatewayFor(siteOf(() => ended));
      await assertRefused(gateway(await signedRequest(as(DID))), "invalid_signature");
      await assertRefused(gateway(bearer(await signedToken(as(DID)))), "invalid_token");
      await gateway(await signedRequest(as(DID, other)));
    }
    for (const ahead of [instant(NOW + 1), null]) {
      const method = { ...ending, [name]: ahead };
      const good = { id: DID, authentication: [method.id], verificationMethod: [method] };
      await gatewayFor(siteOf(() => good))(await signedRequest(as(DID)));
    }
  }
});

Deno.test("a token's kid selects among the keys, without it any key of its alg verifies", async () => {
  const [first, second, third] = await Promise.all(
    (["did:key Ed25519", "did:key Ed25519", "did:key P-256"] as const).map(newSigner),
  ) as [Signer, Signer, Signer];
  const gateway = gatewayFor(siteOf(() => documentOf(DID, first, second, third)));
  for (const [i, signer] of [first, second, third].entries()) {
    for (const kid of [undefined, `${DID}#key-${i}`, `#key-${i}`]) {
      await gateway(bearer(await signedToken(as(DID, signer), {}, { kid })));
    }
    const other = `#key-${(i + 1) % 3}`;
    const token = await signedToken(as(DID, signer), {}, { kid: other });
    await assertRefused(gateway(bearer(token)), "invalid_token");
    await gateway(await signedRequest(as(DID, signer)));
  }
  const stranger = as(DID, await newSigner("did:key Ed25519"));
  await assertRefused(gateway(await signedRequest(stranger)), "invalid_signature");
});

for (const keys of [2, 3]) {
  Deno.test(`the audience that was signed for is ${keys > 2 ? "not " : ""}looked for under ${keys} keys`, async () => {
    const signers = await Promise.all(
      Array.from({ length: keys - 1 }, () => newSigner("did:key Ed25519")),
    );
    const gateway = gatewayFor(siteOf(() => documentOf(DID, ...signers, keySigner)));
    const request = await signedRequest(as(DID), { audience: `${AUDIENCE}/` });
    const { message } = await assertRefused(gateway(request), "invalid_signature");
    assert.equal(message.includes("is right for the audience"), keys === 2);
  });
}

Deno.test("of two keys of one id the first counts", async () => {
  const other = await newSigner("did:key Ed25519");
  const [first] = documentOf(DID, keySigner).authentication;
  const [second] = documentOf(DID, other).authentication;
  const document = { id: DID, verificationMethod: [first, second], authentication: [first!.id] };
  const gateway = gatewayFor(siteOf(() => document));
  assert.equal((await gateway(await signedRequest(as(DID)))).did, DID);
  await assertRefused(gateway(await signedRequest(as(DID, other))), "invalid_signature");
});

Deno.test("answers that are no document are refused: statuses, redirects, bad and long bodies", async () => {
  const good = JSON.stringify(documentOf(DID, keySigner));
  const answers: unknown[] = [
    new Response(good, { status: 403 }),
    new Response(good, { status: 404 }),
    new Response(good, { status: 410 }),
    new Response(good, { status: 203 }),
    Response.redirect("https://example.com/other", 302),
    new Response("{"),
    new Response(""),
    new Response(null),
    new Response(new Uint8Array([0x22, 0xff, 0x22])),
    new Response(good + " ".repeat(64 * 1024 - good.length + 1)),
  ];
  for (const answer of answers) {
    const gateway = gatewayFor(siteOf(() => answer));
    await assertRefused(gateway(await signedRequest(as(DID))), "invalid_did", /DID document/);
  }
  const longest = new Response(good + " ".repeat(64 * 1024 - good.length));
  await gatewayFor(siteOf(() => longest))(await signedRequest(as(DID)));
});

Deno.test("a body without end is cancelled once it is too long", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(8 * 1024)),
    cancel: () => void (cancelled = true),
  });
  const gateway = gatewayFor(siteOf(() => new Response(endless)));
  await assertRefused(gateway(await signedRequest(as(DID))), "invalid_did", /65536 bytes/);
  assert.ok(cancelled);
});

for (const [status, type] of [[404, "invalid_did"], [503, "did_unavailable"]] as const) {
  Deno.test(`the body of an answer with status ${status} is let go of`, async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) });
    const gateway = gatewayFor(siteOf(() => new Response(body, { status })));
    await assertRefused(gateway(await signedRequest(as(DID))), type);
    assert.ok(cancelled);
  });
}

Deno.test("over HTTP, redirects are not followed and silence ends after 3 s", async () => {
  const visited: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    visited.push(pathname);
    if (pathname === "/elsewhere") return Response.json(documentOf(DID, keySigner));
    if (pathname === "/slow/did.json") {
      // Headers and the start of a body, then nothing.
      return new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([0x7b])) }),
      );
    }
    return Response.redirect(new URL("/elsewhere", request.url), 302);
  });
  try {
    const gateway = authenticatorWith({
      didWebHosts: ["example.com"],
      fetch: (input, init) => {
        const local = new URL(String(input));
        return fetch(`http://127.0.0.1:${server.addr.port}${local.pathname}`, init);
      },
    });
    await assertRefused(gateway(await signedRequest(as(DID))), "invalid_did", /302/);
    const slow = gateway(await signedRequest(as(`${DID}:slow`)));
    await assertRefused(
      slow,
      "did_unavailable",
      /^the DID document did not arrive within 3000 ms$/,
    );
    assert.deepEqual(visited, ["/.well-known/did.json", "/slow/did.json"]);
  } finally {
    await server.shutdown();
  }
});

Deno.test("20 keys of a document are all good, and 21 are too many", async () => {
  for (const kind of ["did:key Ed25519", "did:key P-256", "did:key secp256k1"] as const) {
    const signers = await Promise.all(Array.from({ length: 20 }, () => newSigner(kind)));
    const gateway = gatewayFor(siteOf(() => documentOf(DID, ...signers)));
    for (const signer of [signers[0]!, signers[19]!]) {
      assert.equal((await gateway(await signedRequest(as(DID, signer)))).did, DID);
    }
    const stranger = as(DID, await newSigner(kind));
    await assertRefused(gateway(await signedRequest(stranger)), "invalid_signature");
    const tooMany = gatewayFor(siteOf(() => documentOf(DID, ...signers, keySigner)));
    await assertRefused(tooMany(await signedRequest(as(DID))), "invalid_did", /over 20/);
  }
});
