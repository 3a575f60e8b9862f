import assert from "node:assert/strict";
import {
  assertRefused,
  AUDIENCE,
  bearer,
  newSigner,
  NOW,
  type SignedParts,
  signedRequest,
  signedToken,
} from "../testing/signers.ts";
import { httpSignedRequest } from "../testing/http_signatures.ts";
import { utf8 } from "../bytes/encodings.ts";
import { type AuthenticatorOptions, createAuthenticator } from "./authenticate.ts";

const signer = await newSigner("did:key Ed25519");

function authenticatorInSteps(options: Partial<AuthenticatorOptions> = {}) {
  return createAuthenticator({
    audience: AUDIENCE,
    maxTokenLifetimeSeconds: 3600,
    maxWalletSessionSeconds: 86_400,
    didWebHosts: ["example.com"],
    now: () => NOW * 1000,
    fetch: () => Promise.reject(new Error("no request was expected")),
    ...options,
  });
}
const authenticate = authenticatorInSteps();

Deno.test("a token tells whose it is before the body is there", async () => {
  const { identity, verify } = await authenticate(bearer(await signedToken(signer)));
  assert.equal(identity?.did, signer.did);
  assert.equal(await verify(utf8("whatever comes")), identity);
});

Deno.test("a signed request tells nobody until its body is there", async () => {
  const { body, ...head } = await signedRequest(signer);
  const { identity, verify } = await authenticate(head);
  assert.equal(identity, null);
  assert.equal((await verify(body)).did, signer.did);
  await assertRefused(verify(utf8("another body")), "invalid_signature");
});

for (
  const [what, headers, type] of [
    ["without a timestamp", { "x-did-timestamp": undefined }, "missing_credentials"],
    ["with an old timestamp", { "x-did-timestamp": String(NOW - 301) }, "expired_timestamp"],
    ["with a timestamp that is none", { "x-did-timestamp": "yesterday" }, "invalid_request"],
    ["with a malformed nonce", { "x-did-nonce": "a b" }, "invalid_request"],
    ["with a signature of 63 bytes", { "x-did-signature": "A".repeat(84) }, "invalid_request"],
    [
      "with an account's signature for a key",
      { "x-did-signature": `0x${"00".repeat(65)}` },
      "invalid_request",
    ],
    ["of a malformed DID", { "x-did": "alice" }, "invalid_did"],
    ["of a DID whose key is of no known kind", { "x-did": "did:key:z6Mk" }, "invalid_did"],
    ["of a DID whose JWK is none", { "x-did": "did:jwk:e30" }, "invalid_did"],
    ["of another DID method", { "x-did": "did:example:1" }, "unsupported_did_method"],
    [
      "of a did:web that is not listed",
      { "x-did": "did:web:example.org" },
      "unsupported_did_method",
    ],
    ["beside another DID's token", { authorization: "other" }, "invalid_token"],
  ] as [string, Record<string, string | undefined>, "invalid_request"][]
) {
  Deno.test(`a signed request ${what} is refused by its headers alone`, async () => {
    const { method, pathAndQuery, headers: signed } = await signedRequest(signer);
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined) signed.delete(name);
      else if (value === "other") {
        const other = await newSigner("did:key P-256");
        signed.set(name, `Bearer ${await signedToken(other)}`);
      } else signed.set(name, value);
    }
    await assertRefused(authenticate({ method, pathAndQuery, headers: signed }), type);
  });
}

Deno.test("a token is verified by the headers alone, its signature included", async () => {
  const other = await newSigner("did:key Ed25519");
  const forged = await signedToken(other, { iss: signer.did });
  await assertRefused(authenticate(bearer(forged)), "invalid_token", /signature/);
});

Deno.test("a did:web is fetched once the body is there, and not before", async () => {
  const requests: string[] = [];
  const withWeb = authenticatorInSteps({
    fetch: (input) => {
      requests.push(String(input));
      return Promise.resolve(new Response(null, { status: 404 }));
    },
  });
  const { body, ...head } = await signedRequest({ ...signer, did: "did:web:example.com" });
  const { verify } = await withWeb(head);
  assert.deepEqual(requests, []);
  await assertRefused(verify(body), "invalid_did");
  assert.deepEqual(requests, ["https://example.com/.well-known/did.json"]);
});

for (
  const [carrier, requestAt] of [
    ["a signed request", (at) => signedRequest(signer, { timestamp: String(at) })],
    [
      "an HTTP message signature",
      (at) => httpSignedRequest(signer, { parameters: `;created=${at};keyid="${signer.did}"` }),
    ],
  ] as [string, (at: number) => Promise<SignedParts>][]
) {
  Deno.test(`${carrier} that is too old is refused by its headers alone`, async () => {
    const { body: _, ...head } = await requestAt(NOW - 301);
    await assertRefused(authenticate(head), "expired_timestamp");
  });

  Deno.test(`${carrier} that expires while the body comes is refused`, async () => {
    let now = NOW * 1000;
    const { body, ...head } = await requestAt(NOW - 299);
    const { verify } = await authenticatorInSteps({ now: () => now })(head);
    now += 1_000;
    assert.equal((await verify(body)).did, signer.did);
    now += 1;
    await assertRefused(verify(body), "expired_timestamp");
  });
}
