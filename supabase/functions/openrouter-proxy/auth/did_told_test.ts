/** What the refusals of DIDs, of their keys and documents tell. */
import { as, DID, documentOf, gatewayFor, siteOf } from "../testing/did_web_sites.ts";
import { testRefusals } from "../testing/refusals.ts";
import { didOfJwk, multikey, newSigner, NOW, signedRequest } from "../testing/signers.ts";
import { createDidResolver, parseDid } from "./did.ts";
import { didDocumentKeys } from "./did_document.ts";
import { importEd25519 } from "./ed25519.ts";
import { decodePoint, P256 } from "./weierstrass.ts";

const signer = await newSigner("did:key Ed25519");
const resolve = createDidResolver({ didWebHosts: [], now: () => 0, fetch });

const keyOf = (text: string) => async () => await resolve(parseDid(text))();
const keyOfJwk = (change: Record<string, unknown>) => keyOf(didOfJwk({ ...signer.jwk, ...change }));
const site = (answer: () => unknown, did = DID) => async () =>
  await gatewayFor(siteOf(answer))(await signedRequest(as(did)));

testRefusals([
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
    () => didDocumentKeys(DID, { id: "did:web:example.org" }, NOW),
    "the DID document's id is not the DID",
  ],
  [
    "a document with many keys",
    () => didDocumentKeys(DID, documentOf(DID, ...Array(21).fill(signer)), NOW),
    "the DID document has over 20 authentication keys",
  ],
  [
    "a document without keys",
    () => didDocumentKeys(DID, { id: DID }, NOW),
    "the DID document's authentication names no key that is in force and that the gateway supports",
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
]);
