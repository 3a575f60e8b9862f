import assert from "node:assert/strict";
import { createKnownTokens } from "./known_tokens.ts";

const TOKEN = { did: "did:key:z6Mk", issuedAt: new Date(1_000_000), expiresAt: 4_600 };

Deno.test("a known token is found until it has expired, the skew included", () => {
  let now = 4_500_000;
  const tokens = createKnownTokens(() => now);
  tokens.remember("a.b.c", TOKEN);
  assert.equal(tokens.find("a.b.c"), TOKEN);
  assert.equal(tokens.find("a.b.d"), null);
  now = 4_659_999;
  assert.equal(tokens.find("a.b.c"), TOKEN);
  now = 4_660_000;
  assert.equal(tokens.find("a.b.c"), null);
});

Deno.test("a token of a DID whose keys may change is verified each time", () => {
  const tokens = createKnownTokens(() => 1_000_000);
  tokens.remember("a.b.c", { ...TOKEN, did: "did:web:example.com" });
  assert.equal(tokens.find("a.b.c"), null);
});

Deno.test("of thousands of known tokens those used least recently are forgotten", () => {
  const tokens = createKnownTokens(() => 1_000_000);
  for (let i = 0; i <= 2_000; i++) tokens.remember(`token ${i}`, TOKEN);
  assert.equal(tokens.find("token 0"), null);
  assert.equal(tokens.find("token 1"), TOKEN);
});
