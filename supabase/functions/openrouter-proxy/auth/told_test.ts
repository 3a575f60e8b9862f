/** What each refusal of this room tells, whole: clients show it, and people search for it. */
import { p256 } from "@noble/curves/nist.js";
import { base64, base64urlnopad } from "@scure/base";
import assert from "node:assert/strict";
import { type Bytes, utf8 } from "../bytes/encodings.ts";
import type { GatewayError } from "../errors.ts";
import { as, DID, documentOf, gatewayFor, keySigner, siteOf } from "../testing/did_web_sites.ts";
import { httpSignatureParts, httpSignedRequestOf } from "../testing/http_signatures.ts";
import {
  AUDIENCE,
  authenticatorWith,
  bearer,
  didOfJwk,
  multikey,
  newSigner,
  NOW,
  partsOf,
  requestOf,
  requestWith,
  signedRequest,
  signedToken,
} from "../testing/signers.ts";
import {
  instant,
  sessionFields,
  sessionOf,
  type SiweFields,
  siweMessage,
  walletSession,
} from "../testing/wallet_sessions.ts";
import { createDidResolver, parseDid } from "./did.ts";
import { didDocumentKeys } from "./did_document.ts";
import { importEd25519 } from "./ed25519.ts";
import { decodePoint, P256 } from "./weierstrass.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key Ed25519");
const elliptic = await newSigner("did:key P-256");
const account = await newSigner("did:pkh");
const resolve = createDidResolver({ didWebHosts: [], now: () => 0, fetch });

type Case = [what: string, refuse: () => unknown, told: string];

const keyOf = (text: string) => async () => await resolve(parseDid(text))();
const keyOfJwk = (change: Record<string, unknown>) => keyOf(didOfJwk({ ...signer.jwk, ...change }));
const tokenOf =
  (claims: Record<string, unknown>, header: Record<string, unknown> = {}) => async () =>
    await authenticate(bearer(await signedToken(signer, claims, header)));
const wholeToken = (header: string, claims: string) => async () => {
  const signed = [header, claims].map((text) => base64urlnopad.encode(utf8(text))).join(".");
  return await authenticate(
    bearer(`${signed}.${base64urlnopad.encode(await signer.sign(utf8(signed)))}`),
  );
};
const headersOf = (headers: Record<string, string>, someone = signer) => async () =>
  await authenticate(requestOf(partsOf(someone), headers["x-did-signature"] ?? "", headers));
const site = (answer: () => unknown, did = DID) => async () =>
  await gatewayFor(siteOf(answer))(await signedRequest(as(did)));
const sender = (headers: Record<string, string>) => async () =>
  await authenticate(requestWith(headers));
/** A request by RFC 9421 of which these fields are others. */
const httpSigned = (
  { covered = {}, headers = {}, input, signature, parameters, someone = signer, bytes, path, body }:
    {
      covered?: Record<string, string>;
      headers?: Record<string, string>;
      input?: string;
      signature?: string;
      parameters?: string;
      someone?: typeof signer;
      bytes?: Bytes;
      path?: string;
      body?: string;
    },
) =>
async () => {
  const parts = await httpSignatureParts(someone, { ...(path && { path }), headers });
  Object.assign(parts.covered, covered);
  if (parameters !== undefined) {
    parts.parameters = `;created=${NOW};keyid="${someone.did}"${parameters}`;
  }
  const request = httpSignedRequestOf(parts, bytes ?? new Uint8Array(64));
  if (input !== undefined) request.headers.set("signature-input", input);
  if (signature !== undefined) request.headers.set("signature", signature);
  return await authenticate({ ...request, ...(body !== undefined && { body: utf8(body) }) });
};
const created = `;created=${NOW};keyid="${signer.did}"`;
const session = (changes: SiweFields) => async () =>
  await authenticate(bearer(await walletSession(account, changes)));
const INSTEAD =
  "send a DID token (a JWT that the DID's key signs) or a wallet session as Authorization: Bearer " +
  "or in x-api-key, or sign the request (x-did, x-did-timestamp, x-did-signature)";
const HEADER = '{"alg":"EdDSA"}';
const CLAIMS = `{"iss":"${signer.did}"}`;
const der = Uint8Array.from(
  p256.Signature.fromBytes(await elliptic.sign(utf8("")), "compact").toBytes("der"),
);

const CASES: Case[] = [
  [
    "a text that is no DID",
    keyOf("did:key:a/b"),
    "a DID is did:<method>:<id>, at most 512 characters, without fragment, path or query",
  ],
  [
    "a method that is not known",
    keyOf("did:ion:a"),
    "did:ion is none of did:key, did:jwk, did:pkh, did:web",
  ],
  ["a did:jwk of no JSON", keyOf("did:jwk:_"), "did:jwk takes a JWK as JSON in unpadded base64url"],
  [
    "a did:pkh of another chain",
    keyOf("did:pkh:solana:a:b"),
    "of did:pkh, eip155 accounts are supported",
  ],
  [
    "a did:pkh of no account",
    keyOf("did:pkh:eip155:1:0x00"),
    "did:pkh takes eip155:<chain id>:0x<40 hex digits>",
  ],
  ["a did:web where none is enabled", keyOf(DID), "did:web is not enabled on this gateway"],
  ["a key that is no base58btc", keyOf("did:key:u00"), "the key is not z and base58btc"],
  [
    "a key of an unknown type",
    keyOf(`did:key:${multikey([0x12, 0x00], new Uint8Array(32))}`),
    "the multicodec prefix is none of Ed25519, P-256, secp256k1",
  ],
  [
    "a key that is too short",
    keyOf(`did:key:${multikey([0xed, 0x01], new Uint8Array(31))}`),
    "Ed25519 keys have 32 bytes, this one 31",
  ],
  [
    "a JWK of an unknown type",
    keyOfJwk({ crv: "P-384" }),
    "the JWK's kty and crv are none of Ed25519, P-256, secp256k1",
  ],
  ["a private JWK", keyOfJwk({ d: "" }), "the JWK holds a private key, which is public now"],
  ["a JWK for encryption", keyOfJwk({ use: "enc" }), "the JWK's use is not sig"],
  [
    "a JWK for signing alone",
    keyOfJwk({ key_ops: ["sign"] }),
    "the JWK's key_ops do not include verify",
  ],
  [
    "a JWK of another algorithm",
    keyOfJwk({ alg: "ES256" }),
    "the JWK's alg is not that of Ed25519",
  ],
  [
    "a JWK with a short coordinate",
    keyOfJwk({ x: "AAAA" }),
    "the JWK's x is not 32 bytes in unpadded base64url",
  ],
  [
    "an Ed25519 key of small order",
    () => importEd25519(new Uint8Array(32)),
    "the Ed25519 key is not canonically encoded, or has small order",
  ],
  [
    "an Ed25519 key off the curve",
    () => importEd25519(new Uint8Array(32).fill(2, 0, 1)),
    "the Ed25519 key is not a point of the curve",
  ],
  [
    "an elliptic key off the curve",
    () => decodePoint(P256, new Uint8Array(65)),
    "the elliptic-curve key is not a point of its curve",
  ],

  [
    "a document of another DID",
    () => didDocumentKeys(DID, { id: "did:web:example.org" }),
    "the DID document's id is not the DID",
  ],
  [
    "a document with many keys",
    () => didDocumentKeys(DID, documentOf(DID, ...Array(21).fill(signer))),
    "the DID document has over 20 authentication keys",
  ],
  [
    "a document without keys",
    () => didDocumentKeys(DID, { id: DID }),
    "the DID document's authentication names no key that the gateway supports",
  ],
  [
    "a document that is no JSON",
    site(() => new Response("{")),
    "the DID document is not a JSON object in UTF-8",
  ],
  [
    "a document that is not there",
    site(() => new Response(null, { status: 404 })),
    "the DID document's host answered 404 instead of 200",
  ],
  [
    "a document that is too long",
    site(() => new Response(" ".repeat(65_537))),
    "the DID document has over 65536 bytes",
  ],
  [
    "a host that does not answer",
    site(() => new Error("refused")),
    "the DID document's host could not be reached",
  ],
  [
    "a host that is not listed",
    site(() => null, "did:web:example.org"),
    "did:web is not enabled for this host on this gateway (ports are not supported)",
  ],
  [
    "a host that is an address",
    site(() => null, "did:web:10.0.0.1"),
    "did:web takes a domain name in lower case",
  ],
  [
    "a path that is none",
    site(() => null, `${DID}:%20`),
    "did:web path segments are made of A-Z a-z 0-9 . _ -",
  ],

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

  [
    "x-did twice",
    headersOf({ "x-did": `${signer.did}, ${signer.did}` }),
    "x-did must be sent once",
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

  [
    "a session for another domain",
    session({ domain: "a.example" }),
    "the wallet session's domain must be gateway.example; it is a.example",
  ],
  [
    "a session of another scheme",
    session({ scheme: "http" }),
    "the wallet session's scheme must be https, or absent",
  ],
  [
    "a session for another URI",
    session({ uri: `${AUDIENCE}/` }),
    "the wallet session's URI must be exactly https://gateway.example/functions/v1/openrouter-proxy; it is https://gateway.example/functions/v1/openrouter-proxy/",
  ],
  [
    "a session with other resources",
    session({ resources: [AUDIENCE, "https://a.example"] }),
    "the wallet session's Resources may be https://gateway.example/functions/v1/openrouter-proxy alone",
  ],
  [
    "a session of an address in lower case",
    session({ address: `0x${"ab".repeat(20)}` }),
    "the wallet session's address is not in EIP-55 spelling",
  ],
  [
    "a session without an end",
    session({ expirationTime: undefined }),
    "the wallet session needs Issued At and Expiration Time, as RFC 3339 has them",
  ],
  [
    "a session whose beginning is no time",
    session({ notBefore: "soon" }),
    "the wallet session's Not Before is not as RFC 3339 has it",
  ],
  [
    "a session from the future",
    session({ issuedAt: instant(NOW + 61) }),
    "Issued At is in the future",
  ],
  [
    "a session of a later time",
    session({ notBefore: instant(NOW + 61) }),
    "Not Before is in the future",
  ],
  [
    "a session that lives too long",
    session({ expirationTime: instant(NOW + 86_401) }),
    "Expiration Time must be after Issued At by at most 86400 s",
  ],
  [
    "a session that is no message",
    sender({ authorization: "Bearer siwe.AAAA.AAAA" }),
    "the wallet session's message is not as EIP-4361 has it",
  ],
  [
    "a session of one part",
    sender({ authorization: "Bearer siwe.AAAA" }),
    "a wallet session is siwe.<message>.<signature>, both in base64url without padding",
  ],
  [
    "a session that is too long",
    sender({ authorization: `Bearer siwe.${"A".repeat(4096)}` }),
    "a wallet session has at most 4096 characters",
  ],
  [
    "a session signed in hex",
    sender({ authorization: `Bearer siwe.AAAA.0x${"0".repeat(130)}` }),
    "the wallet session's signature is in hex: write its 65 bytes in base64url without padding",
  ],
  [
    "a session of a smart account",
    async () => {
      const message = siweMessage(sessionFields(account));
      await authenticate(bearer(sessionOf(message, new Uint8Array(66))));
    },
    "the wallet session's signature has 66 bytes, not 65. Smart accounts (ERC-1271, ERC-6492) are not supported: sign with an account that has a private key",
  ],
  [
    "a session of another's account",
    async () => {
      const message = siweMessage(sessionFields(account));
      await authenticate(bearer(sessionOf(message, new Uint8Array(65))));
    },
    "the wallet session's signature is not that of its address by personal_sign (EIP-191). Smart accounts (ERC-1271), for which another key signs, are not supported",
  ],

  ["nothing", sender({}), INSTEAD],
  [
    "DPoP",
    sender({ authorization: "DPoP x" }),
    `DPoP (RFC 9449) binds an access token of OAuth's, of which there is none here. Instead, ${INSTEAD}`,
  ],
  [
    "DIDAuthV1",
    sender({ authorization: "DIDAuthV1 x" }),
    `DIDAuthV1 is not supported. Instead, ${INSTEAD}`,
  ],
  [
    "DID as a scheme",
    sender({ authorization: "DID x" }),
    `DID as a scheme is not supported. Instead, ${INSTEAD}`,
  ],
  [
    "Basic",
    sender({ authorization: "Basic x" }),
    `Basic carries a password, of which there is none here. Instead, ${INSTEAD}`,
  ],
  [
    "Digest",
    sender({ authorization: "Digest x" }),
    `Digest carries a password, of which there is none here. Instead, ${INSTEAD}`,
  ],
  [
    "the scheme Signature",
    sender({ authorization: "Signature x" }),
    `Signature is a draft that RFC 9421 has replaced. Instead, ${INSTEAD}`,
  ],
  [
    "an unknown scheme",
    sender({ authorization: "Negotiate x" }),
    `Authorization holds no scheme that the gateway knows. Instead, ${INSTEAD}`,
  ],
  [
    "a token without its scheme",
    sender({ authorization: "eyJx" }),
    `Authorization holds a token without its scheme: send Authorization: Bearer <token>. Instead, ${INSTEAD}`,
  ],
  [
    "the beginning of a token alone",
    sender({ authorization: "eyJ" }),
    `Authorization holds no scheme that the gateway knows. Instead, ${INSTEAD}`,
  ],
  [
    "a text that begins as a token",
    sender({ authorization: "eyJx y" }),
    `Authorization holds no scheme that the gateway knows. Instead, ${INSTEAD}`,
  ],
  [
    "Bearer alone",
    sender({ authorization: "Bearer" }),
    `Authorization: Bearer holds no token. Instead, ${INSTEAD}`,
  ],
  [
    "Signature without its input",
    sender({ signature: "x" }),
    `Signature comes without a Signature-Input (RFC 9421) whose keyid is a DID. Instead, ${INSTEAD}`,
  ],
  [
    "apikey alone",
    sender({ apikey: "x" }),
    `apikey is for Supabase, and says nothing about a DID. Instead, ${INSTEAD}`,
  ],
  [
    "an OpenRouter key",
    sender({ "x-api-key": "sk-or-x" }),
    `x-api-key holds an OpenRouter key, which the gateway has for each DID and no caller sends: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a key of Anthropic's",
    sender({ "x-api-key": "sk-ant-x" }),
    `x-api-key holds a key of Anthropic's: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a key of OpenAI's",
    sender({ "x-api-key": "sk-x" }),
    `x-api-key holds a key of OpenAI's kind: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a publishable key",
    sender({ "x-api-key": "sb_publishable_x" }),
    `x-api-key holds a publishable key of Supabase's, which belongs into the header apikey: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a secret key",
    sender({ "x-api-key": "sb_secret_x" }),
    `x-api-key holds a secret key of Supabase's, which is the operator's alone: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a JWT of anon",
    async () =>
      await sender({ "x-api-key": await signedToken(signer, { iss: "x", role: "anon" }) })(),
    `x-api-key holds a JWT of Supabase's (anon): no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a JWT of a user",
    async () =>
      await sender({
        "x-api-key": await signedToken(signer, { iss: "x", role: "authenticated" }),
      })(),
    `x-api-key holds a JWT of Supabase's (authenticated): no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a JWT of service_role",
    async () =>
      await sender({
        "x-api-key": await signedToken(signer, { iss: "x", role: "service_role" }),
      })(),
    `x-api-key holds a JWT of Supabase's (service_role): no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "a JWT of nobody's",
    async () => await sender({ "x-api-key": await signedToken(signer, { iss: "x" }) })(),
    `x-api-key holds a JWT whose iss is no DID: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "4096 characters",
    sender({ "x-api-key": "x".repeat(4096) }),
    `x-api-key holds no JWT: no DID token. Instead, ${INSTEAD}`,
  ],
  [
    "over 4096 characters",
    sender({ "x-api-key": "x".repeat(4097) }),
    `x-api-key holds over 4096 characters: no DID token. Instead, ${INSTEAD}`,
  ],

  [
    "an account's HTTP signature",
    httpSigned({ someone: account }),
    "the signature is not usable: did:pkh makes no HTTP message signatures; use x-did headers",
  ],
  [
    "an HTTP signature that has expired",
    httpSigned({ parameters: `;expires=${NOW}` }),
    "the signature's expires was at 1795370400",
  ],
  [
    "one of the past",
    httpSigned({ input: `sig1=("@method");created=${NOW - 301};keyid="${signer.did}"` }),
    "created is 301 s old; at most 300 s are accepted",
  ],
  [
    "one of no key of the DID",
    httpSigned({
      input:
        `sig1=("@method" "@target-uri" "content-digest");created=${NOW};keyid="${signer.did}#x"`,
    }),
    "the signature is not usable: its keyid names no key of the DID",
  ],
  [
    "one of a fragment with two signs",
    httpSigned({
      input:
        `sig1=("@method" "@target-uri" "content-digest");created=${NOW};keyid="${signer.did}#x#${signer.multikey}"`,
    }),
    "the signature is not usable: its keyid names no key of the DID",
  ],
  [
    "one of another alg",
    httpSigned({ parameters: ';alg="x"' }),
    "the signature is not usable: alg must be that of the DID's key, or left out: ed25519",
  ],
  [
    "one of another alg than two keys have",
    async () => {
      const gateway = gatewayFor(siteOf(() => documentOf(DID, keySigner, elliptic)));
      const parts = await httpSignatureParts(as(DID));
      parts.parameters += ';alg="x"';
      await gateway(httpSignedRequestOf(parts, new Uint8Array(64)));
    },
    "the signature is not usable: alg must be that of the DID's key, or left out: ed25519 or ecdsa-p256-sha256",
  ],
  [
    "one that does not cover the method",
    httpSigned({ input: `sig1=("@target-uri")${created}` }),
    "the signature is not usable: it must cover @method, and does not",
  ],
  [
    "one that does not cover the body",
    httpSigned({ input: `sig1=("@method" "@target-uri")${created}` }),
    "the signature is not usable: it must cover content-digest, and does not",
  ],
  [
    "one that does not cover a body of one byte",
    httpSigned({ input: `sig1=("@method" "@target-uri")${created}`, body: "x" }),
    "the signature is not usable: it must cover content-digest, and does not",
  ],
  [
    "one that does not cover a body that is announced",
    httpSigned({
      input: `sig1=("@method" "@target-uri")${created}`,
      body: "",
      headers: { "content-length": "1" },
    }),
    "the signature is not usable: it must cover content-digest, and does not",
  ],
  [
    "one of something else",
    httpSigned({}),
    "the signature is not this DID's signature of signature_base (where values that may be secret are left out); its @target-uri begins with the audience, which is https://gateway.example/functions/v1/openrouter-proxy, whatever URL the gateway is called at",
  ],
  [
    "a digest that is none",
    httpSigned({ headers: { "content-digest": "sha-256=1" } }),
    "content-digest's sha-256 takes :base64:",
  ],
  [
    "a digest of no use",
    httpSigned({
      headers: { "content-digest": "md5=:AAAA:" },
      covered: { '"content-digest"': "md5=:AAAA:" },
    }),
    "content-digest must state the body's digest by sha-256 or sha-512",
  ],
  [
    "a digest of another body",
    httpSigned({ headers: { "content-digest": "sha-256=:AAAA:" } }),
    "content-digest's sha-256 is not that of the body's 13 bytes",
  ],
  ["the beginning of the digest", async () => {
    const { headers } = await httpSignatureParts(signer);
    const bytes = base64.decode(/:(.*):/.exec(headers["content-digest"]!)![1]!);
    const longer = base64.encode(Uint8Array.of(...bytes, 0));
    await httpSigned({ headers: { "content-digest": `sha-256=:${longer}:` } })();
  }, "content-digest's sha-256 is not that of the body's 13 bytes"],
  [
    "33 components",
    httpSigned({ input: `sig1=(${'"@method" '.repeat(32)}"@method")${created}` }),
    "the signature is not usable: it covers over 32 components",
  ],
  [
    "a component that is no string",
    httpSigned({ input: `sig1=(method)${created}` }),
    "signature-input covers components as strings",
  ],
  [
    "a component twice",
    httpSigned({ input: `sig1=("@method" "@method")${created}` }),
    'the signature is not usable: it covers "@method" twice',
  ],
  [
    "a component that is not ASCII",
    httpSigned({ covered: { '"x-a"': "" }, headers: { "x-a": "\u00e9" } }),
    'the signature is not usable: "x-a" is not ASCII; cover it with the parameter bs',
  ],
  [
    "a component that is not known",
    httpSigned({ covered: { '"@status"': "" } }),
    'the signature is not usable: "@status" is no component of requests that the gateway knows',
  ],
  [
    "a component in upper case",
    httpSigned({ covered: { '"X-A"': "" } }),
    'the signature is not usable: "X-A" is no field name in lower case',
  ],
  [
    "a field that was not sent",
    httpSigned({ covered: { '"x-a"': "" } }),
    'the signature is not usable: it covers "x-a", which was not sent',
  ],
  [
    "a member that is not there",
    httpSigned({ covered: { '"x-a";key="b"': "" }, headers: { "x-a": "a=1" } }),
    'the signature is not usable: it covers "x-a";key="b", which is no member of that field',
  ],
  [
    "a field whose strict form is not known",
    httpSigned({ covered: { '"x-a";sf': "" }, headers: { "x-a": "a=1" } }),
    "the signature is not usable: sf is not known for x-a; cover it as it is",
  ],
  ...["x-priority", "priority-x", "content-digest-x", "x-signature"].map((name): Case => [
    `${name}, which is nearly one whose strict form is known`,
    httpSigned({ covered: { [`"${name}";sf`]: "" }, headers: { [name]: "a=1" } }),
    `the signature is not usable: sf is not known for ${name}; cover it as it is`,
  ]),
  [
    "a component of a response",
    httpSigned({ covered: { '"@method";req': "" } }),
    'the signature is not usable: "@method";req is of responses or trailers, not of a request\'s head',
  ],
  [
    "a parameter that is not known",
    httpSigned({ covered: { '"@method";x': "" } }),
    'the signature is not usable: "@method";x has a parameter that the gateway does not know there: x',
  ],
  [
    "a query parameter that was sent twice",
    httpSigned({ covered: { '"@query-param";name="a"': "" }, path: "/?a=1&a=1" }),
    "the signature is not usable: it covers a query parameter that was sent 2 times instead of once",
  ],
  [
    "a field that is too long",
    httpSigned({ input: `sig1=("@method")${created};tag="${"x".repeat(4096)}"` }),
    "signature-input takes at most 4096 characters",
  ],
  [
    "a list that is none",
    httpSigned({ input: `sig1=1;keyid="did:x"` }),
    "signature-input's sig1 is no list of components",
  ],
  [
    "a field that is no dictionary",
    httpSigned({ input: `sig1=(;keyid="did:x"` }),
    "signature-input is no dictionary of RFC 9651",
  ],
  [
    "two signatures",
    httpSigned({ input: `a=()${created}, b=()${created}` }),
    "2 signatures have a DID as their keyid; send one",
  ],
  [
    "no signature of that name",
    httpSigned({ signature: "sig2=:AAAA:" }),
    "signature has no sig1 beside signature-input",
  ],
  ["no field Signature", async () => {
    const request = httpSignedRequestOf(await httpSignatureParts(signer), new Uint8Array(64));
    request.headers.delete("signature");
    await authenticate(request);
  }, "signature has no sig1 beside signature-input"],
  [
    "a signature that is no bytes",
    httpSigned({ signature: "sig1=1" }),
    "signature's sig1 takes :base64:",
  ],
  [
    "a signature that is not canonical",
    httpSigned({ signature: `sig1=:${"A".repeat(85)}B==:` }),
    "signature's sig1 is not canonical base64",
  ],
  [
    "an HTTP signature in DER",
    httpSigned({ bytes: der }),
    "the signature is not usable: it is DER; ECDSA signatures are r and s, 32 bytes each (IEEE P1363)",
  ],
  [
    "a short one that begins as DER",
    httpSigned({ bytes: Uint8Array.of(0x30) }),
    "the signature is not usable: it has 1 bytes instead of 64",
  ],
  [
    "a long one that is no DER",
    httpSigned({ bytes: new Uint8Array(65) }),
    "the signature is not usable: it has 65 bytes instead of 64",
  ],
  [
    "a nonce that is no string",
    httpSigned({ parameters: ";nonce=1" }),
    "the signature parameter nonce is no string",
  ],
  [
    "an expires that is no integer",
    httpSigned({ parameters: ";expires=1.5" }),
    "the signature parameter expires is no integer",
  ],
  [
    "no created",
    httpSigned({ input: `sig1=("@method");keyid="${signer.did}"` }),
    "the signature is not usable: the parameter created is missing",
  ],
];

Deno.test("a signature base is told without the values that may be secret", async () => {
  const told = ["content-type", "content-length", "host", "date", "accept"];
  const secret = ["x-host", "host-x", "accept-x", "x-accept", "content-types", "dates", "a@b"];
  const headers = Object.fromEntries([...told, ...secret].map((name) => [name, "value"]));
  delete headers["a@b"];
  const names = [...told, ...secret].filter((name) => name in headers);
  const covered = Object.fromEntries(names.map((name) => [`"${name}"`, ""]));
  const refusal = await httpSigned({ headers: { ...headers, "content-length": "13" }, covered })()
    .then(() => assert.fail("it was accepted"), (error: GatewayError) => error);
  const base = String(refusal.details.signature_base);
  for (const name of names) {
    const isTold = told.includes(name);
    assert.equal(base.includes(`\n"${name}": …\n`), !isTold, `${name} in ${base}`);
  }
  assert.ok(base.startsWith('"@method": POST\n"@target-uri": https://gateway.example/'), base);
});

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

Deno.test("a field of 4096 characters is read", async () => {
  const input = (length: number) => `sig1=("@method")${created};tag="${"x".repeat(length)}"`;
  const rest = 4096 - input(0).length;
  for (const [more, told] of [[0, /must cover @target-uri/], [1, /at most 4096/]] as const) {
    await assert.rejects(httpSigned({ input: input(rest + more) }), { message: told });
  }
});

for (const [what, refuse, told] of CASES) {
  Deno.test(`the refusal of ${what} is told whole`, async () => {
    let message: unknown;
    try {
      await refuse();
    } catch (error) {
      message = (error as GatewayError).message;
    }
    assert.equal(message, told);
  });
}
