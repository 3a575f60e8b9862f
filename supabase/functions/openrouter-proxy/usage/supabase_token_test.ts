import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { JwtKey } from "../config/jwt_key.ts";
import { createTokenSigner, subjectOf } from "./supabase_token.ts";

const DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
const NOW = Date.parse("2026-11-27T10:00:00.900Z");

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function newKey(): Promise<JwtKey> {
  const { privateKey } = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const { x, y, d } = await crypto.subtle.exportKey("jwk", privateKey);
  return { kty: "EC", crv: "P-256", kid: "key-1", x: x!, y: y!, d: d! };
}

function decoded(part: string) {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}

Deno.test("a Supabase token has the claims of docs/protocol.md for an hour, and its kid", async () => {
  const sign = createTokenSigner(await newKey(), "https://gateway.example", () => NOW);
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
  const key = await newKey();
  const { token } = await createTokenSigner(key, "https://gateway.example", () => NOW)(DID);
  const [header, claims, signature] = token.split(".");
  async function isOf({ kty, crv, x, y }: JwtKey) {
    const publicKey = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, ALGORITHM, false, [
      "verify",
    ]);
    return await crypto.subtle.verify(
      ALGORITHM,
      publicKey,
      Buffer.from(signature!, "base64url"),
      Buffer.from(`${header}.${claims}`),
    );
  }
  assert.equal(await isOf(key), true);
  assert.equal(await isOf(await newKey()), false);
});

Deno.test("a key whose halves do not belong together signs nothing", async () => {
  const { d } = await newKey();
  const sign = createTokenSigner({ ...await newKey(), d }, "https://gateway.example", () => NOW);
  await assert.rejects(sign(DID), { message: "x and y of the key are not the public half of d" });
});

Deno.test("subjectOf makes version 5 of UUIDs in the namespace of URLs", async () => {
  // Python: uuid.uuid5(uuid.NAMESPACE_URL, …); RFC 9562, appendix A.4 has the namespace of DNS.
  assert.equal(await subjectOf(DID), "509bf747-ace8-576b-abc9-2508e82582dd");
  for (
    const [did, uuid] of [
      ["did:web:a", "1baef212-19db-56d5-a858-dc2fe5c5a2bb"],
      ["did:web:b", "43801815-7f1a-5fc9-96b7-69e8a1d192b2"],
      ["did:web:c", "c05eec0b-148c-56db-88ef-3faae447f5da"],
      ["did:web:d", "b5d6a3ad-b815-5a90-9747-7bf8539614b5"],
      ["did:web:e", "622b5e16-5d7d-5884-a84b-5cbd1a162a25"],
    ] as const
  ) assert.equal(await subjectOf(did), uuid);
  assert.notEqual(await subjectOf(DID.toLowerCase()), await subjectOf(DID));
});
