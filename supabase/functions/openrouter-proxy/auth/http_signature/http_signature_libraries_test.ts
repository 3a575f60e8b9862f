/** Signatures that published libraries make of requests, bodies included. */
import { base58 } from "@scure/base";
import { createSignature, webcrypto } from "http-message-sig";
import { httpbis } from "http-message-signatures";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { concat, utf8 } from "../../bytes/encodings.ts";
import { contentDigest } from "../../testing/http_signatures.ts";
import {
  assertRefused,
  AUDIENCE,
  authenticatorWith,
  newSigner,
  NOW,
  type SignedParts,
  SIGNER_KINDS,
} from "../../testing/signers.ts";

const authenticate = authenticatorWith();
const BODY = '{"model":"m","messages":[]}';
const PATH = "/api/v1/openrouter/chat/completions?x=a%20b";
const FIELDS = ["@method", "@target-uri", "content-digest", "content-type", "@authority"];
const HEADERS = { "content-type": "application/json", "content-digest": await contentDigest(BODY) };

function sentWith(headers: HeadersInit): SignedParts {
  return { method: "POST", pathAndQuery: PATH, headers: new Headers(headers), body: utf8(BODY) };
}

for (const kind of SIGNER_KINDS.filter((kind) => kind !== "did:pkh")) {
  Deno.test(`http-message-signatures signs for ${kind}`, async () => {
    const signer = await newSigner(kind);
    const key = {
      id: signer.did,
      sign: async (base: Uint8Array) => Buffer.from(await signer.sign(concat(base))),
    };
    const created = new Date(NOW * 1000);
    const { headers } = await httpbis.signMessage(
      {
        key,
        fields: FIELDS,
        params: ["created", "expires", "keyid", "nonce", "tag"],
        paramValues: { created, nonce: "n-1", tag: "app" },
      },
      { method: "POST", url: AUDIENCE + PATH, headers: HEADERS },
    );
    const request = sentWith(headers as Record<string, string>);
    assert.equal((await authenticate(request)).did, signer.did);
    await assertRefused(authenticate({ ...request, body: utf8("{}") }), "invalid_signature");
  });
}

Deno.test("http-message-sig signs with WebCrypto's Ed25519", async () => {
  const pair = await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const did = `did:key:z${base58.encode(concat([0xed, 0x01], raw))}`;
  const { signature, signatureInput } = await createSignature(
    new Request(AUDIENCE + PATH, { method: "POST", headers: HEADERS, body: BODY }),
    {
      components: FIELDS,
      parameters: { created: NOW, expires: NOW + 60, keyid: did, alg: "ed25519" },
      signer: webcrypto.signer(pair.privateKey),
    },
  );
  const request = sentWith({ ...HEADERS, signature, "signature-input": signatureInput });
  assert.equal((await authenticate(request)).did, did);
  await assertRefused(authenticate({ ...request, method: "PUT" }), "invalid_signature");
});
