import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPublicKey, generateKeyPairSync, type JsonWebKey, verify } from "node:crypto";
import type { JwtKey } from "./jwt_key.ts";
import { createTokenSigner, subjectOf } from "./supabase_token.ts";

const DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
const NOW = Date.parse("2026-11-27T10:00:00.900Z");

function newKey(): JwtKey {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid: "key-1" } as JwtKey;
}

function decoded(part: string) {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}

Deno.test("a Supabase token has the claims of docs/protocol.md for an hour, and its kid", async () => {
  const sign = createTokenSigner(newKey(), "https://gateway.example", () => NOW);
  const { token, expiresAt } = await sign(DID);
  const [header = "", claims = ""] = token.split(".");
  assert.deepEqual(decoded(header), { alg: "ES256", kid: "key-1", typ: "JWT" });
  assert.deepEqual(decoded(claims), {
    iss: "https://gateway.example",
    aud: "authenticated",
    role: "authenticated",
    sub: "509bf747-ace8-576b-abc9-2508e82582dd",
    did: DID,
    iat: 1795773600,
    exp: 1795777200,
  });
  assert.equal(expiresAt.toISOString(), "2026-11-27T11:00:00.000Z");
});

Deno.test("the public half of the key verifies a Supabase token, and another key does not", async () => {
  const key = newKey();
  const { token } = await createTokenSigner(key, "https://gateway.example", () => NOW)(DID);
  const [header, claims, signature] = token.split(".");
  const isOf = ({ kty, crv, x, y }: JwtKey) =>
    verify(
      "sha256",
      Buffer.from(`${header}.${claims}`),
      {
        key: createPublicKey({ key: { kty, crv, x, y } as JsonWebKey, format: "jwk" }),
        dsaEncoding: "ieee-p1363",
      },
      Buffer.from(signature!, "base64url"),
    );
  assert.equal(isOf(key), true);
  assert.equal(isOf(newKey()), false);
});

Deno.test("a key whose halves do not belong together signs nothing", async () => {
  const { d } = newKey();
  const sign = createTokenSigner({ ...newKey(), d }, "https://gateway.example", () => NOW);
  await assert.rejects(sign(DID));
});

Deno.test("subjectOf makes version 5 of UUIDs in the namespace of URLs", async () => {
  // Python: uuid.uuid5(uuid.NAMESPACE_URL, …); RFC 9562, appendix A.4 has the namespace of DNS.
  assert.equal(await subjectOf(DID), "509bf747-ace8-576b-abc9-2508e82582dd");
  assert.notEqual(await subjectOf(DID.toLowerCase()), await subjectOf(DID));
});
