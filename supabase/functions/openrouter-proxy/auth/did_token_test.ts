import { base64urlnopad } from "@scure/base";
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
      if (alg === someone.alg) continue;
      await assertRefused(
        authenticate(bearer(await signedToken(someone, {}, { alg }))),
        "invalid_token",
        new RegExp(`alg must be .*${someone.alg}$`),
      );
    }
  });
}

Deno.test("did:pkh signs no tokens", async () => {
  const account = await newSigner("did:pkh");
  await assertRefused(
    authenticate(bearer(await signedToken(account))),
    "invalid_token",
    /did:pkh signs no tokens/,
  );
});

Deno.test("a token is valid for its life and 60 s on either side", async () => {
  const token = await signedToken(signer, { iat: NOW, exp: NOW + 600, nbf: NOW });
  const at = (seconds: number) => authenticatorWith({ now: () => seconds * 1000 })(bearer(token));
  for (const seconds of [NOW - 60, NOW, NOW + 600, NOW + 659.999]) await at(seconds);
  for (const seconds of [NOW - 60.001, NOW + 660]) {
    const refusal = await assertRefused(at(seconds), "invalid_token", /future|expired/);
    assert.deepEqual(refusal.details, { server_time: Math.floor(seconds) });
  }
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

Deno.test("each claim is checked", async () => {
  const bad: [Record<string, unknown>, RegExp][] = [
    ...[undefined, null, "", `${AUDIENCE}/`, AUDIENCE.toUpperCase(), [AUDIENCE], {}]
      .map((aud): [Record<string, unknown>, RegExp] => [{ aud }, /aud/]),
    ...[undefined, null, String(NOW), true, -1, [NOW]]
      .flatMap((value): [Record<string, unknown>, RegExp][] => [
        [{ iat: value }, /iat and exp/],
        [{ exp: value }, /iat and exp/],
      ]),
    [{ exp: NOW + 3601 }, /at most 3600 s/],
    [{ exp: NOW }, /after iat/],
    [{ exp: NOW - 1 }, /after iat/],
    [{ iat: NOW + 61 }, /iat is in the future/],
    [{ iat: NOW * 1000, exp: NOW * 1000 + 600 }, /iat is in the future/],
    [{ iat: NOW - 3600, exp: NOW - 60 }, /expired/],
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

Deno.test("header parameters that name other keys, and other types of token, are refused", async () => {
  const { jwk } = signer;
  const bad: Record<string, unknown>[] = [
    { crit: ["exp"] },
    { crit: [] },
    { jwk },
    { jku: "https://example.com" },
    ...["x5u", "x5c", "x5t", "x5t#S256"].map((name) => ({ [name]: "" })),
    ...[undefined, null, "at+jwt", "jwt", "JWS"].map((typ) => ({ typ })),
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
  for (const kid of [undefined, signer.did + fragment, fragment]) {
    await authenticate(bearer(await signedToken(signer, {}, { kid })));
  }
  for (
    const kid of ["", "#", "#0", signer.did, `${other.did}#${other.multikey}`, [fragment], 0, null]
  ) {
    await assertRefused(
      authenticate(bearer(await signedToken(signer, {}, { kid }))),
      "invalid_token",
      /kid/,
    );
  }
  const jwkSigner = await newSigner("did:jwk Ed25519");
  await authenticate(bearer(await signedToken(jwkSigner, {}, { kid: `${jwkSigner.did}#0` })));
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
  const lengthWith = async (padding: number) =>
    await signedToken(signer, { padding: "x".repeat(padding) });
  const overhead = (await lengthWith(0)).length;
  const fitting = await lengthWith(Math.floor((4096 - overhead) * 3 / 4) - 2);
  assert.ok(fitting.length <= 4096 && fitting.length > 4080);
  await authenticate(bearer(fitting));
  await assertRefused(authenticate(bearer(await lengthWith(3100))), "invalid_token");
});
