import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import {
  assertRefused,
  authenticatorWith,
  newSigner,
  NOW,
  requestWith,
  signedRequest,
  signedToken,
} from "../testing/signers.ts";
import { walletSession } from "../testing/wallet_sessions.ts";
import { type PresentedToken, verifyOneOf } from "./presented_tokens.ts";

const authenticate = authenticatorWith();
const [signer, other] = [await newSigner("did:key Ed25519"), await newSigner("did:key P-256")];
const account = await newSigner("did:pkh");

const good = await signedToken(signer);
const second = await signedToken(signer, { iat: NOW - 5 });
const expired = await signedToken(signer, { iat: NOW - 1000, exp: NOW - 500 });
const forged = await signedToken(other, { iss: signer.did }, { alg: "EdDSA" });
const session = await walletSession(account);
const supabaseJwt = await signedToken(signer, { iss: "supabase", role: "anon" });
const PLACEHOLDERS = ["dummy", "sk-or-v1-abc", "sb_publishable_abc", supabaseJwt, "a.b.c"];

/** What each header holds; undefined: it is not sent. */
type Presented = [authorization: string | undefined, apiKey: string | undefined];

function presenting([authorization, apiKey]: Presented) {
  return requestWith({
    ...(authorization === undefined ? {} : { authorization }),
    ...(apiKey === undefined ? {} : { "x-api-key": apiKey }),
  });
}

for (
  const [what, presented, did] of [
    ["a DID token as Bearer", [`Bearer ${good}`, undefined], signer.did],
    ["a DID token in x-api-key", [undefined, good], signer.did],
    ["a wallet session as Bearer", [`Bearer ${session}`, undefined], account.did],
    ["a wallet session in x-api-key", [undefined, session], account.did],
    ["the same token in both", [`Bearer ${good}`, good], signer.did],
    ["two tokens of one DID", [`Bearer ${good}`, second], signer.did],
    ["an expired Bearer of the DID of a good token", [`Bearer ${expired}`, good], signer.did],
    ["an expired token beside a good Bearer", [`bearer ${good}`, expired], signer.did],
    ["a forged Bearer of the DID of a good token", [`Bearer ${forged}`, good], signer.did],
    ["a broken session beside a good token", ["Bearer siwe.x.y", good], signer.did],
    ["Basic beside a good token", ["Basic YTpi", good], signer.did],
    ["an empty Bearer beside a good token", ["Bearer ", good], signer.did],
    ["an empty x-api-key beside a good Bearer", [`Bearer ${good}`, ""], signer.did],
    ...PLACEHOLDERS.flatMap((placeholder): [string, Presented, string][] => [
      [`the Bearer ${placeholder.slice(0, 20)} beside a token`, [
        `Bearer ${placeholder}`,
        good,
      ], signer.did],
      [`the Bearer ${placeholder.slice(0, 20)} beside a session`, [
        `Bearer ${placeholder}`,
        session,
      ], account.did],
      [`a token as Bearer beside ${placeholder.slice(0, 20)}`, [
        `Bearer ${good}`,
        placeholder,
      ], signer.did],
    ]),
  ] as [string, Presented, string][]
) {
  Deno.test(`${what}: accepted`, async () => {
    assert.equal((await authenticate(presenting(presented))).did, did);
  });
}

Deno.test("a token that stands right behind the word Bearer is none", async () => {
  const glued = authenticate(presenting([`Bearer${good}`, undefined]));
  await assertRefused(glued, "missing_credentials");
});

Deno.test("the token that is good is the one whose age counts", async () => {
  const { tokenIssuedAt } = await authenticate(presenting([`Bearer ${expired}`, second]));
  assert.deepEqual(tokenIssuedAt, new Date((NOW - 5) * 1000));
});

const otherGood = await signedToken(other);
for (
  const [what, presented] of [
    ["two good tokens of two DIDs", [`Bearer ${good}`, otherGood]],
    ["a token and a session of two DIDs", [`Bearer ${good}`, session]],
    ["a session and a token of two DIDs", [`Bearer ${session}`, good]],
    ["an expired token of another DID", [`Bearer ${expired}`, otherGood]],
    ["a token of a DID of no method that is supported", [
      `Bearer ${await signedToken(signer, { iss: "did:example:1" })}`,
      good,
    ]],
  ] as [string, Presented][]
) {
  Deno.test(`${what}: refused, because they name two`, async () => {
    await assertRefused(authenticate(presenting(presented)), "invalid_token", /name two DIDs/);
  });
}

Deno.test("two spellings of one account are one DID", async () => {
  const iss = account.did.replace(/0x.*/, (address) => `0x${address.slice(2).toUpperCase()}`);
  const token = await signedToken(account, { iss });
  // The wallet signs no JWT; but it is nobody else's, so that the session counts.
  assert.equal((await authenticate(presenting([`Bearer ${token}`, session]))).did, account.did);
});

Deno.test("of two bad tokens the Bearer's refusal is told", async () => {
  await assertRefused(authenticate(presenting([`Bearer ${expired}`, forged])), "expired_token");
  await assertRefused(
    authenticate(presenting([`Bearer ${forged}`, expired])),
    "invalid_token",
    /signature/,
  );
  await assertRefused(authenticate(presenting(["Bearer dummy", expired])), "expired_token");
});

Deno.test("a header that was sent twice holds no token", async () => {
  for (const name of ["authorization", "x-api-key"]) {
    const value = name === "authorization" ? `Bearer ${good}` : good;
    const request = requestWith([[name, value], [name, value]]);
    await assert.rejects(authenticate(request), { status: 401 });
  }
});

for (const name of ["authorization", "x-api-key"]) {
  const value = (token: string) => name === "authorization" ? `Bearer ${token}` : token;

  Deno.test(`a token in ${name} beside a signature must name the same DID`, async () => {
    for (const token of [good, expired, forged, ...PLACEHOLDERS, "siwe.x.y"]) {
      const request = await signedRequest(signer, {}, { [name]: value(token) });
      assert.equal((await authenticate(request)).did, signer.did);
    }
    for (const token of [otherGood, session, await signedToken(signer, { iss: other.did })]) {
      const request = await signedRequest(signer, {}, { [name]: value(token) });
      await assertRefused(authenticate(request), "invalid_token", /x-did.* name two DIDs/);
    }
    const request = await signedRequest(account, {}, { [name]: value(session) });
    assert.equal((await authenticate(request)).did, account.did);
  });

  Deno.test(`a token in ${name} does not stand in for a signature`, async () => {
    const { method, pathAndQuery, headers, body } = await signedRequest(signer);
    headers.set(name, value(good));
    headers.set("x-did-nonce", "another");
    await assertRefused(
      authenticate({ method, pathAndQuery, headers, body }),
      "invalid_signature",
    );
  });
}

Deno.test("of two bad tokens a failure that is not theirs is told first", async () => {
  const tokens: PresentedToken[] = (["invalid_token", "store_unavailable"] as const).map((
    type,
  ) => ({
    claimedDid: signer.did,
    verify: () => Promise.reject(new GatewayError(type, type)),
  }));
  for (const order of [tokens, tokens.toReversed()]) {
    await assertRefused(verifyOneOf(order), "store_unavailable");
  }
});

Deno.test("a failure of the gateway's own is not passed over for another token", async () => {
  const own = new TypeError("the gateway's own");
  const tokens: PresentedToken[] = [
    { claimedDid: signer.did, verify: () => Promise.reject(own) },
    {
      claimedDid: signer.did,
      verify: () => Promise.resolve({ did: signer.did, issuedAt: new Date(), expiresAt: Infinity }),
    },
  ];
  await assert.rejects(verifyOneOf(tokens), own);
});
