import { base64, hex } from "@scure/base";
import assert from "node:assert/strict";
import type { ErrorType } from "../../errors.ts";
import { concat, sha256Hex, utf8 } from "../../bytes/encodings.ts";
import {
  baseOf,
  contentDigest,
  httpSignatureParts,
  httpSignedRequest,
  httpSignedRequestOf,
} from "../../testing/http_signatures.ts";
import {
  assertRefused,
  AUDIENCE,
  authenticatorWith,
  newSigner,
  NOW,
  signedRequest,
  signedToken,
  type Signer,
  SIGNER_KINDS,
} from "../../testing/signers.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key Ed25519");

/** What names the key that each kind of DID has. */
function keyUrl({ did, multikey }: Signer): string {
  return `${did}#${did.startsWith("did:key:") ? multikey : "0"}`;
}

for (const kind of SIGNER_KINDS.filter((kind) => kind !== "did:pkh")) {
  Deno.test(`a signature by ${kind} is accepted as its DID, by DID and by DID URL`, async () => {
    const someone = await newSigner(kind);
    for (const keyid of [someone.did, keyUrl(someone)]) {
      const parts = await httpSignatureParts(someone, {
        parameters: `;created=${NOW};keyid="${keyid}";nonce="n/1";tag="app"`,
      });
      const request = httpSignedRequestOf(parts, await someone.sign(baseOf(parts)));
      assert.deepEqual(await authenticate(request), {
        did: someone.did,
        replay: {
          hash: await sha256Hex(baseOf(parts)),
          expiresAt: new Date((NOW + 360) * 1000),
        },
        tokenIssuedAt: null,
      });
    }
  });
}

Deno.test("did:pkh makes no HTTP message signatures, and the refusal says so", async () => {
  const account = await newSigner("did:pkh");
  const request = await httpSignedRequest(account);
  await assertRefused(authenticate(request), "invalid_signature", /did:pkh.*x-did/);
});

Deno.test("alg is that of the key, or left out", async () => {
  const algs = {
    "did:key Ed25519": "ed25519",
    "did:jwk P-256": "ecdsa-p256-sha256",
    "did:key secp256k1": "ecdsa-secp256k1-sha256",
  } as const;
  for (const [kind, alg] of Object.entries(algs) as [keyof typeof algs, string][]) {
    const someone = await newSigner(kind);
    const parameters = `;created=${NOW};keyid="${someone.did}"`;
    await authenticate(
      await httpSignedRequest(someone, { parameters: `${parameters};alg="${alg}"` }),
    );
    for (const other of ["", "hmac-sha256", "EdDSA", "rsa-pss-sha512"]) {
      const request = await httpSignedRequest(someone, {
        parameters: `${parameters};alg="${other}"`,
      });
      await assertRefused(authenticate(request), "invalid_signature", new RegExp(alg));
    }
  }
});

Deno.test("created is accepted from 300 s in the past to 60 s in the future", async () => {
  const at = (created: number) =>
    httpSignedRequest(signer, { parameters: `;created=${created};keyid="${signer.did}"` });
  for (const created of [NOW - 300, NOW + 60]) {
    const { replay } = await authenticate(await at(created));
    // As long as it may be accepted, and a minute beyond.
    assert.equal(replay?.expiresAt.getTime(), (created + 360) * 1000);
  }
  for (const created of [NOW - 301, NOW + 61]) {
    const refusal = await assertRefused(authenticate(await at(created)), "expired_timestamp");
    assert.equal(refusal.details.server_time, NOW);
  }
});

Deno.test("expires is respected", async () => {
  const until = (expires: number) =>
    httpSignedRequest(signer, {
      parameters: `;created=${NOW - 10};expires=${expires};keyid="${signer.did}"`,
    });
  await authenticate(await until(NOW + 1));
  for (const expires of [NOW, NOW - 10]) {
    await assertRefused(authenticate(await until(expires)), "expired_timestamp", /expires/);
  }
});

Deno.test("a request without a body needs no content-digest; one with a covered digest must match", async () => {
  await authenticate(await httpSignedRequest(signer, { method: "GET", body: "" }));
  for (const [digest, accepted] of [[await contentDigest(""), true], [await contentDigest("x")]]) {
    const { covered } = await httpSignatureParts(signer, { body: "" });
    const request = await httpSignedRequest(signer, {
      body: "",
      headers: { "content-digest": String(digest) },
      covered: { ...covered, '"content-digest"': String(digest) },
    });
    if (accepted) await authenticate(request);
    else await assertRefused(authenticate(request), "invalid_signature", /0 bytes/);
  }
});

const BODY = '{"model":"m"}';
const SHA256 = await contentDigest(BODY);
const SHA512 = `sha-512=:${
  base64.encode(new Uint8Array(await crypto.subtle.digest("SHA-512", utf8(BODY))))
}:`;
const OTHER = await contentDigest("another body");

for (
  const [digest, refusal] of [
    [SHA256],
    [SHA512],
    [`${SHA256}, ${SHA512}`],
    [`${SHA256}, md5=:AAAA:, unheard=1`],
    [OTHER, "invalid_signature"],
    [`${OTHER}, ${SHA512}`, "invalid_signature"],
    [SHA256.replace("sha-256", "sha-512"), "invalid_signature"],
    ["md5=:AAAA:", "invalid_signature"],
    ["sha-256=:AAAA:", "invalid_signature"],
    ["sha-256=1", "invalid_request"],
    ["sha-256=(:AAAA:)", "invalid_request"],
    ["sha-256=:AA", "invalid_request"],
    [SHA256.replace("sha-256", "SHA-256"), "invalid_request"],
  ] as [string, ErrorType?][]
) {
  Deno.test(`a body under content-digest ${digest.slice(0, 20)}… is ${refusal ?? "accepted"}`, async () => {
    const { covered } = await httpSignatureParts(signer, { body: BODY });
    const result = httpSignedRequest(signer, {
      body: BODY,
      headers: { "content-digest": digest },
      covered: { ...covered, '"content-digest"': digest },
    }).then(authenticate);
    if (refusal) await assertRefused(result, refusal, /content-digest/);
    else await result;
  });
}

Deno.test("a digest that is another body's is named, with how long the body is that came", async () => {
  const { covered } = await httpSignatureParts(signer, { body: BODY });
  const digest = `${SHA256}, ${SHA512.replace(/:.*/, `:${base64.encode(new Uint8Array(64))}:`)}`;
  const result = httpSignedRequest(signer, {
    body: BODY,
    headers: { "content-digest": digest },
    covered: { ...covered, '"content-digest"': digest },
  }).then(authenticate);
  const message = /^content-digest's sha-512 is not that of the body's 13 bytes$/;
  await assertRefused(result, "invalid_signature", message);
});

Deno.test("one digest of several may be covered, if it binds the body", async () => {
  const withKey = async (key: string, value: string) => {
    const { covered: { '"content-digest"': _, ...covered } } = await httpSignatureParts(signer);
    return await httpSignedRequest(signer, {
      headers: { "content-digest": `${SHA256}, md5=:AAAA:` },
      covered: { ...covered, [`"content-digest";key="${key}"`]: value },
    });
  };
  await authenticate(await withKey("sha-256", SHA256.slice("sha-256=".length)));
  await assertRefused(
    authenticate(await withKey("md5", ":AAAA:")),
    "invalid_signature",
    /must cover content-digest/,
  );
});

Deno.test("a body of any length needs a content-digest that is covered", async () => {
  const { covered: { '"content-digest"': _, ...covered } } = await httpSignatureParts(signer);
  for (const length of ["0", "1", "2"]) {
    const request = await httpSignedRequest(signer, {
      body: "",
      headers: { "content-length": length },
      covered,
    });
    const result = authenticate(request);
    if (length === "0") await result;
    else await assertRefused(result, "invalid_signature", /must cover content-digest/);
  }
});

Deno.test("what must be covered and is not is named", async () => {
  const { covered } = await httpSignatureParts(signer);
  for (const identifier of Object.keys(covered)) {
    const { [identifier]: _, ...rest } = covered;
    const request = await httpSignedRequest(signer, { covered: rest });
    const name = JSON.parse(identifier);
    await assertRefused(authenticate(request), "invalid_signature", new RegExp(`cover ${name}`));
    request.headers.set("content-length", "13");
    await assertRefused(authenticate(request), "invalid_signature", new RegExp(`cover ${name}`));
  }
});

Deno.test("other components may be covered, and are verified", async () => {
  const { covered } = await httpSignatureParts(signer);
  const more = {
    '"@authority"': "gateway.example",
    '"@path"': "/functions/v1/openrouter-proxy/api/v1/openrouter/chat/completions",
    '"@query-param";name="x"': "1",
    '"content-type"': "application/json",
    '"authorization"': "Bearer sk-placeholder",
  };
  const headers = {
    "content-type": "application/json",
    authorization: "Bearer sk-placeholder",
    cookie: "a=b",
  };
  const request = await httpSignedRequest(signer, { covered: { ...covered, ...more }, headers });
  assert.equal((await authenticate(request)).did, signer.did);
  request.headers.set("content-type", "text/plain");
  const refusal = await assertRefused(authenticate(request), "invalid_signature");
  const base = String(refusal.details.signature_base);
  assert.match(base, /^"@method": POST$/m);
  assert.match(base, /^"content-type": text\/plain$/m);
  assert.match(base, /^"authorization": …$/m, "a secret is not repeated");
  assert.equal(
    refusal.message,
    "the signature is not this DID's signature of signature_base (where values that may be secret " +
      `are left out); its @target-uri begins with the audience, which is ${AUDIENCE}, whatever URL ` +
      "the gateway is called at",
  );
});

Deno.test("a signature of another request, audience or signer is refused", async () => {
  const other = await newSigner("did:key Ed25519");
  const parts = await httpSignatureParts(signer);
  const signature = await signer.sign(baseOf(parts));
  const elsewhere = (uri: string) => ({ ...parts.covered, '"@target-uri"': uri });
  const requests = [
    httpSignedRequestOf({ ...parts, method: "PUT" }, signature),
    httpSignedRequestOf({ ...parts, path: "/api/v1/openrouter/completions" }, signature),
    httpSignedRequestOf({ ...parts, body: '{"model":"n"}' }, signature),
    httpSignedRequestOf(parts, await other.sign(baseOf(parts))),
    await httpSignedRequest(signer, {
      covered: elsewhere(`https://elsewhere.example${parts.path}`),
    }),
    await httpSignedRequest(signer, { covered: elsewhere(AUDIENCE) }),
  ];
  for (const request of requests) await assertRefused(authenticate(request), "invalid_signature");
});

/** Sends what another request's headers would be with these changed. */
async function refusedWith(
  changes: Record<string, string | null | ((value: string) => string)>,
  type: ErrorType,
  message?: RegExp,
): Promise<void> {
  const request = await httpSignedRequest(signer);
  for (const [name, change] of Object.entries(changes)) {
    if (change === null) request.headers.delete(name);
    else if (typeof change === "string") request.headers.set(name, change);
    else request.headers.set(name, change(request.headers.get(name)!));
  }
  await assertRefused(authenticate(request), type, message);
}

Deno.test("fields that are malformed, missing or too long are refused as such", async () => {
  const input = "signature-input";
  await refusedWith({ [input]: 'sig1=(;keyid="did:key:z"' }, "invalid_request", /signature-input/);
  await refusedWith({ [input]: 'sig1;keyid="did:key:z"' }, "invalid_request", /sig1/);
  await refusedWith({ [input]: (value) => `${value}, x=1` }, "invalid_request", /x is no list/);
  await refusedWith(
    { [input]: (value) => value + " ".repeat(9) + "a".repeat(4096) },
    "invalid_request",
    /4096/,
  );
  await refusedWith({ signature: null }, "missing_credentials", /sig1/);
  await refusedWith({ signature: "sig2=:AAAA:" }, "missing_credentials", /sig1/);
  await refusedWith({ signature: "sig1=:AA" }, "invalid_request", /signature/);
  await refusedWith({ signature: 'sig1="AAAA"' }, "invalid_request", /base64/);
  await refusedWith({ signature: "sig1=:AAAA:" }, "invalid_signature", /3 bytes/);
  await refusedWith(
    { signature: (value) => value.replace("==:", ":") },
    "invalid_request",
    /canonical/,
  );
});

Deno.test("a keyid that is a DID in another place than a signature's is bad syntax", async () => {
  const { did } = signer;
  for (const input of [`sig1=("x";keyid="${did}")`, `sig1=();keyid="${did}";keyid="relay"`]) {
    await refusedWith({ "signature-input": input }, "invalid_request", /0 signatures/);
  }
});

Deno.test("a signature is known by its keyid, with spaces before it or without", async () => {
  for (const space of ["", " ", "   "]) {
    const input = `sig1=("@method");${space}keyid="${signer.did}"`;
    await refusedWith({ "signature-input": input }, "invalid_signature", /created/);
  }
});

Deno.test("a DER signature is named", async () => {
  const der = base64.encode(concat([0x30, 68], new Uint8Array(68)));
  await refusedWith({ signature: `sig1=:${der}:` }, "invalid_signature", /DER/);
});

for (
  const [parameters, type, message] of [
    [';keyid="$"', "invalid_signature", /created/],
    [';created=1.5;keyid="$"', "invalid_request", /created/],
    [';created="1";keyid="$"', "invalid_request", /created/],
    [';created=-1;keyid="$"', "invalid_request", /created/],
    [';created;keyid="$"', "invalid_request", /created/],
    [';created=0;keyid="$"', "expired_timestamp"],
    [`;created=${NOW};expires=0;keyid="$"`, "expired_timestamp"],
    [`;created=${NOW};expires=now;keyid="$"`, "invalid_request", /expires/],
    [`;created=${NOW};nonce=1;keyid="$"`, "invalid_request", /nonce/],
    [`;created=${NOW};tag=a;keyid="$"`, "invalid_request", /tag/],
    [`;created=${NOW};alg=ed25519;keyid="$"`, "invalid_request", /alg/],
    [`;created=${NOW};keyid="$#other"`, "invalid_signature", /keyid names no key/],
    [`;created=${NOW};keyid="$#"`, "invalid_signature", /keyid names no key/],
    [`;created=${NOW};keyid="did:example:1"`, "unsupported_did_method"],
    [`;created=${NOW};keyid="did:key:z6Mk"`, "invalid_did"],
    [`;created=${NOW};keyid="$?x=1"`, "invalid_did"],
    [`;created=${NOW};keyid="test-key"`, "missing_credentials"],
    [`;created=${NOW};keyid=token`, "missing_credentials"],
    [`;created=${NOW}`, "missing_credentials"],
  ] as [string, ErrorType, RegExp?][]
) {
  Deno.test(`the parameters ${parameters} are refused`, async () => {
    const request = await httpSignedRequest(signer, {
      parameters: parameters.replace("$", signer.did),
    });
    await assertRefused(authenticate(request), type, message);
  });
}

Deno.test("signatures under other key ids are passed over; two of DIDs are refused", async () => {
  const request = await httpSignedRequest(signer);
  const [input, signature] = [
    request.headers.get("signature-input"),
    request.headers.get("signature"),
  ];
  request.headers.set("signature-input", `relay=("@status");keyid="relay-1", ${input}`);
  request.headers.set("signature", `relay=:AAAA:, ${signature}`);
  assert.equal((await authenticate(request)).did, signer.did);
  request.headers.set("signature-input", `${input}, sig2=();keyid="did:key:z6Mk"`);
  await assertRefused(authenticate(request), "invalid_request", /2 signatures/);
});

Deno.test("x-did headers come before an HTTP signature, which comes before a token", async () => {
  const [first, second] = [await newSigner("did:key Ed25519"), await newSigner("did:key P-256")];
  const both = await signedRequest(first);
  for (const [name, value] of (await httpSignedRequest(second)).headers) {
    both.headers.set(name, value);
  }
  assert.equal((await authenticate(both)).did, first.did);

  const withToken = async (token: string) => {
    const request = await httpSignedRequest(first);
    request.headers.set("authorization", `Bearer ${token}`);
    return await authenticate(request);
  };
  assert.notEqual((await withToken("sb_publishable_key")).replay, null);
  assert.notEqual((await withToken(await signedToken(first))).replay, null);
  await assertRefused(withToken(await signedToken(second)), "invalid_token", /keyid/);

  const relayed = await httpSignedRequest(second, { parameters: ';keyid="relay-1"' });
  relayed.headers.set("authorization", `Bearer ${await signedToken(first)}`);
  assert.equal((await authenticate(relayed)).did, first.did, "a relay's signature is nobody's");
});

Deno.test("keyid picks the key of a document, and without a fragment each is tried", async () => {
  const did = "did:web:example.com";
  const [first, second] = [await newSigner("did:key secp256k1"), await newSigner("did:key P-256")];
  const document = {
    id: did,
    authentication: [first, second].map(({ multikey }, i) => ({
      id: `#key-${i}`,
      type: "Multikey",
      controller: did,
      publicKeyMultibase: multikey,
    })),
  };
  const withWeb = authenticatorWith({
    didWebHosts: ["example.com"],
    fetch: () => Promise.resolve(Response.json(document)),
  });
  for (const [i, someone] of [first, second].entries()) {
    const send = async (keyid: string) =>
      await withWeb(
        await httpSignedRequest({ ...someone, did }, {
          parameters: `;created=${NOW};keyid="${keyid}"`,
        }),
      );
    assert.equal((await send(did)).did, did);
    assert.equal((await send(`${did}#key-${i}`)).did, did);
    await assertRefused(send(`${did}#key-${1 - i}`), "invalid_signature");
  }
});

Deno.test("the replay key does not depend on how the fields are spelled", async () => {
  const request = await httpSignedRequest(signer);
  const { replay } = await authenticate(request);
  const input = request.headers.get("signature-input")!;
  request.headers.set("signature-input", input.replace("sig1=(", "sig1=(  ").replace(")", "  )"));
  assert.deepEqual((await authenticate(request)).replay, replay);
  assert.equal(hex.decode(replay!.hash).length, 32);
});

Deno.test("no field that is read as a dictionary takes over 4096 characters", async () => {
  for (const name of ["signature-input", "signature", "content-digest"]) {
    // Of another label, which is not looked at.
    const longer = (value: string) => `${value}, other=:${"A".repeat(4_096)}:`;
    const message = new RegExp(`^${name} takes at most 4096`);
    await refusedWith({ [name]: longer }, "invalid_request", message);
  }
});
