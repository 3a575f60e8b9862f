import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { base64urlnopad } from "@scure/base";
import { calculateJwkThumbprint } from "jose";
import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import {
  assertRefused,
  AUDIENCE,
  authenticatorWith,
  bearer,
  newSigner,
  NOW,
  signedToken,
  SIGNER_KINDS,
} from "../testing/signers.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key Ed25519");

for (const kind of SIGNER_KINDS.filter((kind) => kind !== "did:pkh")) {
  Deno.test(`${kind}: a token is accepted, again and again`, async () => {
    const someone = await newSigner(kind);
    const token = await signedToken(someone);
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await authenticate(bearer(token)), {
        did: someone.did,
        replay: null,
        tokenIssuedAt: new Date(NOW * 1000),
      });
    }
  });

  Deno.test(`${kind}: a token whose alg is another key type's is refused`, async () => {
    const someone = await newSigner(kind);
    for (
      const alg of ["EdDSA", "ES256", "ES256K", "Ed25519", "HS256", "none", "", null, undefined]
    ) {
      // RFC 9864's name of EdDSA with this curve.
      if (alg === someone.alg || (alg === "Ed25519" && someone.alg === "EdDSA")) continue;
      await assertRefused(
        authenticate(bearer(await signedToken(someone, {}, { alg }))),
        "invalid_token",
        new RegExp(`alg must be .*${someone.alg}$`),
      );
    }
  });
}

for (const kind of ["did:key Ed25519", "did:jwk P-256", "did:key secp256k1"] as const) {
  Deno.test(`${kind}: a kid may be the thumbprint of the key (RFC 7638)`, async () => {
    const someone = await newSigner(kind);
    const kid = await calculateJwkThumbprint(someone.jwk!);
    const token = await signedToken(someone, {}, { kid });
    assert.equal((await authenticate(bearer(token))).did, someone.did);
  });
}

Deno.test("a token as the ecosystem writes it is accepted", async () => {
  const forms: [claims: Record<string, unknown>, header: Record<string, unknown>][] = [
    [{ aud: [AUDIENCE] }, {}],
    [{}, { alg: "Ed25519" }],
    ...[undefined, "JWT", "jwt", "Jwt", "application/jwt", "Application/JWT"]
      .map((typ): [Record<string, unknown>, Record<string, unknown>] => [{}, { typ }]),
    [{ iat: NOW - 0.5, exp: NOW + 60.25 }, {}],
    [{}, { jwks: {}, nojwk: {}, critical: [], nocrit: [], jkus: "", ax5c: "" }],
    [{ jti: "1", sub: signer.did, nonce: "n", vc: {}, scope: "x" }, { cty: "x", b64: true }],
  ];
  for (const [claims, header] of forms) {
    const token = await signedToken(signer, claims, header);
    assert.equal((await authenticate(bearer(token))).did, signer.did, JSON.stringify(header));
  }
});

Deno.test("a member that is there twice is refused, because parsers take different ones", async () => {
  const header = `{"alg":"EdDSA","typ":"JWT"}`;
  const claims = `{"iss":"${signer.did}","aud":"${AUDIENCE}","iat":${NOW},"exp":${NOW + 60}}`;
  const with_ = (object: string, member: string) => `${object.slice(0, -1)},${member}}`;
  const sign = async (header: string, claims: string) => {
    const signed = [header, claims].map((text) => base64urlnopad.encode(utf8(text))).join(".");
    return bearer(`${signed}.${base64urlnopad.encode(await signer.sign(utf8(signed)))}`);
  };
  await authenticate(await sign(header, claims));
  for (
    const [h, c] of [
      [with_(header, '"alg":"EdDSA"'), claims],
      [header, with_(claims, `"iss":"${signer.did}"`)],
      [header, with_(claims, `"i\\u0073s":"${signer.did}"`)],
      [header, with_(claims, `"exp":${NOW + 60}`)],
      [header, with_(with_(claims, '"x":1'), '"x":1')],
    ] as const
  ) await assertRefused(authenticate(await sign(h, c)), "invalid_token", /twice/);
  await authenticate(await sign(header, with_(claims, '"a":{"iss":1},"b":{"iss":2}')));
});

Deno.test("did:pkh signs no tokens", async () => {
  const account = await newSigner("did:pkh");
  for (const alg of [account.alg, "EIP191", "none", "", null, undefined]) {
    await assertRefused(
      authenticate(bearer(await signedToken(account, {}, { alg }))),
      "invalid_token",
      /did:pkh signs no tokens/,
    );
  }
});

Deno.test("a token is valid for its life and 60 s on either side", async () => {
  const token = await signedToken(signer, { iat: NOW, exp: NOW + 600, nbf: NOW });
  const at = (seconds: number) => authenticatorWith({ now: () => seconds * 1000 })(bearer(token));
  for (const seconds of [NOW - 60, NOW, NOW + 600, NOW + 659.999]) await at(seconds);
  const early = await assertRefused(at(NOW - 60.001), "invalid_token", /iat is in the future/);
  assert.deepEqual(early.details, { server_time: NOW - 61 });
  const late = await assertRefused(at(NOW + 660), "expired_token");
  assert.equal(
    late.message,
    "the token has expired at 2026-11-22T18:10:00.000Z, 60 s ago: make a new one",
  );
  assert.deepEqual(late.details, { server_time: NOW + 660 });
});

Deno.test("a token lives at most as long as the gateway allows", async () => {
  await authenticate(bearer(await signedToken(signer, { exp: NOW + 3600 })));
  const shorter = authenticatorWith({ maxTokenLifetimeSeconds: 60 });
  await shorter(bearer(await signedToken(signer, { exp: NOW + 60 })));
  await assertRefused(
    shorter(bearer(await signedToken(signer, { exp: NOW + 61 }))),
    "invalid_token",
  );
});

Deno.test("a refusal repeats 200 characters of a claim at most", async () => {
  const told = async (length: number) => {
    const aud = "x".repeat(length - '""'.length);
    const refused = authenticate(bearer(await signedToken(signer, { aud })));
    return (await assertRefused(refused, "invalid_token")).message.split("; ").at(-1);
  };
  assert.match((await told(200))!, /"x{198}"$/);
  assert.match((await told(201))!, /"x{199}…$/);
});

Deno.test("each claim is checked", async () => {
  const bad: [Record<string, unknown>, RegExp][] = [
    ...[
      ...[undefined, null, "", `${AUDIENCE}/`, AUDIENCE.toUpperCase(), {}, 0, true],
      ...[[], [""], [AUDIENCE, AUDIENCE], [AUDIENCE, "x"], [[AUDIENCE]], [null], [undefined]],
      { 0: AUDIENCE, length: 1 },
    ].map((aud): [Record<string, unknown>, RegExp] => [{ aud }, /^aud must be exactly/]),
    ...[undefined, null, String(NOW), true, -1, [NOW]]
      .flatMap((value): [Record<string, unknown>, RegExp][] => [
        [{ iat: value }, /iat and exp/],
        [{ exp: value }, /iat and exp/],
      ]),
    [{ exp: NOW + 3601 }, /at most 3600 s/],
    // The first of all instants, and no less of one.
    [{ iat: 0 }, /at most 3600 s/],
    [{ exp: NOW }, /after iat/],
    [{ exp: NOW - 1 }, /after iat/],
    [{ iat: NOW + 61 }, /iat is in the future/],
    [{ iat: NOW * 1000, exp: NOW * 1000 + 600 }, /iat is in the future/],
    [{ nbf: NOW + 61 }, /nbf/],
    [{ nbf: "0" }, /nbf/],
    ...[undefined, null, 1, "", "supabase", "DID:key:z", [signer.did]]
      .map((iss): [Record<string, unknown>, RegExp] => [{ iss }, /no DID token/]),
  ];
  for (const [claims, message] of bad) {
    await assertRefused(
      authenticate(bearer(await signedToken(signer, claims))),
      "invalid_token",
      message,
    );
  }
});

Deno.test("an iss that is no usable DID is refused as x-did would be", async () => {
  await assertRefused(
    authenticate(bearer(await signedToken(signer, { iss: "did:example:123" }))),
    "unsupported_did_method",
  );
  await assertRefused(
    authenticate(bearer(await signedToken(signer, { iss: `${signer.did}#key` }))),
    "invalid_did",
  );
});

Deno.test("another's token is refused", async () => {
  const other = await newSigner("did:key Ed25519");
  const token = await signedToken(signer, { iss: other.did });
  await assertRefused(authenticate(bearer(token)), "invalid_token", /signature/);
});

Deno.test("a token whose signature is in DER is told so", async () => {
  for (
    const [kind, curve] of [["did:key P-256", p256], ["did:jwk secp256k1", secp256k1]] as const
  ) {
    const token = await signedToken(await newSigner(kind));
    const [header, claims, signature] = token.split(".") as [string, string, string];
    const raw = base64urlnopad.decode(signature);
    const der = curve.Signature.fromBytes(raw, "compact").toBytes("der");
    await assertRefused(
      authenticate(bearer(`${header}.${claims}.${base64urlnopad.encode(der)}`)),
      "invalid_token",
      /ASN\.1 DER.*ieee-p1363/,
    );
  }
});

Deno.test("header parameters that name other keys, and other types of token, are refused", async () => {
  const { jwk } = signer;
  const bad: Record<string, unknown>[] = [
    { crit: ["exp"] },
    { crit: [] },
    { jwk },
    { jku: "https://example.com" },
    ...["x5", "x5u", "x5c", "x5t", "x5t#S256"].map((name) => ({ [name]: "" })),
    ...[null, "", 0, ["JWT"], "at+jwt", "dpop+jwt", "application/at+jwt", "JWS", "JOSE", " JWT"]
      .map((typ) => ({ typ })),
    ...["application/application/jwt", "jwt+ld+json", "text/jwt"].map((typ) => ({ typ })),
  ];
  for (const header of bad) {
    await assertRefused(
      authenticate(bearer(await signedToken(signer, {}, header))),
      "invalid_token",
    );
  }
});

Deno.test("a kid must name the key of iss", async () => {
  const other = await newSigner("did:key Ed25519");
  const fragment = `#${signer.multikey}`;
  const ownThumbprint = await calculateJwkThumbprint(signer.jwk!);
  for (
    const kid of [undefined, signer.did + fragment, fragment, signer.multikey, ownThumbprint]
  ) {
    await authenticate(bearer(await signedToken(signer, {}, { kid })));
  }
  for (
    const kid of [
      ...["", "#", "#0", signer.did, `${signer.did}#`, `${other.did}#${other.multikey}`],
      ...[other.multikey, await calculateJwkThumbprint(other.jwk!), `#${ownThumbprint}`],
      ...[await calculateJwkThumbprint(signer.jwk!, "sha384"), `${ownThumbprint}=`],
      ...[[fragment], 0, null, {}],
    ]
  ) {
    await assertRefused(
      authenticate(bearer(await signedToken(signer, {}, { kid }))),
      "invalid_token",
      /kid/,
    );
  }
  const jwkSigner = await newSigner("did:jwk Ed25519");
  for (const kid of [`${jwkSigner.did}#0`, "#0", "0"]) {
    await authenticate(bearer(await signedToken(jwkSigner, {}, { kid })));
  }
});

Deno.test("what is no compact JWS of two JSON objects is no token", async () => {
  const token = await signedToken(signer);
  const [header, claims, signature] = token.split(".") as [string, string, string];
  const part = (text: string) => base64urlnopad.encode(utf8(text));
  const bad = [
    "",
    "x",
    "sk-or-v1-abc",
    "..",
    `${header}.${claims}`,
    `${header}.${claims}.`,
    `${token}.`,
    `${token}=`,
    `${header}=.${claims}.${signature}`,
    ...["[]", "null", '"x"', "{", "\uFEFF{}"].flatMap((text) => [
      `${part(text)}.${claims}.${signature}`,
      `${header}.${part(text)}.${signature}`,
    ]),
    `${header}.${base64urlnopad.encode(Uint8Array.of(0x22, 0xff, 0x22))}.${signature}`,
  ];
  for (const text of bad.filter(Boolean)) {
    await assertRefused(authenticate(bearer(text)), "invalid_token");
  }
  await assertRefused(authenticate(bearer("")), "missing_credentials");
});

Deno.test("a token has at most 4096 characters", async () => {
  const padded = (bytes: number) => signedToken(signer, { padding: "x".repeat(bytes) });
  const fitting = await padded(2804);
  assert.equal(fitting.length, 4096);
  await authenticate(bearer(fitting));
  await assertRefused(authenticate(bearer(await padded(2805))), "invalid_token");
});
