/** What the refusals of HTTP message signatures tell. */
import { base64 } from "@scure/base";
import assert from "node:assert/strict";
import { type Bytes, utf8 } from "../../bytes/encodings.ts";
import type { GatewayError } from "../../errors.ts";
import { derOf } from "../../testing/der.ts";
import { as, DID, documentOf, gatewayFor, keySigner, siteOf } from "../../testing/did_web_sites.ts";
import { httpSignatureParts, httpSignedRequestOf } from "../../testing/http_signatures.ts";
import { type Refusal, testRefusals } from "../../testing/refusals.ts";
import { authenticatorWith, newSigner, NOW } from "../../testing/signers.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key Ed25519");
const elliptic = await newSigner("did:key P-256");
const account = await newSigner("did:pkh");
const der = derOf(await elliptic.sign(utf8("")));
const created = `;created=${NOW};keyid="${signer.did}"`;

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

testRefusals([
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
  ...["x-priority", "priority-x", "content-digest-x", "x-signature"].map((name): Refusal => [
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
]);

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

Deno.test("a field of 4096 characters is read", async () => {
  const input = (length: number) => `sig1=("@method")${created};tag="${"x".repeat(length)}"`;
  const rest = 4096 - input(0).length;
  for (const [more, told] of [[0, /must cover @target-uri/], [1, /at most 4096/]] as const) {
    await assert.rejects(httpSigned({ input: input(rest + more) }), { message: told });
  }
});
