/** What the refusals of requests that x-did headers sign tell. */
import { base64 } from "@scure/base";
import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import type { GatewayError } from "../errors.ts";
import { derOf } from "../testing/der.ts";
import { testRefusals } from "../testing/refusals.ts";
import {
  authenticatorWith,
  newSigner,
  NOW,
  partsOf,
  requestOf,
  requestWith,
  signedRequest,
  signedToken,
} from "../testing/signers.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key Ed25519");
const elliptic = await newSigner("did:key P-256");
const account = await newSigner("did:pkh");
const der = derOf(await elliptic.sign(utf8("")));

const headersOf = (headers: Record<string, string>, someone = signer) => async () =>
  await authenticate(requestOf(partsOf(someone), headers["x-did-signature"] ?? "", headers));

testRefusals([
  [
    "x-did twice",
    headersOf({ "x-did": `${signer.did}, ${signer.did}` }),
    "x-did must be sent once",
  ],
  [
    "a timestamp twice",
    headersOf({ "x-did-timestamp": `${NOW}, ${NOW}` }),
    "x-did-timestamp must be sent once",
  ],
  [
    "a nonce twice",
    headersOf({ "x-did-nonce": "a, a" }),
    "x-did-nonce must be sent once",
  ],
  [
    "a signature twice",
    headersOf({ "x-did-signature": `${"A".repeat(86)}, ${"A".repeat(86)}` }),
    "x-did-signature must be sent once",
  ],
  [
    "a timestamp of other digits",
    headersOf({ "x-did-timestamp": "1" }),
    "x-did-timestamp takes 10 digits (seconds) or 13 (milliseconds)",
  ],
  [
    "a timestamp of the past",
    headersOf({ "x-did-timestamp": String(NOW - 301), "x-did-signature": "A".repeat(86) }),
    "x-did-timestamp is 301 s old; at most 300 s are accepted",
  ],
  [
    "a timestamp of the future",
    headersOf({ "x-did-timestamp": String(NOW + 61), "x-did-signature": "A".repeat(86) }),
    "x-did-timestamp is 61 s ahead; at most 60 s are accepted",
  ],
  [
    "a nonce of other characters",
    headersOf({ "x-did-nonce": "!" }),
    "x-did-nonce takes up to 64 characters of A-Z a-z 0-9 _ -",
  ],
  [
    "no timestamp",
    () => authenticate(requestWith({ "x-did": signer.did })),
    "x-did-timestamp is missing beside other x-did headers",
  ],
  [
    "a signature of no kind",
    headersOf({ "x-did-signature": "x" }),
    "x-did-signature takes 64 bytes, as base64url without padding or as 0x and hex",
  ],
  [
    "an account's signature of no kind",
    headersOf({ "x-did-signature": "x" }, account),
    "x-did-signature takes 65 bytes for did:pkh, as 0x and hex (EIP-191 personal_sign)",
  ],
  [
    "a smart account's signature",
    headersOf({ "x-did-signature": `0x${"00".repeat(66)}` }, account),
    "x-did-signature has 66 bytes, as those of smart accounts (ERC-1271, ERC-6492) have, which are not supported: sign with an account that has a private key",
  ],
  [
    "a signature in DER",
    headersOf({ "x-did-signature": base64.encode(der) }, elliptic),
    "x-did-signature is in ASN.1 DER: send r and s alone, 32 bytes each (IEEE P1363; dsaEncoding: 'ieee-p1363' in node:crypto)",
  ],
  [
    "a signature of something else",
    headersOf({ "x-did-signature": "A".repeat(86) }),
    "x-did-signature is not this DID's signature of signed_message; its second line, the audience, is https://gateway.example/functions/v1/openrouter-proxy, whatever URL the gateway is called at",
  ],
  [
    "an account's signature of something else",
    headersOf({ "x-did-signature": `0x${"00".repeat(65)}` }, account),
    "x-did-signature is not this DID's signature of signed_message; its second line, the audience, is https://gateway.example/functions/v1/openrouter-proxy, whatever URL the gateway is called at. Smart accounts (ERC-1271) are not supported",
  ],
  [
    "a GET's signature of what was sent as its body",
    async () => {
      const get = partsOf(signer, { method: "GET", body: "" });
      await authenticate(requestOf(get, "A".repeat(86), { "content-length": "2" }));
    },
    "x-did-signature is not this DID's signature of signed_message; its second line, the audience, is https://gateway.example/functions/v1/openrouter-proxy, whatever URL the gateway is called at. GET has no body: what came as one is not signed",
  ],
  ["two DIDs in two headers", async () => {
    const others = await signedToken(elliptic);
    await authenticate(
      requestWith({ authorization: `Bearer ${await signedToken(signer)}`, "x-api-key": others }),
    );
  }, "Authorization and x-api-key name two DIDs: send one of them"],
  ["a signature and a token of two DIDs", async () => {
    await authenticate(
      await signedRequest(signer, {}, { "x-api-key": await signedToken(elliptic) }),
    );
  }, "the signature (x-did, or keyid) and the token beside it name two DIDs: send one of them"],
]);

Deno.test("what is nearly a signature in DER is told as none", async () => {
  const told = async (bytes: Uint8Array) => {
    const refused = headersOf({ "x-did-signature": base64.encode(bytes) }, elliptic)();
    const error = await refused.then(() => assert.fail(), (error: GatewayError) => error);
    return error.message.includes("is in ASN.1 DER");
  };
  const rEnd = 4 + der[3]!;
  assert.equal(await told(der), true);
  for (const at of [0, 1, 2, 3, rEnd, rEnd + 1]) {
    const changed = der.with(at, der[at]! ^ 1);
    assert.equal(await told(changed), false, `${at}`);
  }
  assert.equal(await told(Uint8Array.of(...der, 0)), false);
  assert.equal(await told(der.slice(0, -1)), false);
  const integer = (bytes: number) => [2, bytes, ...Array(bytes).fill(1)];
  const of = (r: number, s: number) => [0x30, r + s + 4, ...integer(r), ...integer(s)];
  assert.equal(await told(Uint8Array.from(of(33, 33))), true);
  assert.equal(await told(Uint8Array.from(of(33, 34))), false);
});
