/** What the refusals of DID tokens tell. */
import { base64urlnopad } from "@scure/base";
import { utf8 } from "../bytes/encodings.ts";
import { derOf } from "../testing/der.ts";
import { as, DID, documentOf, gatewayFor, keySigner, siteOf } from "../testing/did_web_sites.ts";
import { testRefusals } from "../testing/refusals.ts";
import { authenticatorWith, bearer, newSigner, NOW, signedToken } from "../testing/signers.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key Ed25519");
const elliptic = await newSigner("did:key P-256");
const account = await newSigner("did:pkh");
const der = derOf(await elliptic.sign(utf8("")));

const tokenOf =
  (claims: Record<string, unknown>, header: Record<string, unknown> = {}) => async () =>
    await authenticate(bearer(await signedToken(signer, claims, header)));
const wholeToken = (header: string, claims: string) => async () => {
  const signed = [header, claims].map((text) => base64urlnopad.encode(utf8(text))).join(".");
  return await authenticate(
    bearer(`${signed}.${base64urlnopad.encode(await signer.sign(utf8(signed)))}`),
  );
};
const HEADER = '{"alg":"EdDSA"}';
const CLAIMS = `{"iss":"${signer.did}"}`;

testRefusals([
  [
    "a token without aud",
    tokenOf({ aud: undefined }),
    "aud must be exactly https://gateway.example/functions/v1/openrouter-proxy, or an array of that alone; it is missing",
  ],
  [
    "a token for another audience",
    tokenOf({ aud: ["x"] }),
    'aud must be exactly https://gateway.example/functions/v1/openrouter-proxy, or an array of that alone; it is ["x"]',
  ],
  ["a token without iat", tokenOf({ iat: undefined }), "iat and exp must be seconds as numbers"],
  ["a token whose nbf is no number", tokenOf({ nbf: "x" }), "nbf must be seconds as a number"],
  [
    "a token that lives too long",
    tokenOf({ exp: NOW + 3601 }),
    "exp must be after iat by at most 3600 s",
  ],
  ["a token from the future", tokenOf({ iat: NOW + 61 }), "iat is in the future"],
  ["a token that is good later", tokenOf({ nbf: NOW + 61 }), "nbf is in the future"],
  [
    "a token that was good before",
    tokenOf({ iat: NOW - 100, exp: NOW - 60.5 }),
    "the token has expired at 2026-11-22T17:58:59.500Z, 60 s ago: make a new one",
  ],
  [
    "a token of no key of the DID",
    tokenOf({}, { kid: "x" }),
    "kid names no key of iss: it takes the DID URL of the key, its fragment, or the key's JWK thumbprint, and may be absent",
  ],
  [
    "a token of another alg",
    tokenOf({}, { alg: "ES256" }),
    "alg must be that of the DID's key: EdDSA",
  ],
  ["a token of another alg than two keys have", async () => {
    const gateway = gatewayFor(siteOf(() => documentOf(DID, keySigner, elliptic)));
    await gateway(bearer(await signedToken(as(DID), {}, { alg: "HS256" })));
  }, "alg must be that of the DID's key: EdDSA or ES256"],
  [
    "an account's token",
    async () => await authenticate(bearer(await signedToken(account))),
    "did:pkh signs no tokens; send a wallet session, or sign each request",
  ],
  ["a token that another has signed", async () => {
    const other = await newSigner("did:key Ed25519");
    await authenticate(bearer(await signedToken({ ...other, did: signer.did })));
  }, "the token's signature is not that of its iss"],
  [
    "a token whose signature is DER",
    async () => {
      const token = await signedToken(elliptic);
      await authenticate(bearer(token.replace(/[^.]*$/, base64urlnopad.encode(der))));
    },
    "the token's signature is in ASN.1 DER: send r and s alone, 32 bytes each (IEEE P1363; dsaEncoding: 'ieee-p1363' in node:crypto)",
  ],
  [
    "a token's header with a member twice",
    wholeToken('{"alg":"EdDSA","alg":"EdDSA"}', CLAIMS),
    "the token has the member alg twice",
  ],
  [
    "a token's claims with a member twice",
    wholeToken(HEADER, `${CLAIMS.slice(0, -1)},"a":1,"a":1}`),
    "the token has the member a twice",
  ],
  [
    "a token with two parameters that are refused",
    tokenOf({}, { jku: "x", crit: [] }),
    "the header parameter jku is not accepted",
  ],
  [
    "a token of another type",
    tokenOf({}, { typ: "at+jwt" }),
    "the header's typ must be JWT, or absent",
  ],
]);
