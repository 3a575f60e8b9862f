import assert from "node:assert/strict";
import {
  assertRefused,
  authenticatorWith,
  newSigner,
  NOW,
  requestWith,
  signedToken,
} from "../testing/signers.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key Ed25519");
const jwt = (claims: Record<string, unknown>) =>
  signedToken(signer, { iss: "supabase", ...claims });
const SECRET = "c2VjcmV0LXNlY3JldA";
const good = await signedToken(signer);

for (
  const [headers, type, message] of [
    [{}, "missing_credentials", /^send a DID token/],
    [{ authorization: `DPoP ${SECRET}` }, "missing_credentials", /^DPoP \(RFC 9449\)/],
    [{ authorization: `dpop ${good}`, dpop: SECRET }, "missing_credentials", /^DPoP/],
    [{ authorization: `DIDAuthV1 {"x":"${SECRET}"}` }, "missing_credentials", /^DIDAuthV1/],
    [{ authorization: `Basic ${SECRET}` }, "missing_credentials", /^Basic/],
    [{ authorization: `Digest username="${SECRET}"` }, "missing_credentials", /^Digest/],
    [{ authorization: `DID ${SECRET}` }, "missing_credentials", /^DID as a scheme/],
    [{ authorization: `Signature keyId="${SECRET}"` }, "missing_credentials", /RFC 9421/],
    [{ authorization: `Negotiate ${SECRET}` }, "missing_credentials", /no scheme .* knows/],
    [{ authorization: `constructor ${SECRET}` }, "missing_credentials", /no scheme .* knows/],
    [{ authorization: SECRET }, "missing_credentials", /no scheme .* knows/],
    [{ authorization: good }, "missing_credentials", /without its scheme.*Bearer <token>/],
    [{ authorization: `siwe.${SECRET}.${SECRET}` }, "missing_credentials", /without its scheme/],
    [{ authorization: "Bearer" }, "missing_credentials", /Bearer holds no token/],
    [{ authorization: `Bearer ${SECRET} ${SECRET}` }, "missing_credentials", /more than one word/],
    [
      { authorization: `Bearer ${good}, Bearer ${good}` },
      "missing_credentials",
      /^Authorization: Bearer holds more than one word, or was sent twice\. Instead/,
    ],
    [
      { "x-api-key": `${good}, ${good}` },
      "invalid_token",
      /^x-api-key holds more than one word, or was sent twice: no DID token\. Instead/,
    ],
    [{ "x-api-key": `Bearer ${good}` }, "invalid_token", /^x-api-key holds more than one word/],
    [
      { signature: `keyId="k",signature="${SECRET}"` },
      "missing_credentials",
      /^Signature.*RFC 9421/,
    ],
    [
      { "signature-input": '();keyid="k"', signature: "sig1=:AAAA:" },
      "missing_credentials",
      /Signature-Input \(RFC 9421\) whose keyid is a DID/,
    ],
    [
      { "signature-input": "s=();created=1; keyid=did:key:z6Mk", signature: "s=:AAAA:" },
      "missing_credentials",
      /^Signature-Input's keyid is a DID without the quotes of a string\. Instead/,
    ],
    [{ apikey: `sb_publishable_${SECRET}` }, "missing_credentials", /^apikey is for Supabase/],
    ...([
      [`sk-or-v1-${SECRET}`, /an OpenRouter key/],
      [`sk-ant-api03-${SECRET}`, /a key of Anthropic's/],
      [`sk-proj-${SECRET}`, /a key of OpenAI's kind/],
      [`sk-${SECRET}`, /a key of OpenAI's kind/],
      [`sb_publishable_${SECRET}`, /a publishable key of Supabase's/],
      [`sb_secret_${SECRET}`, /a secret key of Supabase's/],
      [await jwt({ role: "anon" }), /a JWT of Supabase's \(anon\)/],
      [await jwt({ role: "service_role" }), /a JWT of Supabase's \(service_role\)/],
      [await jwt({ role: "authenticated", sub: "1" }), /a JWT of Supabase's \(authenticated\)/],
      [await jwt({ role: SECRET }), /a JWT whose iss is no DID/],
      [await jwt({ pad: "x".repeat(4096) }), /over 4096 characters/],
      [SECRET, /no JWT/],
    ] as const).flatMap(([text, what]): [Record<string, string>, string, RegExp][] => [
      [
        { authorization: `Bearer ${text}` },
        "invalid_token",
        withSource(/^Authorization: Bearer holds /, what),
      ],
      [{ "x-api-key": text }, "invalid_token", withSource(/^x-api-key holds /, what)],
      [{ authorization: `Basic ${SECRET}`, "x-api-key": text }, "invalid_token", what],
    ]),
    [
      { authorization: `Bearer ${SECRET}`, "x-api-key": `sk-or-v1-${SECRET}` },
      "invalid_token",
      /^Authorization: Bearer holds no JWT; x-api-key holds an OpenRouter key/,
    ],
  ] as [Record<string, string>, "invalid_token", RegExp][]
) {
  const what = JSON.stringify(headers).replaceAll(/\\+"/g, "'").slice(0, 60);
  Deno.test(`${what}: named, with what to send, and without what it held`, async () => {
    const refusal = await assertRefused(authenticate(requestWith(headers)), type, message);
    assert.match(refusal.message, /send a DID token .* or sign the request \(x-did/);
    assert.ok(!refusal.message.includes(SECRET), refusal.message);
    assert.deepEqual(refusal.details, type === "invalid_token" ? { server_time: NOW } : {});
  });
}

Deno.test("a token is told from what another scheme carries", async () => {
  const token = "eyJhbGciOiJFZERTQSJ9.e30.c2ln";
  for (
    const [authorization, told] of [
      [token, /^Authorization holds a token without its scheme/],
      [`Own ${token}`, /^Authorization holds no scheme that the gateway knows/],
      [`Own-${token}`, /^Authorization holds no scheme that the gateway knows/],
    ] as const
  ) {
    await assertRefused(authenticate(requestWith({ authorization })), "missing_credentials", told);
  }
});

function withSource(first: RegExp, second: RegExp): RegExp {
  return new RegExp(first.source + second.source);
}
