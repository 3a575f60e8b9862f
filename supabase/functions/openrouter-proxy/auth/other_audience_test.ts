import assert from "node:assert/strict";
import {
  assertRefused,
  AUDIENCE,
  authenticatorWith,
  newSigner,
  NOW,
  signedRequest,
  SIGNER_KINDS,
} from "../testing/signers.ts";
import { createAudienceSearch, likelyAudiences } from "./other_audience.ts";

const PATH = "/functions/v1/openrouter-proxy";
const LOCAL = `http://127.0.0.1:54321${PATH}`;
const signer = await newSigner("did:key Ed25519");

for (
  const [audience, host, meant] of [
    [LOCAL, "127.0.0.1:54321", `http://localhost:54321${PATH}`],
    [LOCAL, "localhost:54321", `http://localhost:54321${PATH}`],
    [`http://localhost:54321${PATH}`, null, LOCAL],
    [`http://kong:8000${PATH}`, "127.0.0.1:54321", LOCAL],
    [`http://kong:8000${PATH}`, "api.example.com", `https://api.example.com${PATH}`],
    [`http://kong:8000${PATH}`, "API.example.com:8443", `https://API.example.com:8443${PATH}`],
    [`http://kong:8000${PATH}`, "api.example.com", `http://api.example.com${PATH}`],
    [`http://kong:8000${PATH}`, "gateway:8000", `http://gateway:8000${PATH}`],
    [AUDIENCE, "gateway.example", `http://gateway.example${PATH}`],
    [AUDIENCE, "gateway.example", `${AUDIENCE}/`],
    [AUDIENCE, "gateway.example", "https://gateway.example"],
    [AUDIENCE, null, `${AUDIENCE}/api/v1/openrouter`],
    [AUDIENCE, "my-gateway.example:8443", `https://my-gateway.example:8443${PATH}`],
    [AUDIENCE, "ref.supabase.co", `https://ref.supabase.co${PATH}`],
  ] as const
) {
  Deno.test(`a signature for ${meant} at ${audience}, called as ${host}, is told apart`, async () => {
    const authenticate = authenticatorWith({ audience });
    const headers: Record<string, string> = host === null ? {} : { host };
    const request = await signedRequest(signer, { audience: meant }, headers);
    const refusal = await assertRefused(authenticate(request), "invalid_signature");
    assert.equal(
      refusal.message,
      `x-did-signature is right for the audience ${meant}; this gateway's is ${audience}: ` +
        "sign with that as the second line",
    );
    assert.match(
      String(refusal.details.signed_message),
      new RegExp(`^llm-gateway:v1\n${audience}\n`),
    );
  });
}

for (const kind of SIGNER_KINDS) {
  Deno.test(`${kind}: the audience that was signed for is found`, async () => {
    const request = await signedRequest(await newSigner(kind), { audience: `${AUDIENCE}/` });
    await assertRefused(
      authenticatorWith()(request),
      "invalid_signature",
      /is right for .*proxy\/;/,
    );
  });
}

Deno.test("an audience that nobody guesses is not found, and the gateway's own is told", async () => {
  for (const audience of ["", "https://elsewhere.example", AUDIENCE.toUpperCase()]) {
    const request = await signedRequest(signer, { audience });
    await assertRefused(
      authenticatorWith()(request),
      "invalid_signature",
      new RegExp(`the audience, is ${AUDIENCE}, whatever`),
    );
  }
});

Deno.test("at most four guesses are made, the gateway's own audience not among them", () => {
  for (const audience of [LOCAL, AUDIENCE, `http://localhost${PATH}`, "https://a.example"]) {
    for (const host of [null, "", "a.example", "localhost:1", "b.example:8000", "[::1]:9"]) {
      const guesses = likelyAudiences(audience, host);
      assert.ok(guesses.length >= 3 && guesses.length <= 4, guesses.join());
      assert.equal(new Set([...guesses, audience]).size, guesses.length + 1);
    }
  }
  assert.deepEqual(likelyAudiences("urn:gateway", "a.example"), []);
});

Deno.test("a Host that is none is not repeated", () => {
  for (const host of ["a b", "a\nb", "a/b", "a@b", "<script>", "a".repeat(254), "[a", "a:b"]) {
    assert.ok(!likelyAudiences(AUDIENCE, host).some((guess) => guess.includes(host)), host);
  }
});

Deno.test("one refused request a second is looked into, so that nobody can make the gateway verify", async () => {
  let now = NOW * 1000;
  const search = createAudienceSearch({ audience: AUDIENCE, now: () => now });
  let verifications = 0;
  const refused = () => search(null, () => Promise.resolve(++verifications < 0));
  for (let n = 0; n < 100; n++) await refused();
  assert.equal(verifications, 4);
  now += 999;
  await refused();
  assert.equal(verifications, 4);
  now += 1;
  await refused();
  assert.equal(verifications, 8);
  // A clock that was set back does not end the search for good.
  now -= 3_600_000;
  await refused();
  assert.equal(verifications, 12);
});
